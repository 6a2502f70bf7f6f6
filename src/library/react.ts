import type { ConsumeOptions, Consumer, Delivery, Verdict } from '../bus/index.js';
import { ServiceError, toError } from '../kernel/service-error.js';
import { HEADER, MESSAGE_NAMES, type Message, parseOurs } from '../messages/index.js';
import type { DownstreamBus, Groups } from './open.js';
import { type BodyOf, type TopicName, topicNameOf } from './topic-names.js';

/** How long a message that a stopping program gives back is left alone; milliseconds. */
const HAND_BACK_MS = 1;

type Retry = Extract<Verdict, { kind: 'retry' }>;
type Drop = Extract<Verdict, { kind: 'drop' }>;

/** What a reaction may return instead of nothing. */
export type Ending = Retry | Drop;

/**
 * Reacts to one message, at least once: the same message may come again, with the same id. Ends
 * - with nothing: the message is done with;
 * - with an error: it comes again after 1, 5, 15, 60 and 300 seconds, then goes to the dead letters as `too_many_retries`;
 * - with `retry(…)` or `drop(…)`.
 * When the consumer stops (`delivery.signal`), an error means only that the message is given back.
 */
export type Reaction<Wanted extends TopicName> = (
  body: BodyOf<Wanted>,
  delivery: Delivery,
  // biome-ignore lint/suspicious/noConfusingVoidType: a reaction that returns nothing is the usual one
) => Promise<Ending | void> | Ending | void;

/** One reaction for each topic that a group gets. */
export type Reactions<Wanted extends TopicName> = { readonly [One in Wanted]: Reaction<One> };

export interface ReactOptions extends Omit<ConsumeOptions, 'slots'> {
  /** Reactions that may run at once in this process. Default 1. */
  readonly slots?: number;
  /** Gets what a reaction threw, before the message comes again. By default it is a warning of the process. */
  readonly onError?: (error: Error, message: Message) => void;
}

/** Ends a reaction: the message comes again after `after` milliseconds, by default after the back-off. */
export function retry(reason: string, options: { readonly after?: number; readonly uncounted?: boolean } = {}): Retry {
  return { kind: 'retry', reason, ...options };
}

/** Ends a reaction: the message goes to the dead letters, with this reason and code. */
export function drop(reason: string, code = 'dropped'): Drop {
  return { kind: 'drop', reason, code };
}

/**
 * Joins a group: each of its messages is given to one of the processes that joined. A message that does not fit its
 * schema, or has one that this version of the package does not know, goes to the dead letters as `message_invalid`.
 * Throws `usage` when a topic of the group has no reaction.
 */
export async function reactTo<Mine extends Groups, Name extends keyof Mine & string>(
  bus: DownstreamBus<Mine>,
  group: Name,
  reactions: Reactions<Mine[Name][number]>,
  { slots = 1, onError = warn, ...options }: ReactOptions = {},
): Promise<Consumer> {
  const table = tableOf(bus.groups, group, reactions);
  const react = async (delivery: Delivery): Promise<Verdict> => {
    const read = readMessage(bus.prefix, delivery.message);
    if (read === null) return { kind: 'ack' };
    if (read.kind === 'drop') return read;
    const reaction = table.get(read.of);
    // Its binding outlived an older version of the group.
    if (reaction === undefined) return { kind: 'ack' };
    try {
      return verdictOf(await reaction(read.body as never, delivery));
    } catch (thrown) {
      const error = toError(thrown);
      const reason = error.stack ?? error.message;
      if (delivery.signal.aborted) return retry(reason, { after: HAND_BACK_MS, uncounted: true });
      onError(error, delivery.message);
      return retry(reason);
    }
  };
  return bus.consume(group, react, { ...options, slots });
}

function tableOf<Mine extends Groups>(
  groups: Mine,
  group: string,
  reactions: { readonly [name: string]: unknown },
): ReadonlyMap<TopicName, Reaction<TopicName>> {
  const wanted = groups[group];
  if (wanted === undefined) throw new ServiceError('usage', `the bus was opened without a group ${group}`);
  return new Map(
    wanted.map((name) => {
      const reaction = reactions[name];
      if (typeof reaction !== 'function') {
        throw new ServiceError('usage', `the group ${group} gets ${name}, and nothing reacts to it`);
      }
      return [name, reaction as Reaction<TopicName>];
    }),
  );
}

/** A message by its topic; null when it is none of a group's; a `drop` when it can't be understood. */
function readMessage(prefix: string, message: Message): { kind: 'read'; of: TopicName; body: unknown } | Drop | null {
  const ours = parseOurs(prefix, message);
  if (ours === null) return null;
  const schema = message.headers[HEADER.schema];
  if (typeof schema === 'string' && !MESSAGE_NAMES.some((name) => name === schema)) {
    return drop(
      `its schema is ${schema}, which this version of layerwright does not know: update it`,
      'message_invalid',
    );
  }
  if (!ours.ok) return drop(ours.error, 'message_invalid');
  const of = topicNameOf(ours.value.name);
  return of === null ? null : { kind: 'read', of, body: ours.value.body };
}

function verdictOf(ending: unknown): Verdict {
  const kind = (ending as Partial<Ending> | null | undefined)?.kind;
  return kind === 'retry' || kind === 'drop' ? (ending as Ending) : { kind: 'ack' };
}

function warn(error: Error): void {
  process.emitWarning(error);
}
