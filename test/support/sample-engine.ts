import type { EngineInfo } from '../../src/builder/ports.js';

/** What an engine in memory says of itself. */
export const SAMPLE_ENGINE: EngineInfo = {
  kind: 'docker',
  version: '20.10.24',
  apiVersion: '1.41',
  platform: 'linux/amd64',
  limitsMemory: true,
  limitsCpu: true,
};
