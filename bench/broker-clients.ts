/** The raw client of each broker, doing what a bus does: the same messages, as durable, with as many on their way. */
import { type ChannelModel, type ConfirmChannel, connect as connectAmqp } from 'amqplib';
import { connect as connectNats, headers, type JsMsg, type NatsConnection } from 'nats';
import { namesOf } from '../src/bus/nats/names.js';
import { encode, type Message } from '../src/messages/index.js';

export interface RawClient {
  /** Resolves when the broker has stored it. */
  publish(message: Message): Promise<void>;
  /** Takes so many messages from the group's queue and acknowledges each; at most `window` are in hands at a time. */
  consume(count: number, window: number, onMessage: () => void): Promise<void>;
  close(): Promise<void>;
}

export async function rawAmqp(url: string, prefix: string, group: string): Promise<RawClient> {
  const model = await connectAmqp(url, { noDelay: true });
  const channel = await model.createConfirmChannel();
  return new RawAmqp(model, channel, `layerwright.${prefix}.group.${group}`);
}

class RawAmqp implements RawClient {
  readonly #model: ChannelModel;
  readonly #channel: ConfirmChannel;
  readonly #queue: string;

  constructor(model: ChannelModel, channel: ConfirmChannel, queue: string) {
    this.#model = model;
    this.#channel = channel;
    this.#queue = queue;
  }

  publish(message: Message): Promise<void> {
    const options = {
      persistent: true,
      mandatory: true,
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      messageId: message.id,
      headers: message.headers,
    };
    return new Promise((resolve, reject) => {
      this.#channel.publish('amq.topic', message.topic, Buffer.from(encode(message)), options, (error) =>
        error === null || error === undefined ? resolve() : reject(error),
      );
    });
  }

  async consume(count: number, window: number, onMessage: () => void): Promise<void> {
    const channel = await this.#model.createChannel();
    await channel.prefetch(window);
    let taken = 0;
    await new Promise<void>((resolve, reject) => {
      channel
        .consume(this.#queue, (message) => {
          if (message === null || taken === count) return;
          onMessage();
          channel.ack(message);
          taken += 1;
          if (taken === count) resolve();
        })
        .catch(reject);
    });
    await channel.close();
  }

  async close(): Promise<void> {
    await this.#model.close();
  }
}

export async function rawNats(url: string, prefix: string, group: string): Promise<RawClient> {
  return new RawNats(await connectNats({ servers: url }), prefix, group);
}

class RawNats implements RawClient {
  readonly #nc: NatsConnection;
  readonly #stream: string;
  readonly #durable: string;

  constructor(nc: NatsConnection, prefix: string, group: string) {
    this.#nc = nc;
    const names = namesOf(prefix);
    this.#stream = names.ours;
    this.#durable = names.durable(group);
  }

  async publish(message: Message): Promise<void> {
    const carried = headers();
    for (const [name, value] of Object.entries(message.headers)) carried.set(name, String(value));
    carried.set('message_id', message.id);
    await this.#nc.jetstream().publish(message.topic, encode(message), { headers: carried, msgID: message.id });
  }

  /** As many loops as the window, each asking for one message: a puller may not hold what an idle one could take. */
  async consume(count: number, window: number, onMessage: () => void): Promise<void> {
    const consumer = await this.#nc.jetstream().consumers.get(this.#stream, this.#durable);
    let left = count;
    const lane = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const message: JsMsg | null = await consumer.next({ expires: 5_000 });
        if (message === null) throw new Error('the group has too few messages');
        onMessage();
        message.ack();
      }
    };
    await Promise.all(Array.from({ length: window }, lane));
    await this.#nc.flush();
  }

  async close(): Promise<void> {
    await this.#nc.close();
  }
}
