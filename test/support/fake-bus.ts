/**
 * A bus in memory that keeps the contract's promises and delivers at once. Rooms are unit-tested on it; what it can do
 * that no real bus can is break, lose its log, and be asked what was published.
 */

import {
  type Bus,
  type Claim,
  type ConsumeOptions,
  type Consumer,
  type DeadReason,
  type Follower,
  type Handler,
  type Listener,
  type LogEntry,
  type LogName,
  type LogStart,
  type PublishOptions,
  type Topology,
  topology,
  type Verdict,
} from '../../src/bus/index.js';
import { ServiceError, toError } from '../../src/kernel/service-error.js';
import { anyTopic } from '../../src/kernel/topic-pattern.js';
import type { Message } from '../../src/messages/index.js';
import { PREFIX } from './samples.js';

/** Entries that a read or a follower gets at once. */
const BATCH = 256;
const DEFAULT_RETRIES = 5;

interface Item {
  readonly message: Message;
  retries: number;
}

interface Group {
  readonly wants: (topic: string) => boolean;
  readonly waiting: Item[];
  readonly consumers: Set<FakeConsumer>;
  /** Items that wait for their time of retry; they count as waiting. */
  delayed: number;
}

/** What all connections to one fake broker share. */
class Broker {
  readonly logs: Record<LogName, LogEntry[]> = { ours: [], git: [], dead: [] };
  readonly groups = new Map<string, Group>();
  readonly claims = new Map<string, FakeClaim>();
  readonly listeners = new Set<{ wants: (topic: string) => boolean; onMessage: (message: Message) => void }>();
  readonly followers = new Set<FakeFollower>();
  readonly published: Message[] = [];
  /** Messages that the groups have, and the log not yet. */
  readonly ahead = new Set<Message>();
  readonly #stored = new Set<string>();
  readonly #isGit: (topic: string) => boolean;
  readonly #prefix: string;
  readonly now: () => Date;

  constructor(plan: Topology, now: () => Date) {
    this.now = now;
    this.#prefix = `${plan.prefix}.`;
    this.#isGit = anyTopic(plan.git);
    for (const [name, patterns] of Object.entries(plan.groups)) {
      this.groups.set(name, { wants: anyTopic(patterns), waiting: [], consumers: new Set(), delayed: 0 });
    }
  }

