import type { ChannelModel } from 'amqplib';
import { ServiceError } from '../../kernel/service-error.js';
import { encode, type Message } from '../../messages/index.js';
import { pause } from '../../runtime/clock.js';
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
  Topology,
} from '../contract.js';
import type { AmqpSettings } from '../settings.js';
import { logOf } from '../topology.js';
import { AmqpClaims } from './claims.js';
import { closeChannel } from './close.js';
import { serverOf } from './connect.js';
import { AmqpConsumer } from './consumer.js';
import { Copies } from './copies.js';
import { type Declarations, waitQueues } from './declare.js';
import { examineAmqp } from './examine.js';
import { amqpFault, NOT_FOUND, replyCode } from './faults.js';
import type { Link } from './link.js';
import { Listeners } from './listeners.js';
import { AmqpLogs } from './logs.js';
import type { Names } from './names.js';
import { Publisher } from './publisher.js';

/** How long `health` waits for an answer, and how long a question waits for a connection; milliseconds. */
const HEALTH_MS = 2_000;
const PATIENCE_MS = 5_000;
const PERSISTENT = 2;

export interface AmqpParts {
  readonly settings: AmqpSettings;
  readonly topology: Topology;
  readonly names: Names;
  readonly declarations: Declarations;
  /** A blocked publisher must not stop acknowledgements: each way has a connection of its own. */
  readonly publishing: Link;
  readonly consuming: Link;
  readonly onFault: (error: Error) => void;
}

/** A bus on RabbitMQ. */
export class AmqpBus implements Bus {
  readonly kind = 'amqp';
  readonly #parts: AmqpParts;
  readonly #isLogged: (topic: string) => boolean;
  readonly #publisher: Publisher;
  readonly #logs: AmqpLogs;
  readonly #claims: AmqpClaims;
  readonly #listeners: Listeners;
  readonly #consumers = new Set<Consumer>();
  #closing: Promise<void> | null = null;

  constructor(parts: AmqpParts) {
    const { settings, topology, names, publishing, consuming, onFault } = parts;
    const logged = logOf(topology);
    this.#parts = parts;
    this.#isLogged = (topic) => logged(topic) !== null;
    this.#publisher = new Publisher({
      link: publishing,
      names,
      isLogged: this.#isLogged,
      redeclare: (model) => parts.declarations.declare(model),
    });
    const publish = (queue: string, headers: Message['headers'], content: Buffer): Promise<void> =>
      this.#publisher.store(queue, content, { headers: { ...headers }, deliveryMode: PERSISTENT });
    this.#logs = new AmqpLogs(
      { link: consuming, names, place: names.place, logOf: logged, publish },
      topology.git.length > 0,
    );
    this.#claims = new AmqpClaims({ settings, names, onFault });
    this.#listeners = new Listeners({ link: consuming, names, onFault });
  }

  /** The broker keeps no ids: the same one is delivered as often as it is published, `again` or not. */
  async publish(message: Message): Promise<void> {
    const { id, topic, headers } = message;
    await this.#publisher.publish({ id, topic, headers, content: encode(message) });
  }

  async consume(group: string, handler: Handler, options: ConsumeOptions): Promise<Consumer> {
    const { topology, names, declarations, consuming, onFault } = this.#parts;
    const patterns = topology.groups[group];
    if (patterns === undefined) {
      throw new ServiceError('usage', `the bus has no group ${group}: declare it in the topology`);
    }
    const copies = new Copies({ names, group, publisher: this.#publisher });
    const consumer = new AmqpConsumer(
      {
        link: consuming,
        names,
        group,
        patterns,
        isLogged: this.#isLogged,
        copies,
        redeclare: (model) => declarations.declare(model),
        onFault,
      },
      handler,
      options,
    );
    consumer.start();
    this.#consumers.add(consumer);
    return consumer;
  }

  listen(patterns: readonly string[], onMessage: (message: Message) => void): Promise<Listener> {
    return this.#listeners.add(patterns, onMessage);
  }

  read(log: LogName, from: LogStart): AsyncIterable<readonly LogEntry[]> {
    return this.#logs.read(log, from);
  }

  follow(
    log: LogName,
    from: LogStart,
    onBatch: (batch: readonly LogEntry[]) => void | Promise<void>,
  ): Promise<Follower> {
    return this.#logs.follow(log, from, onBatch);
  }

  claim(key: string, by: string): Promise<Claim | null> {
    return this.#claims.claim(key, by);
  }

  holder(key: string): Promise<string | null> {
    return this.#claims.holder(key);
  }

  async waiting(group: string): Promise<number> {
    const { names, consuming, topology } = this.#parts;
    if (topology.groups[group] === undefined) return 0;
    const model = await consuming.model(PATIENCE_MS);
    const queues = [names.group(group), ...waitQueues(names, group)];
    const counts = await Promise.all(queues.map((queue) => this.#ready(model, queue)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  term(): number {
    return this.#parts.consuming.breaks + this.#parts.publishing.breaks + this.#claims.breaks;
  }

  async health(): Promise<BusHealth> {
    const { publishing, consuming, names } = this.#parts;
    const fault = publishing.fault ?? consuming.fault;
    if (fault !== null) return { ok: false, reason: fault };
    if (publishing.blocked !== null) {
      return { ok: false, reason: `${names.place} takes no messages: ${publishing.blocked}` };
    }
    const given = new AbortController();
    const late = pause(HEALTH_MS, given.signal).then(() => ({ ok: false, reason: `${names.place} does not answer` }));
    const health = (await Promise.race([this.#ask(), late])) as BusHealth;
    given.abort();
    return health;
  }

  examine(): Promise<readonly BusFinding[]> {
    const { settings, names, publishing } = this.#parts;
    return examineAmqp({ settings, names, blocked: () => publishing.blocked });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #ask(): Promise<BusHealth> {
    const { publishing, names } = this.#parts;
    try {
      const model = await publishing.model(0);
      const channel = await model.createChannel();
      channel.on('error', () => undefined);
      await channel.checkExchange(names.direct);
      await closeChannel(channel);
      return { ok: true, detail: `amqp, ${serverOf(model)} at ${names.place}` };
    } catch (thrown) {
      return { ok: false, reason: amqpFault(thrown, names.place).message };
    }
  }

  /** One that somebody removed has nothing; it is made anew when it is needed. */
  async #ready(model: ChannelModel, queue: string): Promise<number> {
    const { names } = this.#parts;
    try {
      const channel = await model.createChannel();
      channel.on('error', () => undefined);
      const { messageCount } = await channel.checkQueue(queue);
      await closeChannel(channel);
      return messageCount;
    } catch (thrown) {
      if (replyCode(thrown) === NOT_FOUND) return 0;
      throw amqpFault(thrown, names.place);
    }
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    await this.#logs.close();
    await this.#listeners.close();
    await this.#publisher.close();
    await this.#claims.close();
    await Promise.all([this.#parts.consuming.close(), this.#parts.publishing.close()]);
  }
}
