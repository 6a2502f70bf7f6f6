import { ServiceError } from '../../kernel/service-error.js';
import { encode, type Message, type RawMessage } from '../../messages/index.js';
import type {
  Bus,
  BusFinding,
  BusHealth,
  Claim,
  ConsumeOptions,
  Follower,
  Handler,
  Listener,
  LogEntry,
  LogName,
  LogStart,
  PublishOptions,
  Topology,
} from '../contract.js';
import type { NatsSettings } from '../settings.js';
import { logOf } from '../topology.js';
import { Claims } from './claims.js';
import type { Link } from './connect.js';
import { NatsConsumer } from './consumer.js';
import { Copies } from './copies.js';
import { type ExamineParts, examine } from './examine.js';
import { isForbidden } from './faults.js';
import { Listeners } from './listeners.js';
import { logNamed, NatsFollower, readLog } from './logs.js';
import { Publisher } from './publisher.js';
import { consumerInfo, declare, type Plan } from './streams.js';

/** How long `health` waits for an answer; milliseconds. */
const HEALTH_MS = 2_000;

/** A bus on NATS with JetStream. */
export class NatsBus implements Bus {
  readonly kind = 'nats';
  readonly #link: Link;
  readonly #way: Pick<ExamineParts, 'servers' | 'tls'>;
  readonly #plan: Plan;
  readonly #topology: Topology;
  readonly #publisher: Publisher;
  readonly #claims: Claims;
  readonly #listeners: Listeners;
  readonly #consumers = new Map<NatsConsumer, string>();
  readonly #followers = new Set<Follower>();
  #declaring: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(link: Link, plan: Plan, topology: Topology, settings: Pick<NatsSettings, 'servers' | 'tls'>) {
    const logged = logOf(topology);
    this.#link = link;
    this.#way = { servers: settings.servers, tls: settings.tls !== null };
    this.#plan = plan;
    this.#topology = topology;
    this.#publisher = new Publisher(link, (topic) => logged(topic) !== null);
    this.#claims = new Claims(link, plan.names);
    this.#listeners = new Listeners(link);
    // The server that is back may have lost everything, or be another one.
    link.onReturn(() => void this.#redeclare().catch((thrown: unknown) => link.fault(thrown)));
  }

  async publish(message: Message, options: PublishOptions = {}): Promise<void> {
    const { id, topic, headers } = message;
    await this.publishRaw({ id, topic, headers, content: encode(message) }, options);
  }

  /** Stores bytes as they are, whatever they are: as a stranger's program would. For tests of what then happens. */
  async publishRaw(raw: RawMessage, options: PublishOptions = {}): Promise<void> {
    await this.#publisher.publish(raw, options);
  }

  async consume(group: string, handler: Handler, options: ConsumeOptions): Promise<NatsConsumer> {
    const patterns = this.#topology.groups[group];
    if (patterns === undefined) {
      throw new ServiceError('usage', `the bus has no group ${group}: declare it in the topology`);
    }
    const parts = {
      link: this.#link,
      group,
      patterns,
      legs: this.#plan.legsOf(group),
      copies: new Copies(this.#publisher, this.#plan.names, group),
      redeclare: () => this.#redeclare(),
    };
    const consumer = new NatsConsumer(parts, handler, options);
    this.#consumers.set(consumer, group);
    return consumer;
  }

  listen(patterns: readonly string[], onMessage: (message: Message) => void): Promise<Listener> {
    return this.#listeners.add(patterns, onMessage);
  }

  read(log: LogName, from: LogStart): AsyncIterable<readonly LogEntry[]> {
    return readLog(logNamed(this.#link, this.#plan.names, log), from);
  }

  async follow(
    log: LogName,
    from: LogStart,
    onBatch: (batch: readonly LogEntry[]) => void | Promise<void>,
  ): Promise<Follower> {
    const follower = await NatsFollower.open(logNamed(this.#link, this.#plan.names, log), from, onBatch);
    this.#followers.add(follower);
    return follower;
  }

  claim(key: string, by: string): Promise<Claim | null> {
    return this.#claims.claim(key, by);
  }

  holder(key: string): Promise<string | null> {
    return this.#claims.holder(key);
  }

  /** The server does not tell retries that wait for their time from those in hands: of the latter only ours are left out. */
  async waiting(group: string): Promise<number> {
    const legs = this.#topology.groups[group] === undefined ? [] : this.#plan.legsOf(group);
    const infos = await Promise.all(legs.map(async (leg) => ({ leg, info: await consumerInfo(this.#link, leg) })));
    let inHand = 0;
    for (const [consumer, name] of this.#consumers) if (name === group) inHand += consumer.retriesInHand;
    let sum = 0;
    for (const { leg, info } of infos) {
      sum += info?.num_pending ?? 0;
      if (leg.retry) sum += Math.max(0, (info?.num_ack_pending ?? 0) - inHand);
    }
    return sum;
  }

  term(): number {
    return this.#link.breaks;
  }

  async health(): Promise<BusHealth> {
    const link = this.#link;
    const late = new Promise<BusHealth>((resolve) => {
      const reason = `the NATS server at ${link.place} does not answer`;
      setTimeout(() => resolve({ ok: false, reason }), HEALTH_MS).unref();
    });
    return Promise.race([this.#ask(), late]);
  }

  async examine(): Promise<readonly BusFinding[]> {
    return examine({ link: this.#link, plan: this.#plan, claims: this.#claims, ...this.#way });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #ask(): Promise<BusHealth> {
    const link = this.#link;
    try {
      await link.whenUp(0);
      await link.nc.flush();
      try {
        await link.jsm.getAccountInfo();
      } catch (thrown) {
        // Who may not ask about the account asks about what he uses.
        if (!isForbidden(thrown)) throw thrown;
        await link.jsm.streams.info(this.#plan.names.ours);
      }
      return { ok: true, detail: `nats, ${link.nc.info?.version ?? ''} at ${link.place}` };
    } catch (thrown) {
      return { ok: false, reason: link.errorOf(thrown).message };
    }
  }

  /** All who ask at once wait for one. */
  #redeclare(): Promise<void> {
    this.#declaring ??= declare(this.#link, this.#plan).finally(() => {
      this.#declaring = null;
    });
    return this.#declaring;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers.keys()].map((consumer) => consumer.stop()));
    await Promise.all([...this.#followers].map((follower) => follower.stop()));
    await this.#listeners.close();
    await this.#publisher.settled();
    await this.#claims.close();
    await this.#link.close();
  }
}