  store(message: Message, again: string | undefined): void {
    const key = JSON.stringify([message.id, again ?? null]);
    if (this.#stored.has(key)) return;
    this.#stored.add(key);
    this.published.push(message);
    const log = this.#logOf(message.topic);
    if (log !== null) this.append(log, message);
    for (const listener of this.listeners) if (listener.wants(message.topic)) listener.onMessage(message);
    this.hand(message);
  }

  hand(message: Message): void {
    for (const group of this.groups.values()) {
      if (!group.wants(message.topic)) continue;
      group.waiting.push({ message, retries: 0 });
      this.deliver(group);
    }
  }

  #logOf(topic: string): 'ours' | 'git' | null {
    if (topic.startsWith(this.#prefix) && !topic.endsWith('.output')) return 'ours';
    return this.#isGit(topic) ? 'git' : null;
  }

  append(log: LogName, message: Message): void {
    const position = { at: String(this.logs[log].length), id: message.id };
    this.logs[log].push({ position, storedAt: this.now(), message });
    for (const follower of this.followers) if (follower.log === log) follower.wake();
  }

  deliver(group: Group): void {
    for (const consumer of group.consumers) {
      while (consumer.free) {
        const item = group.waiting.shift();
        if (item === undefined) return;
        consumer.take(item);
      }
    }
  }

  /** Index of the first entry that `from` asks for. */
  indexOf(log: LogName, from: LogStart): number {
    const entries = this.logs[log];
    if (from === 'start') return 0;
    if (from === 'end') return entries.length;
    if ('time' in from) {
      const found = entries.findIndex((entry) => entry.storedAt >= from.time);
      return found === -1 ? entries.length : found;
    }
    const at = Number(from.after.at);
    if (entries[at]?.message.id !== from.after.id) {
      throw new ServiceError('position_lost', `the message at ${from.after.at} is not ${from.after.id}`);
    }
    return at + 1;
  }
}

class FakeConsumer implements Consumer {
  readonly #broker: Broker;
  readonly #group: Group;
  readonly #groupName: string;
  readonly #handler: Handler;
  readonly #options: ConsumeOptions;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #paused = false;

  constructor(broker: Broker, groupName: string, group: Group, handler: Handler, options: ConsumeOptions) {
    this.#broker = broker;
    this.#group = group;
    this.#groupName = groupName;
    this.#handler = handler;
    this.#options = options;
  }

  get busy(): number {
    return this.#running.size;
  }

  get free(): boolean {
    return !this.#paused && !this.#stop.signal.aborted && this.#running.size < this.#options.slots;
  }

  take(item: Item): void {
    const work = Promise.resolve()
      .then(() => this.#handle(item))
      .finally(() => {
        this.#running.delete(work);
        this.#broker.deliver(this.#group);
      });
    this.#running.add(work);
  }

  async #handle(item: Item): Promise<void> {
    let verdict: Verdict;
    try {
      verdict = await this.#handler({ message: item.message, retries: item.retries, signal: this.#stop.signal });
    } catch (thrown) {
      await this.#bury(item, { code: 'handler_failed', reason: toError(thrown).message });
      return;
    }
    switch (verdict.kind) {
      case 'ack':
        await verdict.work?.(this.#stop.signal).catch(() => undefined);
        return;
      case 'drop':
        await this.#bury(item, { code: verdict.code, reason: verdict.reason });
        return;
      case 'retry':
        if (!verdict.uncounted) item.retries += 1;
        if (item.retries > (this.#options.maxRetries ?? DEFAULT_RETRIES)) {
          await this.#bury(item, { code: 'too_many_retries', reason: verdict.reason });
        } else {
          this.#later(item, verdict.after ?? 1);
        }
    }
  }

  #later(item: Item, after: number): void {
    if (this.#broker.ahead.delete(item.message)) this.#broker.append('ours', item.message);
    this.#group.delayed += 1;
    setTimeout(() => {
      this.#group.delayed -= 1;
      this.#group.waiting.push(item);
      this.#broker.deliver(this.#group);
    }, after);
  }

  async #bury(item: Item, why: DeadReason): Promise<void> {
    try {
      await this.#options.onDead?.(item.message, why);
    } catch {
      this.#later(item, 1);
      return;
    }
    const { id, topic, headers, body } = item.message;
    const content = JSON.stringify(body);
    const dead = { ...why, group: this.#groupName, headers, content, encoding: 'utf8' };
    this.#broker.append('dead', { id, topic, headers, body: dead });
  }

  async pause(): Promise<void> {
    this.#paused = true;
  }

  async resume(): Promise<void> {
    this.#paused = false;
    this.#broker.deliver(this.#group);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#running);
    this.#group.consumers.delete(this);
  }
}

class FakeFollower implements Follower {
  readonly log: LogName;
  readonly stopped: Promise<void>;
  readonly #broker: Broker;
  readonly #onBatch: (batch: readonly LogEntry[]) => void | Promise<void>;
  readonly #waiters: { readonly upTo: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  #next: number;
  #end: { readonly error: Error | null } | null = null;
  #wake: () => void = () => undefined;

  constructor(
    broker: Broker,
    log: LogName,
    next: number,
    onBatch: (batch: readonly LogEntry[]) => void | Promise<void>,
  ) {
    this.#broker = broker;
    this.log = log;
    this.#next = next;
    this.#onBatch = onBatch;
    broker.followers.add(this);
    this.stopped = this.#run();
    this.stopped.catch(() => undefined);
  }

  async #run(): Promise<void> {
    while (this.#end === null) {
      const batch = this.#broker.logs[this.log].slice(this.#next, this.#next + BATCH);
      if (batch.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      try {
        await this.#onBatch(batch);
      } catch (thrown) {
        this.break(toError(thrown));
        break;
      }
      this.#next += batch.length;
      this.#settle();
    }
    const error = this.#end?.error ?? null;
    if (error !== null) throw error;
  }

  #settle(): void {
    for (const waiter of this.#waiters.splice(0)) {
      if (waiter.upTo <= this.#next) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }

  caughtUp(): Promise<void> {
    if (this.#end !== null) return Promise.reject(this.#end.error ?? gone());
    const upTo = this.#broker.logs[this.log].length;
    if (upTo <= this.#next) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ upTo, resolve, reject });
    });
  }

  wake(): void {
    this.#wake();
  }

  /** Ends the follower; null for a wanted end. */
  break(error: Error | null): void {
    if (this.#end !== null) return;
    this.#end = { error };
    this.#broker.followers.delete(this);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error ?? gone());
    this.#wake();
  }

  async stop(): Promise<void> {
    this.break(null);
    await this.stopped.catch(() => undefined);
  }
}

class FakeClaim implements Claim {
  readonly key: string;
  readonly by: string;
  readonly #claims: Map<string, FakeClaim>;
  readonly #lost = new AbortController();
  readonly lost = this.#lost.signal;

  constructor(claims: Map<string, FakeClaim>, key: string, by: string) {
    this.key = key;
    this.by = by;
    this.#claims = claims;
    claims.set(key, this);
  }

  async verify(): Promise<boolean> {
    return this.#claims.get(this.key) === this;
  }

  /** The connection broke, or the process died: the key is free and the holder knows. */
  lose(): void {
    if (this.#claims.get(this.key) === this) this.#claims.delete(this.key);
    this.#lost.abort();
  }

  async release(): Promise<void> {
    if (this.#claims.get(this.key) === this) this.#claims.delete(this.key);
  }
}

export class FakeBus implements Bus {
  readonly kind = 'embedded';
  readonly #broker: Broker;
  readonly #claims = new Set<FakeClaim>();
  readonly #followers = new Set<FakeFollower>();
  readonly #consumers = new Set<FakeConsumer>();
  readonly #listeners = new Set<Listener>();
  #term = 1;
  #down: string | null = null;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Another process's connection to the same broker. */
  peer(): FakeBus {
    return new FakeBus(this.#broker);
  }

  /** Everything stored so far, first to last, duplicates that the broker dropped not counted. */
  get published(): readonly Message[] {
    return this.#broker.published;
  }

  /** Entries of a log. */
  entries(log: LogName): readonly LogEntry[] {
    return this.#broker.logs[log];
  }

  /** Breaks this connection: followers reject, claims end, the term rises. It comes back with `mend`. */
  break(reason = 'the connection was cut'): void {
    this.#term += 1;
    this.#down = reason;
    const error = unavailable(reason);
    for (const follower of this.#followers) follower.break(error);
    this.#followers.clear();
    for (const claim of this.#claims) claim.lose();
    this.#claims.clear();
  }

  mend(): void {
    this.#down = null;
  }

  /** Breaks followers alone, with any error. */
  breakFollowers(error: Error): void {
    for (const follower of this.#followers) follower.break(error);
    this.#followers.clear();
  }

  /** The log is made anew and empty, as when a broker's stream was deleted; followers find their position lost. */
  loseLog(log: LogName): void {
    this.#broker.logs[log].length = 0;
    const error = new ServiceError('position_lost', `the log ${log} was made anew`);
    for (const follower of [...this.#broker.followers]) if (follower.log === log) follower.break(error);
  }

  async publish(message: Message, options: PublishOptions = {}): Promise<void> {
    this.#check();
    // As over a wire: nobody shares the publisher's objects.
    this.#broker.store(structuredClone(message), options.again);
  }

  /** As RabbitMQ may in a bad moment: the groups have the message at once, the log when it is retried, or never. */
  handAhead(message: Message, { arrives = true } = {}): void {
    const sent = structuredClone(message);
    if (arrives) this.#broker.ahead.add(sent);
    this.#broker.hand(sent);
  }

  async consume(group: string, handler: Handler, options: ConsumeOptions): Promise<Consumer> {
    this.#check();
    const found = this.#broker.groups.get(group);
    if (found === undefined) throw new ServiceError('bus_incompatible', `no group ${group} in the topology`);
    const consumer = new FakeConsumer(this.#broker, group, found, handler, options);
    found.consumers.add(consumer);
    this.#consumers.add(consumer);
    this.#broker.deliver(found);
    return consumer;
  }

  async listen(patterns: readonly string[], onMessage: (message: Message) => void): Promise<Listener> {
    this.#check();
    const entry = { wants: anyTopic(patterns), onMessage };
    this.#broker.listeners.add(entry);
    const listener = {
      stop: async (): Promise<void> => {
        this.#broker.listeners.delete(entry);
        this.#listeners.delete(listener);
      },
    };
    this.#listeners.add(listener);
    return listener;
  }

  async *read(log: LogName, from: LogStart): AsyncGenerator<readonly LogEntry[]> {
    this.#check();
    const end = this.#broker.logs[log].length;
    for (let next = this.#broker.indexOf(log, from); next < end; next += BATCH) {
      yield this.#broker.logs[log].slice(next, Math.min(next + BATCH, end));
    }
  }

  async follow(
    log: LogName,
    from: LogStart,
    onBatch: (batch: readonly LogEntry[]) => void | Promise<void>,
  ): Promise<Follower> {
    this.#check();
    const follower = new FakeFollower(this.#broker, log, this.#broker.indexOf(log, from), onBatch);
    this.#followers.add(follower);
    return follower;
  }

  async claim(key: string, by: string): Promise<Claim | null> {
    this.#check();
    if (this.#broker.claims.has(key)) return null;
    const claim = new FakeClaim(this.#broker.claims, key, by);
    this.#claims.add(claim);
    return claim;
  }

  async holder(key: string): Promise<string | null> {
    this.#check();
    return this.#broker.claims.get(key)?.by ?? null;
  }

  async waiting(group: string): Promise<number> {
    this.#check();
    const found = this.#broker.groups.get(group);
    return found === undefined ? 0 : found.waiting.length + found.delayed;
  }

  term(): number {
    return this.#term;
  }

  async examine(): Promise<readonly []> {
    return [];
  }

  async health(): Promise<{ ok: true; detail: string } | { ok: false; reason: string }> {
    return this.#down === null ? { ok: true, detail: 'in memory' } : { ok: false, reason: this.#down };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    await Promise.all([...this.#followers].map((follower) => follower.stop()));
    for (const listener of this.#listeners) await listener.stop();
    for (const claim of this.#claims) await claim.release();
  }

  #check(): void {
    if (this.#down !== null) throw unavailable(this.#down);
  }
}

/** A fake broker with the real topology of our prefix, and one connection to it. */
export function fakeBus(
  options: { readonly git?: readonly string[]; readonly prefix?: string; readonly now?: () => Date } = {},
): FakeBus {
  const plan = topology({
    prefix: options.prefix ?? PREFIX,
    git: options.git ?? ['#.git.receive', '#.github.push', '#.gitlab.push', '#.forgejo.push'],
    gitLog: { maxAgeMs: 1_000_000, maxBytes: 1_000_000 },
  });
  return new FakeBus(new Broker(plan, options.now ?? (() => new Date())));
}

function unavailable(reason: string): ServiceError {
  return new ServiceError('bus_unavailable', `the bus did not answer: ${reason}`, { transient: true });
}

function gone(): ServiceError {
  return new ServiceError('bus_unavailable', 'the follower was stopped', { transient: true });
}
