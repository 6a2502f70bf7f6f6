/**
 * The bus: one interface, several engines (design, section 3). Roles know this file and nothing behind it.
 *
 * What holds on every engine: a publish that resolved survives the death of any process; a message is delivered at
 * least once to each group that wants it; a handler's own verdict is the only thing that counts towards the dead letter.
 */
import type { Message } from '../messages/index.js';

export interface Bus {
  readonly kind: 'embedded' | 'amqp' | 'nats';

  /**
   * Resolves when the bus has stored the message. The same id is delivered once inside the broker's window (on AMQP,
   * which has none, as often as it is published); with `again` it is delivered once more (the id stays the same, so that
   * a fold counts it once). A connection that is down is waited for, within a bound.
   * Throws `bus_unavailable` (transient), `bus_denied`, `message_too_large`, `message_invalid` (a topic that the broker
   * can't carry).
   */
  publish(message: Message, options?: PublishOptions): Promise<void>;

  /**
   * Joins a durable group of competing consumers. The group's patterns are the topology's; a message waits for the
   * group even while none of its consumers lives. A group gets what a log keeps: messages that only pass go to listeners.
   */
  consume(group: string, handler: Handler, options: ConsumeOptions): Promise<Consumer>;

  /** Messages as they pass, from now on, to every listener; nothing is kept for one that is away. Sees unlogged topics too. */
  listen(patterns: readonly string[], onMessage: (message: Message) => void): Promise<Listener>;

  /** A log from `from` to its end at the time of the call, in order, in batches. Throws `position_lost`. */
  read(log: LogName, from: LogStart): AsyncIterable<readonly LogEntry[]>;

  /**
   * A log from `from` on, for ever, in order; the next batch comes when `onBatch` has resolved. An error that `onBatch`
   * throws stops the follower and rejects `stopped`. Throws `position_lost`.
   */
  follow(
    log: LogName,
    from: LogStart,
    onBatch: (batch: readonly LogEntry[]) => void | Promise<void>,
  ): Promise<Follower>;

  /** Takes `key` exclusively among all processes, or null when another claim holds it. `by` tells others who has it. */
  claim(key: string, by: string): Promise<Claim | null>;

  /** Who holds `key` (the `by` of its claim); null when it is free. */
  holder(key: string): Promise<string | null>;

  /** Messages that wait in a group, for a retry too; those in handlers' hands are not counted. */
  waiting(group: string): Promise<number>;

  /** Rises with each break of the connection: two equal readings mean that nothing was missed between them. */
  term(): number;

  /** Whether the bus answers now, and what it says if not. */
  health(): Promise<BusHealth>;

  /** What `doctor` tells of this engine: versions, features, permissions, settings that lose messages. Takes seconds. */
  examine(): Promise<readonly BusFinding[]>;

  /** Stops consumers (their handlers are awaited), followers and listeners, releases claims, closes. Once. */
  close(): Promise<void>;
}

export interface PublishOptions {
  /** Joined to the id in the broker's duplicate key. */
  readonly again?: string;
}

export interface ConsumeOptions {
  /** Handlers that may run at once; a slot stays taken until its handler, `work` included, has ended. */
  readonly slots: number;
  /** Counted retries before the message is dead-lettered as `too_many_retries`. Default 5. */
  readonly maxRetries?: number;
  /** Called before a message of this group is dead-lettered; when it throws, the message is retried. */
  readonly onDead?: (message: Message, why: DeadReason) => Promise<void>;
}

export interface Delivery {
  readonly message: Message;
  /** Counted retries so far. */
  readonly retries: number;
  /** Ends when the consumer stops: work that can be handed back should be. */
  readonly signal: AbortSignal;
}

/**
 * A handler's end. `ack` may carry `work`: done once the acknowledgement is on its way, while the slot stays taken.
 * `work` has no verdict of its own: what is acknowledged can be neither retried nor dropped. A handler that throws is
 * dead-lettered as `handler_failed`, never requeued for ever; `work` that throws is logged. (It is not called `then`:
 * a promise would call that itself.)
 */
