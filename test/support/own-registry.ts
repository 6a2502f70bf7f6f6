/** A registry of a run's own, to be killed and started again with what it has. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../scripts/lib/services.mjs';
import { endChild } from './end-child.js';
import { requireRegistryProgram } from './services.js';
import { until } from './until.js';

export interface OwnRegistry {
  readonly url: string;
  kill(): Promise<void>;
  /** Resolves when it answers. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startOwnRegistry(folder: string): Promise<OwnRegistry> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(folder, 'config.json');
  const settings = {
    version: '0.1',
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
  };
  await writeFile(config, JSON.stringify(settings)); // YAML takes JSON.
  let child: ChildProcess | null = null;
  const start = async (): Promise<void> => {
    child = spawn(requireRegistryProgram().url, ['serve', config], { stdio: 'ignore' });
    await until('the registry answers', async () => (await fetch(`${url}/v2/`).catch(() => null))?.ok === true);
  };
  await start();
  return { url, start, kill: () => endChild(child, 'SIGKILL'), stop: () => endChild(child, 'SIGTERM') };
}
