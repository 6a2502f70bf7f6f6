/** Steps 1 to 4: claim, catch up, look, and put `started` on the log. From there the message is no longer needed. */
import type { Claim, Verdict } from '../bus/index.js';
import type { FetchedRef } from '../git/index.js';
import { failure } from '../kernel/failure.js';
import { againMs } from '../kernel/patience.js';
import { ServiceError, toError } from '../kernel/service-error.js';
import type { BuildRow } from '../ledger/index.js';
import type { Build } from '../messages/index.js';
import type { Logger } from '../observability/index.js';
import { pause } from '../runtime/clock.js';
import { type Announcer, NO_FACTS } from './announce.js';
import { coalesces } from './coalesce.js';
import { beforeStart, CLAIM_TAKEN_RETRY_MS } from './decide/lookout.js';
import { toFailure } from './decide/retry.js';
import { type SourceAnswer, waitsForSource } from './decide/source-wait.js';
import { BuildFailed, type Place } from './job.js';
import { type Committed, recall } from './make.js';
import type { BuilderParts } from './parts.js';
import { hasNames, rivalsOf } from './rivals.js';
import type { BuilderSettings } from './settings.js';
import type { SourceWaits } from './source-waits.js';
import { successorOf } from './supersede.js';
import { type Survey, survey } from './survey.js';
import { isTagged } from './tags.js';

/** Milliseconds that a look waits for git; a slow host must not hold the message. */
const SOURCE_LOOK_MS = 5_000;
/** As that, for a host that was away a moment ago: other hosts' builds want the slot. */
const DOUBTFUL_LOOK_MS = 1_000;

/** How often a request that the log does not have comes again: with the pauses between, longer than a publish may take. */
const UNKNOWN_TRIES = 3;

/** A build that is ours to work on. */
export interface Begun {
  readonly kind: 'begun';
  readonly mode: 'build' | 'tags_only';
  readonly claim: Claim;
  readonly row: BuildRow;
  /** The image of an earlier attempt. */
  readonly existing: Committed | null;
  /** True when nobody was at the build before: no attempt of it is on the log, and the registry had no image of it. */
  readonly untouched: boolean;
  /** True when that image has tags already: the build can't be called off. */
  readonly tagged: boolean;
  /** A fetch that began after the request; null when git was slow or away. */
  readonly fetched: FetchedRef | null;
  /** The survey of that fetch, begun while the look was taken. */
  readonly surveyed: Promise<Survey> | null;
}

type Parts = Pick<BuilderParts, 'bus' | 'ledger' | 'git' | 'clock' | 'metrics'>;

