import { randomUUID } from 'node:crypto';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { Names } from './names.js';

/** How long the holder of a claim may take to answer; milliseconds. One that stands still never does. */
const ANSWER_PATIENCE_MS = 1_000;

const CLAIM_HEADER = 'x-layerwright-claim';
const HOLDER_HEADER = 'x-layerwright-holder';

/** Who holds a key in this process; null: nobody does. Waits for a claim that is under way. */
export type OwnerOf = (key: string) => Promise<string | null>;

/**
 * Processes with claims ask each other who has one: the broker tells only that a queue has an owner. All of them hear a
 * question, the holder answers. This costs a claim nothing; a bound queue for each would double its price.
 */
export class ClaimTalk {
  readonly #channel: Channel;
  readonly #names: Names;
  readonly #ownerOf: OwnerOf;
  readonly #queue: string;
  readonly #asked = new Map<string, (by: string) => void>();

  private constructor(channel: Channel, names: Names, ownerOf: OwnerOf) {
    this.#channel = channel;
    this.#names = names;
    this.#ownerOf = ownerOf;
    this.#queue = names.listener(`claims.${randomUUID()}`);
  }

  static async open(channel: Channel, names: Names, ownerOf: OwnerOf): Promise<ClaimTalk> {
    const talk = new ClaimTalk(channel, names, ownerOf);
    const queue = talk.#queue;
    await channel.assertQueue(queue, { exclusive: true, durable: false });
    await channel.bindQueue(queue, names.direct, queue);
    await channel.bindQueue(queue, names.direct, talk.#everybody);
    await channel.consume(queue, (raw) => void (raw === null ? null : talk.#hear(raw)), { noAck: true });
    return talk;
  }

  /** What the holder of a key calls itself; null when nobody answers in time. */
  async whoHas(key: string): Promise<string | null> {
    const id = randomUUID();
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<string | null>((resolve) => {
        timer = setTimeout(() => resolve(null), ANSWER_PATIENCE_MS);
        this.#asked.set(id, resolve);
        const question = { headers: { [CLAIM_HEADER]: key }, replyTo: this.#queue, correlationId: id };
        this.#channel.publish(this.#names.direct, this.#everybody, Buffer.alloc(0), question);
      });
    } finally {
      clearTimeout(timer);
      this.#asked.delete(id);
    }
  }

  get #everybody(): string {
    return `${this.#names.root}.claims`;
  }

  /** Never throws: what is no question and no answer of ours is nothing. */
  async #hear({ properties }: ConsumeMessage): Promise<void> {
    const key: unknown = properties.headers?.[CLAIM_HEADER];
    const by: unknown = properties.headers?.[HOLDER_HEADER];
    const correlationId: unknown = properties.correlationId;
    const replyTo: unknown = properties.replyTo;
    if (typeof correlationId !== 'string') return;
    if (typeof by === 'string') {
      this.#asked.get(correlationId)?.(by);
      return;
    }
    if (typeof key !== 'string' || typeof replyTo !== 'string') return;
    const owner = await this.#ownerOf(key);
    if (owner === null) return;
    try {
      const answer = { headers: { [HOLDER_HEADER]: owner }, correlationId };
      this.#channel.publish(this.#names.direct, replyTo, Buffer.alloc(0), answer);
    } catch {
      // The connection has just gone, and the claim with it: whoever asks finds it free.
    }
  }
}
