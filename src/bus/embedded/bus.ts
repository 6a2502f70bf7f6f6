import { LIMITS } from '../../kernel/limits.js';
import { ServiceError } from '../../kernel/service-error.js';
import { encode, type Message, type RawMessage } from '../../messages/index.js';
import type { Releasers } from '../../runtime/releasers.js';
import type {
  Bus,
  BusFinding,
  BusHealth,
  Claim,
  ConsumeOptions,
  Consumer,
  Follower,
  Handler,
  Listener,
  LogEntry,
  LogName,
  LogStart,
  PublishOptions,
  Topology,
} from '../contract.js';
import { logOf } from '../topology.js';
import type { Leases } from './claims.js';
import { EmbeddedConsumer } from './consumer.js';
import { addDelivery, countWaiting } from './deliveries.js';
import { type Engine, read } from './engine.js';
import type { Listeners } from './listeners.js';
import { EmbeddedFollower, readLog, startOf } from './logs.js';
import { insertMessage } from './messages.js';
import { pruneOnce } from './prune.js';
import { LOG } from './schema.js';

/** A bus on one SQLite file: durable, for every process of one machine. */
export class EmbeddedBus implements Bus {
  readonly kind = 'embedded';
  readonly #engine: Engine;
  readonly #logOf: ReturnType<typeof logOf>;
  readonly #gitLog: Topology['gitLog'];
  readonly #leases: Leases;
  readonly #listeners: Listeners;
  readonly #releasers: Releasers;
  readonly #consumers = new Set<Consumer>();
  readonly #followers = new Set<Follower>();
  #closing: Promise<void> | null = null;

  constructor(engine: Engine, topology: Topology, leases: Leases, listeners: Listeners, releasers: Releasers) {
    this.#engine = engine;
    this.#logOf = logOf(topology);
    this.#gitLog = topology.gitLog;
    this.#leases = leases;
    this.#listeners = listeners;
    this.#releasers = releasers;
  }

  async publish(message: Message, options: PublishOptions = {}): Promise<void> {
    const { id, topic, headers } = message;
    await this.publishRaw({ id, topic, headers, content: encode(message) }, options);
  }

  /** Stores bytes as they are, whatever they are: as a stranger's program would. For tests of what then happens. */
  async publishRaw(raw: RawMessage, options: PublishOptions = {}): Promise<void> {
    const headerBytes = Buffer.byteLength(JSON.stringify(raw.headers));
    if (headerBytes > LIMITS.headerBytes) {
      throw new ServiceError(
        'message_too_large',
        `the headers of a message to ${raw.topic} have ${headerBytes} bytes, more than ${LIMITS.headerBytes}`,
      );
    }
    const { db, router, writer, now } = this.#engine;
    const log = this.#logOf(raw.topic) ?? 'none';
    // What passes and is gone need not survive a power cut: it would be stale before the machine is up again.
    const passing = log === 'none';
    const dup = raw.id === null ? null : [raw.id, options.again].filter((part) => part !== undefined).join('\n');
    await writer.write({ durable: !passing, wakes: true }, () => {
      const seq = insertMessage(db, { raw, dup, log: LOG[log] }, now());
      if (seq === null || passing) return;
      for (const group of router.groupsOf(db, raw.topic)) addDelivery(db, group, seq);
    });
  }

  async consume(group: string, handler: Handler, options: ConsumeOptions): Promise<Consumer> {
    if (!(await read(this.#engine, (db) => this.#engine.router.has(db, group)))) {
      throw new ServiceError('usage', `the bus has no group ${group}: declare it in the topology`);
    }
    const consumer = new EmbeddedConsumer(this.#engine, group, handler, options);
    this.#consumers.add(consumer);
    return consumer;
  }

  listen(patterns: readonly string[], onMessage: (message: Message) => void): Promise<Listener> {
    return this.#listeners.add(patterns, onMessage);
  }

  read(log: LogName, from: LogStart): AsyncIterable<readonly LogEntry[]> {
    return readLog(this.#engine, log, from);
  }

  async follow(
    log: LogName,
    from: LogStart,
    onBatch: (batch: readonly LogEntry[]) => void | Promise<void>,
  ): Promise<Follower> {
    const after = await read(this.#engine, (db) => startOf(db, log, from));
    const follower = new EmbeddedFollower(this.#engine, log, after, onBatch);
    this.#followers.add(follower);
    return follower;
  }

  claim(key: string, by: string): Promise<Claim | null> {
    return this.#leases.claim(key, by);
  }

  holder(key: string): Promise<string | null> {
    return this.#leases.holder(key);
  }

  waiting(group: string): Promise<number> {
    return read(this.#engine, (db) => countWaiting(db, group));
  }

  term(): number {
    return this.#leases.breaks;
  }

  async health(): Promise<BusHealth> {
    try {
      await read(this.#engine, (db) => db.get('SELECT 1 FROM groups LIMIT 1'));
    } catch (thrown) {
      return { ok: false, reason: thrown instanceof Error ? thrown.message : 'unknown' };
    }
    const { fault } = this.#engine.writer;
    return fault === null
      ? { ok: true, detail: `embedded, ${this.#engine.path}` }
      : { ok: false, reason: fault.message };
  }

  async examine(): Promise<readonly BusFinding[]> {
    return [];
  }

  /** Removes what may go now; it also happens by itself twice a minute. */
  prune(): Promise<void> {
    return pruneOnce(this.#engine, this.#gitLog);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    await Promise.all([...this.#followers].map((follower) => follower.stop()));
    await this.#releasers.release();
  }
}