export type Verdict =
  | { readonly kind: 'ack'; readonly work?: (signal: AbortSignal) => Promise<void> }
  /** Delivered again after `after` milliseconds (default: a back-off by count). `uncounted` waits, it does not judge. */
  | { readonly kind: 'retry'; readonly after?: number; readonly uncounted?: boolean; readonly reason: string }
  | { readonly kind: 'drop'; readonly code: string; readonly reason: string };

export type Handler = (delivery: Delivery) => Promise<Verdict>;

export interface Consumer {
  /** Stops taking messages and gives back what no handler has; resolves at once. `resume` takes up again. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Handlers running now. */
  readonly busy: number;
  /** Stops taking; signals the handlers; resolves when all have ended. */
  stop(): Promise<void>;
}

export interface Listener {
  stop(): Promise<void>;
}

export interface Follower {
  /**
   * Resolves when everything stored in the log before the call has been through `onBatch`; rejects when the follower
   * ends first.
   */
  caughtUp(): Promise<void>;
  /** Resolves when the follower was stopped, rejects when it can't go on. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

export interface Claim {
  readonly key: string;
  /** True only while the claim was held without a break since it was taken. Asks the bus. */
  verify(): Promise<boolean>;
  /** Ends when the claim is known to be lost. */
  readonly lost: AbortSignal;
  /** Frees the key. Twice is harmless. */
  release(): Promise<void>;
}

/** `ours`: our topics, without output, for ever. `git`: pushes, with retention. `dead`: what nobody could handle. */
export type LogName = 'ours' | 'git' | 'dead';

/** A place in a log, and the id of the message found there: it holds only while that message is still there. */
export interface LogPosition {
  readonly at: string;
  readonly id: string;
}

/**
 * Time is the time of storing; entries stored at or after it are given. On AMQP it is known to the second: earlier
 * entries of the same second may come too.
 */
export type LogStart = 'start' | 'end' | { readonly time: Date } | { readonly after: LogPosition };

export interface LogEntry {
  readonly position: LogPosition;
  readonly storedAt: Date;
  /** In the log `dead`: the message as far as it could be read, with a body of type `DeadBody`. */
  readonly message: Message;
}

export interface DeadReason {
  readonly code: string;
  readonly reason: string;
}

/** Body of an entry of the log `dead`. The topic and, where it had one, the id are the message's own. */
export type DeadBody = {
  readonly code: string;
  readonly reason: string;
  readonly group: string;
  readonly headers: Message['headers'];
  /** The body as text when it is UTF-8, else in base64; cut at 64 KiB. */
  readonly content: string;
  readonly encoding: 'utf8' | 'base64';
};

export type BusHealth =
  | { readonly ok: true; readonly detail: string }
  | { readonly ok: false; readonly reason: string };

/** What one look of `doctor` at a bus found. */
export interface BusFinding {
  readonly name: string;
  /** `warn`: works, but look at it. `fault`: the service can't work like this. */
  readonly status: 'ok' | 'warn' | 'fault';
  /** What was seen, one sentence. */
  readonly text: string;
  /** What to do about it; empty when all is well. */
  readonly advice: string;
}

/** What every process declares before its first publish: so no message finds its group missing. */
export interface Topology {
  /** Our prefix, as `org.example.prod`. */
  readonly prefix: string;
  /** Topic patterns of the log `git`; none: this process neither declares nor reads that log. */
  readonly git: readonly string[];
  /** Group name → topic patterns. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Retention of the log `git`, in milliseconds and bytes. */
  readonly gitLog: { readonly maxAgeMs: number; readonly maxBytes: number };
}

/** What every engine is opened with, beside its settings. */
export interface OpenOptions {
  /** Gets faults that have no caller: `work` or a listener that throws. By default they are warnings of the process. */
  readonly onFault?: (error: Error) => void;
}
