import { randomUUID } from 'node:crypto';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { ServiceError } from '../../kernel/service-error.js';
import { closeChannel } from './close.js';
import { amqpFault } from './faults.js';

/** One consumer with room for one message: what it has not taken, an idle one of another process can take. */
interface Lane {
  readonly tag: string;
  readonly ready: Promise<unknown>;
  delivery: ConsumeMessage | null;
  /** Takes nothing more; goes when its message is answered. */
  closed: boolean;
}

export interface LanesParts {
  readonly queue: string;
  /** The bus, for people. */
  readonly place: string;
  readonly onMessage: (carried: ConsumeMessage, lanes: Lanes) => void;
  /** Called once, when the channel or the queue has gone. */
  readonly onGone: (fault: ServiceError, lanes: Lanes) => void;
}

/** The lanes of one group on one channel, as long as that lasts. */
export class Lanes {
  readonly model: ChannelModel;
  readonly #parts: LanesParts;
  readonly #channel: Channel;
  readonly #lanes = new Map<string, Lane>();
  #gone = false;

  private constructor(model: ChannelModel, channel: Channel, parts: LanesParts) {
    this.model = model;
    this.#channel = channel;
    this.#parts = parts;
  }

  static async open(model: ChannelModel, parts: LanesParts): Promise<Lanes> {
    try {
      const channel = await model.createChannel();
      const lanes = new Lanes(model, channel, parts);
      channel.on('error', (error: Error) => lanes.#end(amqpFault(error, parts.place)));
      channel.on('close', () => lanes.#end(gone(parts)));
      await channel.prefetch(1);
      return lanes;
    } catch (thrown) {
      throw amqpFault(thrown, parts.place);
    }
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Lanes that are open, busy ones included. */
  get size(): number {
    return this.#lanes.size;
  }

  /** Lanes with a message. */
  get busy(): number {
    return [...this.#lanes.values()].filter(({ delivery }) => delivery !== null).length;
  }

  add(): void {
    if (this.#gone) return;
    const tag = randomUUID();
    const ready = this.#channel.consume(this.#parts.queue, (carried) => this.#take(tag, carried), { consumerTag: tag });
    this.#lanes.set(tag, { tag, ready, delivery: null, closed: false });
    // The channel's own events say what is wrong.
    ready.catch(() => this.#lanes.delete(tag));
  }

  /** Whether a delivery can still be answered: asks the broker, which answers on a channel that lives. */
  async holds(carried: ConsumeMessage): Promise<boolean> {
    if (this.#gone || this.#laneOf(carried) === undefined) return false;
    try {
      await this.#channel.prefetch(1);
      return !this.#gone;
    } catch {
      return false;
    }
  }

  /** Acknowledges; the lane takes the next message. Nothing, when the channel has gone: the message comes again. */
  ack(carried: ConsumeMessage): void {
    this.#answer(carried, () => this.#channel.ack(carried));
  }

  giveBack(carried: ConsumeMessage): void {
    this.#answer(carried, () => this.#channel.nack(carried, false, true));
  }

  /** Acknowledges and closes the lane before the broker can fill it again. */
  async ackLast(carried: ConsumeMessage): Promise<void> {
    const lane = this.#laneOf(carried);
    if (lane === undefined || this.#gone) return;
    await this.#cancel(lane);
    this.ack(carried);
  }

  /** Closes all lanes for new messages; those with one keep it until it is answered. */
  async closeAll(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => this.#cancel(lane)));
    for (const lane of this.#lanes.values()) if (lane.delivery === null) this.#lanes.delete(lane.tag);
  }

  /** Ends the channel, after the broker has read all answers: those before a close may be lost otherwise. */
  async close(): Promise<void> {
    if (this.#gone) return;
    await this.closeAll();
    await this.#channel.checkQueue(this.#parts.queue).catch(() => undefined);
    this.#gone = true;
    await closeChannel(this.#channel);
  }

  #laneOf({ fields }: ConsumeMessage): Lane | undefined {
    return this.#lanes.get(fields.consumerTag);
  }

  async #cancel(lane: Lane): Promise<void> {
    if (this.#gone || lane.closed) return;
    lane.closed = true;
    await lane.ready.catch(() => undefined);
    // Where the channel has just gone, so has the consumer.
    await this.#channel.cancel(lane.tag).catch(() => undefined);
  }

  #answer(carried: ConsumeMessage, answer: () => void): void {
    const lane = this.#laneOf(carried);
    if (lane === undefined || this.#gone) return;
    lane.delivery = null;
    if (lane.closed) this.#lanes.delete(lane.tag);
    try {
      answer();
    } catch {
      // The channel has gone in this moment: the message comes again.
    }
  }

  #take(tag: string, carried: ConsumeMessage | null): void {
    if (carried === null) {
      // The queue has gone; the channel has not.
      void closeChannel(this.#channel);
      this.#end(gone(this.#parts));
      return;
    }
    const lane = this.#lanes.get(tag);
    if (lane === undefined || this.#gone) return;
    lane.delivery = carried;
    this.#parts.onMessage(carried, this);
  }

  /** A channel that the broker closed must not be closed again, not even in its `error`: that would end the connection. */
  #end(fault: ServiceError): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#lanes.clear();
    this.#parts.onGone(fault, this);
  }
}

function gone({ queue, place }: LanesParts): ServiceError {
  return new ServiceError('bus_unavailable', `${place} ended the consumers of ${queue}`, { transient: true });
}
