import type { BuildRow } from '../ledger/index.js';
import { attemptTag } from './decide/naming.js';
import type { Place } from './job.js';
import type { Engine } from './ports.js';

/** The engine's name for the last image of each component and target: its layers are the next push's cache. */
const CACHE = 'layerwright-cache';

/**
 * Takes away what a build left in the engine: its names, containers, dangling images; those of earlier attempts too, as
 * a process that was killed had no time for it. The image of a completed push stays under one name a component and
 * target, in the place of the one before.
 */
export async function leaveEngineClean(
  engine: Engine,
  { build, repository, engineHost }: Place,
  row: BuildRow | null,
): Promise<void> {
  const nameOf = (attempt: number): string => `${engineHost}/${repository}:${attemptTag(build.id, attempt)}`;
  for (let attempt = 1; attempt < build.attempt; attempt += 1) await engine.removeReference(nameOf(attempt));
  const isCache = row?.state === 'completed' && build.cause.type === 'push' && build.kind === 'official';
  if (isCache && row.attempt === build.attempt)
    await engine.keepAsCache(nameOf(build.attempt), cacheName(build.target, build.component));
  else await engine.removeReference(nameOf(build.attempt));
  await engine.cleanUp(build.id);
}

function cacheName(target: string, component: string): string {
  return `${CACHE}/${target.toLowerCase().replace(/[^a-z0-9]+/g, '-')}/${component}:latest`;
}
