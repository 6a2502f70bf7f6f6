/** Carries a build in hand from its source to `completed`: steps 5 to 10. */
import type { Claim } from '../bus/index.js';
import type { FetchedRef } from '../git/index.js';
import type { Build } from '../messages/index.js';
import type { Announcer } from './announce.js';
import { beforeCompleted } from './decide/lookout.js';
import type { DependencyWatch } from './dependencies.js';
import type { EngineSlot } from './engine-room.js';
import { Fence } from './fence.js';
import { Interruption, type Job } from './job.js';
import { type Committed, describe, type Made, make, openContext, push } from './make.js';
import type { Held } from './name.js';
import type { BuilderParts } from './parts.js';
import { type Patience, patiently } from './patience.js';
import { named, type Prepared, prepare } from './prepare.js';
import type { BuilderSettings } from './settings.js';
import { type Survey, surveyAnew } from './survey.js';
import { moveTags } from './tags.js';

export interface CarryInput {
  readonly job: Job;
  readonly slot: EngineSlot;
  readonly existing: Committed | null;
  /** As `Begun` has it. */
  readonly untouched: boolean;
  readonly fetched: FetchedRef | null;
  readonly surveyed: Promise<Survey> | null;
  /** Told what is known so far, so that a failure can say it too. */
  readonly onNamed: (build: Build, prepared: Prepared) => void;
  readonly onCommitted: () => void;
  /** Gets the claim of the tags, to be released once the end is stored and the engine clean. */
  readonly onMoved: (tags: Claim) => void;
}

/** Throws whatever ends the build otherwise; `endingOf` classifies it. */
export async function carry(
  settings: BuilderSettings,
  parts: BuilderParts,
  announcer: Announcer,
  dependencies: DependencyWatch,
  { job, slot, existing, untouched, fetched, surveyed, onNamed, onCommitted, onMoved }: CarryInput,
): Promise<void> {
  let mirror = fetched;
  let source = surveyed;
  const held: Held = { claims: [], taken: new Set(), free: null };
  const patience: Patience = {
    dependencies,
    clock: parts.clock,
    signal: job.signal,
    log: job.log,
    // A name that turned out to be another's is no fault of a step: there are three at most.
    get maxTries() {
      return settings.maxTries + held.taken.size;
    },
  };
  const makeAnew = async (): Promise<Made> => {
    await releaseAll(held.claims);
    held.free = null;
    const ready = source;
    source = null;
    const input = { ...job, platform: slot.platform };
    const found = await job.watch.time('source', () => ready ?? surveyAnew(parts, input));
    mirror = found.fetched;
    const preparing = job.watch.time('inspect', () => prepare(settings, parts, input, found, held));
    const context = openContext(job, found, preparing);
    try {
      const prepared = await preparing;
      onNamed(named(job.build, prepared.names), prepared);
      return await make(parts, job, slot, prepared, context);
    } finally {
      context.destroy();
      await preparing.then(({ certain }) => certain).catch(() => undefined);
    }
  };
  // Each with tries of its own: what is built is not built again because a registry was away when it was to be pushed.
  const commitAnew = async (): Promise<Committed> => {
    const made = await patiently(patience, 'build', makeAnew);
    let mayBeThere = !untouched;
    return patiently(patience, 'push', () => {
      const asks = mayBeThere;
      // A try that fails may have committed first.
      mayBeThere = true;
      return push(parts, job, slot, made, asks);
    });
  };
  try {
    const committed = existing ?? (await commitAnew());
    onCommitted();
    const build = named(job.build, committed.names);
    const log = job.finishLog(subjectOf(committed));
    const ready = patiently(patience, 'tags', () => describe(job, committed, slot.platform));
    ready.catch(() => undefined);
    const moved = await job.watch.time('tags', () =>
      patiently(patience, 'tags', () => {
        // Who was here before, or a try that fails, may have tagged first.
        const free = untouched ? held.free : null;
        held.free = null;
        return moveTags(parts, job, committed, { mode: 'build', fetched: mirror, ready, free });
      }),
    );
    onMoved(moved.claim);
    const image = { ...(await ready), references: referencesOf(job, moved.tags) };
    const digest = await log;
    await lookOnceMore(parts, job, moved.claim);
    const facts = { parents: committed.parents, timings: job.watch.timings(), log: digest };
    await announcer.completed(build, job.traceparent, image, facts);
  } finally {
    await releaseAll(held.claims);
  }
}

/** Step 10: no end was told meanwhile, and the build and its tags are still ours. */
async function lookOnceMore({ ledger, clock }: BuilderParts, { build, claim }: Job, tags: Claim): Promise<void> {
  await ledger.caughtUp();
  const holdsClaim = await new Fence(clock, [claim, tags]).holds();
  const decision = beforeCompleted({ row: ledger.build(build.id), holdsClaim });
  if (decision.kind === 'abandon')
    throw new Interruption('claim_lost', `the build is no longer ours: ${decision.reason}`);
}

function referencesOf({ registry, repository }: Job, tags: readonly string[]): string[] {
  return tags.map((tag) => `${registry.host}/${repository}:${tag}`);
}

function subjectOf({ manifest }: Committed): Parameters<Job['finishLog']>[0] {
  return { digest: manifest.digest, mediaType: manifest.mediaType, size: manifest.bytes.byteLength };
}

async function releaseAll(claims: Claim[]): Promise<void> {
  for (const claim of claims.splice(0)) await claim.release();
}
