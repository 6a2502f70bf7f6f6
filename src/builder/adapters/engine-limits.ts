/** Limits of a build that its engine can't enforce: what becomes of them, and how it is said. */
import type { EngineBuild } from '../ports.js';

/** True: the engine enforces it. */
export interface EngineLimits {
  readonly memory: boolean;
  readonly cpu: boolean;
}

/** Without the limits that the engine can't enforce: Docker drops these without a word, Podman's runtime fails on them. */
export function enforceable(build: EngineBuild, { memory, cpu }: EngineLimits): EngineBuild {
  return { ...build, memoryBytes: memory ? build.memoryBytes : null, cpu: cpu ? build.cpu : null };
}

/** A line for the output of a build that has a limit which the engine can't enforce; null for all others. */
export function unenforced({ memoryBytes, cpu }: EngineBuild, limits: EngineLimits): string | null {
  const names = [
    ...(memoryBytes === null || limits.memory ? [] : ['limits.memory']),
    ...(cpu === null || limits.cpu ? [] : ['limits.cpu']),
  ];
  if (names.length === 0) return null;
  const [are, them] = names.length === 1 ? ['is', 'it'] : ['are', 'them'];
  return `[${names.join(' and ')} ${are} not enforced, as this engine has no control groups for ${them}: see docs/engines.md, or set ${them} to null]`;
}
