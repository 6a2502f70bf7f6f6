import { randomUUID } from 'node:crypto';
import type { ChannelModel, ConsumeMessage } from 'amqplib';
import { toError } from '../../kernel/service-error.js';
import { decode, type Message } from '../../messages/index.js';
import type { Listener } from '../contract.js';
import { closeChannel } from './close.js';
import { amqpFault } from './faults.js';
import type { Link } from './link.js';
import { type Names, TOPIC_EXCHANGE } from './names.js';
import { idOf, rawOf } from './wire.js';

/** How long a new listener waits for a connection; milliseconds. */
const PATIENCE_MS = 5_000;

interface ListenersParts {
  readonly link: Link;
  readonly names: Names;
  readonly onFault: (error: Error) => void;
}

/** All listeners of a bus: each has a queue that goes with its connection, and gets another with the next. */
export class Listeners {
  readonly #parts: ListenersParts;
  readonly #ears = new Set<Listener>();

  constructor(parts: ListenersParts) {
    this.#parts = parts;
  }

  /** Resolves when the broker knows of it. */
  async add(patterns: readonly string[], onMessage: (message: Message) => void): Promise<Listener> {
    const { link } = this.#parts;
    const ear = new Ear(this.#parts, patterns, onMessage);
    await ear.open(await link.model(PATIENCE_MS));
    const deaf = link.onUp((model) => ear.open(model));
    const listener: Listener = {
      stop: async () => {
        deaf();
        this.#ears.delete(listener);
        await ear.close();
      },
    };
    this.#ears.add(listener);
    return listener;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ears].map((ear) => ear.stop()));
  }
}

class Ear {
  readonly #parts: ListenersParts;
  readonly #patterns: readonly string[];
  readonly #onMessage: (message: Message) => void;
  #model: ChannelModel | null = null;
  #closeChannel: (() => Promise<void>) | null = null;
  #stopped = false;

  constructor(parts: ListenersParts, patterns: readonly string[], onMessage: (message: Message) => void) {
    this.#parts = parts;
    this.#patterns = patterns;
    this.#onMessage = onMessage;
  }

  /** Once for each connection. */
  async open(model: ChannelModel): Promise<void> {
    if (this.#stopped || this.#model === model) return;
    this.#model = model;
    const { names } = this.#parts;
    const queue = names.listener(randomUUID());
    let reason: unknown = null;
    try {
      const channel = await model.createChannel();
      channel.on('error', (error: Error) => {
        reason = error;
      });
      await channel.assertQueue(queue, { exclusive: true, durable: false, autoDelete: true });
      for (const pattern of this.#patterns) await channel.bindQueue(queue, TOPIC_EXCHANGE, pattern);
      await channel.consume(queue, (raw) => this.#hear(raw), { noAck: true });
      this.#closeChannel = () => closeChannel(channel);
    } catch (thrown) {
      this.#model = null;
      throw amqpFault(reason ?? thrown, names.place);
    }
  }

  /** The queue goes with its last consumer. */
  async close(): Promise<void> {
    this.#stopped = true;
    await this.#closeChannel?.();
  }

  /** A throw in here would end the whole connection. */
  #hear(raw: ConsumeMessage | null): void {
    if (raw === null || this.#stopped) return;
    try {
      const message = decode(rawOf(raw), idOf(raw));
      if (message.ok) this.#onMessage(message.value);
    } catch (thrown) {
      this.#parts.onFault(toError(thrown));
    }
  }
}
