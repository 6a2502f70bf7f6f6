import type { Bus, Verdict } from '../bus/index.js';
import { messageId } from '../kernel/ids.js';
import { againMs } from '../kernel/patience.js';
import { isOwnPartAway, toError } from '../kernel/service-error.js';
import { CATALOG, compose, type Message } from '../messages/index.js';
import type { Logger } from '../observability/index.js';
import type { Clock } from '../runtime/clock.js';
import { Waits } from '../runtime/waits.js';
import { buildOf, pushCause } from './decide/body.js';
import { type Candidate, type Decision, decideBuilds, type PathsQuestion, pathsQuestion } from './decide/builds.js';
import { extractPush } from './decide/extract.js';
import type { Push, Refusal, RefusalCode } from './decide/push.js';
import type { ChangedPaths } from './ports.js';
import type { TriggerSettings } from './settings.js';
import { traceOf } from './trace.js';

/** Name of the consumer group; the topology binds the git topics to it. */
const GROUP = 'trigger';
/** Pushes decided at one time; only a question to git makes one wait. */
const SLOTS = 8;

export interface TriggerParts {
  readonly bus: Pick<Bus, 'consume' | 'publish'>;
  readonly settings: TriggerSettings;
  readonly paths: ChangedPaths;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called for each build asked for (`requested`) and each *no* (its code); for metrics. */
  readonly onDecision?: (code: RefusalCode | 'requested') => void;
}

/** The role that turns pushes into requests. */
export interface Trigger {
  /** For a role that is not ready: stops taking pushes; they wait. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Takes no more pushes; resolves when those in hand are done. */
  stop(): Promise<void>;
}

/** Starts to consume pushes. Throws `bus_unavailable`. */
export async function openTrigger(parts: TriggerParts): Promise<Trigger> {
  const waits = new Waits(() => parts.clock.monotonic());
  return parts.bus.consume(GROUP, ({ message, signal }) => handle(parts, waits, message, signal), { slots: SLOTS });
}

async function handle(parts: TriggerParts, waits: Waits, message: Message, signal: AbortSignal): Promise<Verdict> {
  const { settings, log } = parts;
  const push = extractPush(message);
  if (!push.ok) return refuse(parts, message, null, push.error);
  const question = pathsQuestion(push.value, settings);
  const changed = question === null ? push.value.paths : await ask(parts, waits, message, question, signal);
  if (changed !== null && 'kind' in changed) return changed;
  const decision = decideBuilds(push.value, settings, changed);
  if (decision.refusal !== null) return refuse(parts, message, push.value, decision.refusal);
  try {
    await announce(parts, message, push.value, decision);
  } catch (thrown) {
    if (!isOwnPartAway(thrown)) throw thrown;
    log.warn({ message: message.id, err: thrown }, 'push not announced, tried again');
    return { kind: 'retry', uncounted: true, reason: toError(thrown).message };
  }
  return { kind: 'ack' };
}

/**
 * What git says that a push has changed; null when it can't say, or has been away for too long: then all is built. A push
 * whose host is away waits: nothing of it could be built now, and to build all of a large repository afterwards is no help.
 */
async function ask(
  { paths, settings, log }: TriggerParts,
  waits: Waits,
  { id }: Message,
  question: PathsQuestion,
  signal: AbortSignal,
): Promise<readonly string[] | null | (Verdict & { readonly kind: 'retry' })> {
  const answer = await paths.between(question, signal);
  if (answer.kind !== 'away') {
    waits.over(id);
    return answer.kind === 'known' ? answer.paths : null;
  }
  const { reason } = answer;
  const waitedMs = waits.met(id);
  const after = againMs(waitedMs, settings.sourcePatienceMs);
  const fields = { message: id, repository: question.url, reason, waitedMs };
  if (after === null) {
    waits.over(id);
    log.warn(fields, 'changed paths unknown, everything is built');
    return null;
  }
  if (waitedMs === 0) log.warn(fields, 'a git host is away; a push waits');
  return { kind: 'retry', after, uncounted: true, reason };
}

/** Codes of pushes to our own repositories that no hook of a sound host would send. */
const INVALID: ReadonlySet<RefusalCode> = new Set(['push_invalid', 'ref_invalid', 'commit_missing']);

/** A push that leads to nothing. What is broken goes to the dead letter, where its sender can be found. */
function refuse(parts: TriggerParts, message: Message, push: Push | null, { code, reason }: Refusal): Verdict {
  parts.onDecision?.(code);
  const fields = { message: message.id, topic: message.topic, repository: push?.repo, code, reason };
  if (INVALID.has(code)) {
    parts.log.warn(fields, 'push dropped');
    return { kind: 'drop', code: 'push_invalid', reason };
  }
  if (code === 'component_invalid') parts.log.warn(fields, 'push not built');
  else parts.log.debug(fields, 'push not built');
  return { kind: 'ack' };
}

/**
 * Codes that a maintainer would wonder about, so that they go on the bus. Untouched paths are not among them: a
 * repository of fifty images would tell of 49 with each push.
 */
const WONDERED_AT: ReadonlySet<RefusalCode> = new Set(['target_closed', 'branch_created_skip']);

async function announce(parts: TriggerParts, message: Message, push: Push, decision: Decision): Promise<void> {
  const { log, onDecision } = parts;
  for (const candidate of decision.builds) {
    const request = requested(parts, message, push, candidate);
    await parts.bus.publish(request);
    onDecision?.('requested');
    log.info({ ...named(candidate), message: message.id, request: request.id }, 'build requested');
  }
  for (const { candidate, refusal } of decision.notBuilt) {
    if (WONDERED_AT.has(refusal.code)) await parts.bus.publish(skipped(parts, message, push, candidate, refusal));
    onDecision?.(refusal.code);
    log.debug({ ...named(candidate), message: message.id, ...refusal }, 'push not built');
  }
}

/** An account's name that can be a part of a header's name. */
const ACCOUNT = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/;

function requested({ settings, clock }: TriggerParts, message: Message, push: Push, candidate: Candidate): Message {
  const build = buildOf(candidate, { kind: 'official', release: null, cause: pushCause(message.id, push.agent) });
  return compose({
    prefix: settings.prefix,
    name: 'build.requested.v1',
    id: messageId(build.id, CATALOG['build.requested.v1'].topic, build.attempt),
    body: { build },
    now: clock.now(),
    containers: [build.component],
    users: push.agent !== null && ACCOUNT.test(push.agent) ? [push.agent] : [],
    traceparent: traceOf(message),
  });
}

function skipped(
  { settings, clock }: TriggerParts,
  message: Message,
  push: Push,
  candidate: Candidate,
  { code, reason }: Refusal,
): Message {
  const build = buildOf(candidate, { kind: 'official', release: null, cause: pushCause(message.id, push.agent) });
  return compose({
    prefix: settings.prefix,
    name: 'build.skipped.v1',
    id: messageId(build.id, CATALOG['build.skipped.v1'].topic, build.attempt),
    body: { build, reason: { code, message: reason }, waiting_for: [] },
    now: clock.now(),
    containers: [build.component],
    traceparent: traceOf(message),
  });
}

function named({ component, target, commit }: Candidate): {
  readonly component: string;
  readonly target: string;
  readonly commit: string;
} {
  return { component, target, commit };
}
