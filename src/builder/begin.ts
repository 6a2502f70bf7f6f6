/** Steps 1 to 4: claim, catch up, look, and put `started` on the log. From there the message is no longer needed. */
import type { Claim, Verdict } from '../bus/index.js';
import type { FetchedRef } from '../git/index.js';
import { toError } from '../kernel/service-error.js';
import type { BuildRow } from '../ledger/index.js';
import type { Build } from '../messages/index.js';
import type { Logger } from '../observability/index.js';
import { pause } from '../runtime/clock.js';
import type { Announcer } from './announce.js';
import { beforeStart } from './decide/lookout.js';
import { BuildFailed, type Place } from './job.js';
import { type Committed, recall } from './make.js';
import type { BuilderParts } from './parts.js';
import { newerOf, rivalsOf } from './rivals.js';
import type { BuilderSettings } from './settings.js';
import { type Survey, survey } from './survey.js';
import { isTagged } from './tags.js';

/** Milliseconds that a look waits for git; a slow host must not hold the message. */
const SOURCE_LOOK_MS = 5_000;

/** A build that is ours to work on. */
export interface Begun {
  readonly kind: 'begun';
  readonly mode: 'build' | 'tags_only';
  readonly claim: Claim;
  readonly row: BuildRow;
  /** The image of an earlier attempt. */
  readonly existing: Committed | null;
  /** True when that image has tags already: the build can't be called off. */
  readonly tagged: boolean;
  /** A fetch that began after the request; null when git was slow or away. */
  readonly fetched: FetchedRef | null;
  /** The survey of that fetch, begun while the look was taken. */
  readonly surveyed: Promise<Survey> | null;
}

type Parts = Pick<BuilderParts, 'bus' | 'ledger' | 'git' | 'clock'>;

export interface BeginInput {
  readonly place: Place;
  /** What the engine builds for, as `linux/amd64`. */
  readonly platform: string;
  readonly traceparent: string | null;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Resolves with the build in hand (its claim held, `started` stored) or with the verdict that ends the delivery. */
export async function begin(
  settings: BuilderSettings,
  parts: Parts,
  announcer: Announcer,
  input: BeginInput,
): Promise<Begun | Verdict> {
  const { place, log } = input;
  const { build } = place;
  // The longest comes first: git is a process of its own.
  const [fetched, claim, existing] = await Promise.all([
    fetchSoon(parts, build, input.signal, log),
    take(settings, parts, build),
    recall(parts, place).catch((thrown: unknown) => {
      log.debug({ err: toError(thrown) }, 'the registry could not be asked for an earlier image');
      return null;
    }),
  ]);
  try {
    const begun = await look(settings, parts, announcer, input, claim, fetched, existing);
    if (begun.kind !== 'begun') await claim?.release();
    return begun;
  } catch (thrown) {
    await claim?.release();
    throw thrown;
  }
}

/** In this order: what an earlier holder told before it let go is then in the ledger. */
async function take(settings: BuilderSettings, { bus, ledger }: Parts, build: Build): Promise<Claim | null> {
  const claim = await bus.claim(`build.${build.id}`, settings.process.id);
  try {
    await ledger.caughtUp();
    return claim;
  } catch (thrown) {
    await claim?.release();
    throw thrown;
  }
}

async function look(
  settings: BuilderSettings,
  parts: Parts,
  announcer: Announcer,
  { place, platform, traceparent, log }: BeginInput,
  claim: Claim | null,
  fetched: FetchedRef | null,
  existing: Committed | null,
): Promise<Begun | Verdict> {
  const { build } = place;
  const row = parts.ledger.build(build.id);
  if (row === null)
    return { kind: 'drop', code: 'request_unknown', reason: 'the log has no valid request of this build' };
  const newer = await newerThan(settings, parts, build, row, fetched);
  const isHead = fetched?.head === build.source.commit;
  const mayBeTagged = claim !== null && row.startedAttempt > 0 && !row.ended;
  const tagged = mayBeTagged && (await hasTagged(parts, place));
  const decision = beforeStart({ attempt: build.attempt, claimed: claim !== null, row, newer, isHead, tagged });
  log.debug({ decision: decision.kind }, 'looked before the start');
  switch (decision.kind) {
    case 'ack':
      return { kind: 'ack' };
    case 'retry':
      return { kind: 'retry', after: decision.afterMs, uncounted: true, reason: 'another process holds the build' };
    case 'canceled':
      await announcer.canceled(build, traceparent, decision, decision.successor);
      return { kind: 'ack' };
    case 'tags_only':
    case 'run':
      break;
  }
  if (claim === null) return { kind: 'ack' };
  if (decision.kind === 'tags_only')
    return { kind: 'begun', mode: 'tags_only', claim, row, existing, tagged, fetched, surveyed: null };
  const surveyed = fetched === null || existing !== null ? null : survey({ ...place, platform }, fetched);
  // Its error is the build's, when the build comes to ask for it.
  surveyed?.catch(() => undefined);
  await announcer.started(build, traceparent);
  return { kind: 'begun', mode: 'build', claim, row, existing, tagged, fetched, surveyed };
}

/**
 * Whether an earlier attempt has tagged its image. Asked under the claim: it may have come so far since the registry was
 * asked first. An image that does not say what it is was not tagged by us.
 */
async function hasTagged(parts: Parts, place: Place): Promise<boolean> {
  try {
    return await isTagged(place, await recall(parts, place));
  } catch (thrown) {
    if (thrown instanceof BuildFailed) return false;
    throw thrown;
  }
}

/** A newer commit's build that stands in for this one; only what a push or reconcile asked for is superseded. */
async function newerThan(
  settings: BuilderSettings,
  { ledger }: Parts,
  build: Build,
  row: BuildRow,
  fetched: FetchedRef | null,
): Promise<{ readonly id: string; readonly commit: string } | null> {
  const superseded = build.cause.type === 'push' || build.cause.type === 'reconcile';
  if (!settings.supersede || !superseded || build.kind !== 'official' || fetched === null) return null;
  const commit = build.source.commit;
  const rivals = rivalsOf(ledger, build).filter((rival) => rival.source.commit !== commit);
  const newer = await newerOf({ ...build, commit, requestedSeq: row.requestedSeq }, rivals, fetched);
  return newer === null ? null : { id: newer.id, commit: newer.source.commit };
}

/** The mirror after a fetch; null when git does not answer in time, which the source step then deals with. */
async function fetchSoon({ git }: Parts, build: Build, signal: AbortSignal, log: Logger): Promise<FetchedRef | null> {
  const fetch = git
    .fetch({ url: build.source.repository, ref: build.source.branch }, signal)
    .catch((thrown: unknown) => {
      log.debug({ err: toError(thrown) }, 'the source could not be looked at before the start');
      return null;
    });
  const over = new AbortController();
  try {
    return await Promise.race([fetch, pause(SOURCE_LOOK_MS, over.signal).then(() => null)]);
  } finally {
    over.abort();
  }
}