export interface BeginInput {
  readonly place: Place;
  /** What the engine builds for, as `linux/amd64`. */
  readonly platform: string;
  readonly traceparent: string | null;
  /** Of the delivery: how often it was retried. */
  readonly retries: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** What git said in time. */
interface SourceLook {
  readonly answer: SourceAnswer;
  readonly fetched: FetchedRef | null;
  /** Why there is nothing, where git has said so. */
  readonly fault: Error | null;
}

/** What the registry said of an earlier attempt's image; `isKnown` false when it said nothing. */
interface Earlier {
  readonly existing: Committed | null;
  readonly isKnown: boolean;
}

/** Resolves with the build in hand (its claim held, `started` stored) or with the verdict that ends the delivery. */
export async function begin(
  settings: BuilderSettings,
  parts: Parts,
  announcer: Announcer,
  sources: SourceWaits,
  input: BeginInput,
): Promise<Begun | Verdict> {
  const { place, log } = input;
  const { build } = place;
  // The longest comes first: git is a process of its own.
  const [source, claim, earlier] = await Promise.all([
    fetchSoon(parts, build, sources, input.signal, log),
    take(settings, parts, build),
    recall(parts, place).then(
      (existing): Earlier => ({ existing, isKnown: true }),
      (thrown: unknown): Earlier => {
        log.debug({ err: toError(thrown) }, 'the registry could not be asked for an earlier image');
        return { existing: null, isKnown: false };
      },
    ),
  ]);
  try {
    const begun = await look(settings, parts, announcer, sources, input, claim, source, earlier);
    if (begun.kind !== 'begun') await claim?.release();
    return begun;
  } catch (thrown) {
    await claim?.release();
    throw thrown;
  }
}

/** A broker may hand a request out a moment before its log has it; who sent it sends it again until it is in both. */
function unknown(retries: number): Verdict {
  const reason = 'the log has no valid request of this build';
  return retries < UNKNOWN_TRIES ? { kind: 'retry', reason } : { kind: 'drop', code: 'request_unknown', reason };
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
  sources: SourceWaits,
  input: BeginInput,
  claim: Claim | null,
  source: SourceLook,
  { existing, isKnown }: Earlier,
): Promise<Begun | Verdict> {
  const { place, platform, traceparent, log } = input;
  const { build } = place;
  const { fetched } = source;
  const row = parts.ledger.build(build.id);
  if (row === null) return unknown(input.retries);
  const successor = await successorOf(settings, parts, build, row, fetched);
  const isHead = fetched?.head === build.source.commit;
  const mayBeTagged = claim !== null && row.startedAttempt > 0 && !row.ended;
  const tagged = mayBeTagged && (await hasTagged(parts, place));
  const names = hasNames(parts.ledger, row);
  const facts = { attempt: build.attempt, claimed: claim !== null, row, successor, isHead, hasNames: names, tagged };
  const decision = beforeStart(facts);
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
    return {
      kind: 'begun',
      mode: 'tags_only',
      claim,
      row,
      existing,
      untouched: false,
      tagged,
      fetched,
      surveyed: null,
    };
  const verdict =
    (tagged ? null : await coalesces(settings, parts, build)) ??
    (await waitForSource(parts, announcer, sources, input, claim, source, { existing, tagged }));
  if (verdict !== null) return verdict;
  const surveyed = fetched === null || existing !== null ? null : survey({ ...place, platform }, fetched);
  // Its error is the build's, when the build comes to ask for it.
  surveyed?.catch(() => undefined);
  await announcer.started(build, traceparent);
  // Who was at it before us has let go of the claim, and what it told by then is in the row.
  const untouched = isKnown && existing === null && row.startedAttempt === 0;
  return { kind: 'begun', mode: 'build', claim, row, existing, untouched, tagged, fetched, surveyed };
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

/** Null when the build can begin. While its git host is away it is set aside, and given up when its patience is over. */
async function waitForSource(
  parts: Parts,
  announcer: Announcer,
  sources: SourceWaits,
  { place, traceparent, log }: BeginInput,
  claim: Claim,
  { answer, fault }: SourceLook,
  { existing, tagged }: Pick<Begun, 'existing' | 'tagged'>,
): Promise<Verdict | null> {
  // Most builds: their rivals are not asked for.
  if (answer === 'fetched' || answer === 'refused') return null;
  const { build } = place;
  const { repository } = build.source;
  const waits = waitsForSource({
    answer,
    hostWasAway: sources.wasAway(repository),
    hasImage: existing !== null,
    hasRival: rivalsOf(parts.ledger, build, { states: ['completed'] }).length > 0,
  });
  if (!waits) return null;
  const reason = fault?.message ?? `The git host of ${repository} does not answer in time.`;
  const waitedMs = sources.met(build, reason, log);
  const after = againMs(waitedMs, sources.patienceMs);
  if (after !== null) return { kind: 'retry', after, uncounted: true, reason };
  if (tagged) {
    // It can't be called failed: its tags stand. They are finished without git (tags.ts).
    sources.over(build);
    return null;
  }
  if (!(await claim.verify()))
    return { kind: 'retry', after: CLAIM_TAKEN_RETRY_MS, uncounted: true, reason: 'the claim of the build was lost' };
  const why = fault === null ? failure('source_unavailable', 'source', reason) : toFailure(fault, 'source');
  log.info({ code: why.code, step: why.step, reason, waitedMs }, 'build failed');
  await announcer.failed(build, traceparent, why, NO_FACTS);
  parts.metrics.buildEnded('failed', why.code);
  sources.over(build);
  return { kind: 'ack' };
}

/** The mirror after a fetch; none when git does not answer in time, which is then the wait's or the source step's to deal with. */
async function fetchSoon(
  { git }: Parts,
  build: Build,
  sources: SourceWaits,
  signal: AbortSignal,
  log: Logger,
): Promise<SourceLook> {
  const { repository, branch } = build.source;
  const fetch = git.fetch({ url: repository, ref: branch }, signal).then(
    (fetched): SourceLook => {
      // Also when it comes too late for this look.
      sources.answered(build, log);
      return { answer: 'fetched', fetched, fault: null };
    },
    (thrown: unknown): SourceLook => {
      const fault = toError(thrown);
      if (fault instanceof ServiceError && !fault.transient) sources.answered(build, log);
      log.debug({ err: fault }, 'the source could not be looked at before the start');
      return { answer: fault instanceof ServiceError && fault.away ? 'away' : 'refused', fetched: null, fault };
    },
  );
  const patienceMs = sources.wasAway(repository) ? DOUBTFUL_LOOK_MS : SOURCE_LOOK_MS;
  const over = new AbortController();
  try {
    const late = pause(patienceMs, over.signal).then(
      (): SourceLook => ({ answer: 'slow', fetched: null, fault: null }),
    );
    return await Promise.race([fetch, late]);
  } finally {
    over.abort();
  }
}
