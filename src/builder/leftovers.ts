import type { Claim } from '../bus/index.js';
import { toError } from '../kernel/service-error.js';
import type { BuildRow, Ledger } from '../ledger/index.js';
import { retry } from '../runtime/retry.js';
import { attemptTag } from './decide/naming.js';
import type { Place } from './job.js';
import { type Patience, patiently, TELLING } from './patience.js';
import type { Engine, OtherBuilds } from './ports.js';

/** The engine's name for the last image of each component and target: its layers are the next push's cache. */
const CACHE = 'layerwright-cache';

/** What an attempt has had, its claim held or lost. */
interface Attempt {
  readonly place: Place;
  readonly claim: Claim;
  readonly engine: Engine;
  /**
   * Of its tags, while they are its: who takes them next takes the cache's name next. Podman gives a name back that one
   * call takes from an image while another gives it one.
   */
  readonly tags: readonly Claim[];
}

/**
 * Cleans the engine after an attempt, whatever became of its claim, and releases the tags' claim: no other build waits
 * for an engine that is away. Never throws: what can't be cleaned is logged.
 */
export async function cleanAfter(ledger: Ledger, patience: Patience, attempt: Attempt): Promise<void> {
  const clean = (): Promise<void> => cleanOnce(ledger, attempt);
  const first = async (): Promise<void> => {
    try {
      await clean();
    } finally {
      for (const claim of attempt.tags) await claim.release();
    }
  };
  try {
    await first().catch(async (thrown: unknown) => {
      // The next attempt cleans after this one. After a build that has ended nobody comes: an engine is waited for.
      if (!(await hasEnded(ledger, attempt.place.build.id))) throw thrown;
      await patiently(patience, 'clean', clean);
    });
  } catch (thrown) {
    patience.log.warn({ err: toError(thrown) }, 'the engine could not be cleaned after a build');
  }
}

async function cleanOnce(ledger: Ledger, { place, claim, engine }: Attempt): Promise<void> {
  const { id } = place.build;
  const others = othersIn(ledger);
  if (!claim.lost.aborted) return leaveEngineClean(engine, place, ledger.build(id), others);
  // Our containers have no label, so that nobody else knows them.
  await engine.removeContainers(id);
  // Another process may be building under the same label; it cleans up after both, unless it has done so already.
  if (await hasEnded(ledger, id)) await leaveEngineClean(engine, place, null, others);
}

function othersIn(ledger: Ledger): OtherBuilds {
  return {
    hasEnded: (other) => ledger.build(other)?.ended === true,
    // A request that is not folded yet finds what it would have had as its cache gone, or is tried again.
    isIdle: ({ component, target }) =>
      ledger.builds({ component, target, limit: 1 }).length > 0 &&
      ledger.builds({ component, target, states: ['requested', 'started'], limit: 1 }).length === 0,
    isQuiet: () => ledger.builds({ states: ['requested', 'started'], limit: 1 }).length === 0,
  };
}

async function hasEnded(ledger: Ledger, id: string): Promise<boolean> {
  // What took the claim may have taken the log away too; it comes back.
  await retry(TELLING, () => ledger.caughtUp());
  return ledger.build(id)?.ended === true;
}

/**
 * Takes away what a build left in the engine: its names, containers, dangling images; those of earlier attempts too, as
 * a process that was killed had no time for it, and what other builds that have ended could not be rid of. The image of a
 * completed push stays under one name a component and target, in the place of the one before.
 */
export async function leaveEngineClean(
  engine: Engine,
  { build, repository, engineHost }: Place,
  row: BuildRow | null,
  others?: OtherBuilds,
): Promise<void> {
  const nameOf = (attempt: number): string => `${engineHost}/${repository}:${attemptTag(build.id, attempt)}`;
  try {
    for (let attempt = 1; attempt < build.attempt; attempt += 1) await engine.removeReference(nameOf(attempt));
    const isCache = row?.state === 'completed' && build.cause.type === 'push' && build.kind === 'official';
    if (isCache && row.attempt === build.attempt)
      await engine.keepAsCache(nameOf(build.attempt), cacheName(build.target, build.component));
    else await engine.removeReference(nameOf(build.attempt));
  } finally {
    // Whatever became of a name: containers and dangling images have nothing to do with it.
    await engine.cleanUp(build.id, others);
  }
}

function cacheName(target: string, component: string): string {
  return `${CACHE}/${target.toLowerCase().replace(/[^a-z0-9]+/g, '-')}/${component}:latest`;
}
