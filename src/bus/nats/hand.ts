import type { Msg } from 'nats';
import type { Link } from './connect.js';
import type { Place } from './place.js';
import { ACK_WAIT_MS, type LegPlan } from './streams.js';
import type { Arrived } from './wire.js';

/** How long the server's answer to an acknowledgement may take; milliseconds. */
const ANSWER_MS = 3_000;
const NANOSECONDS = 1_000_000;
/**
 * How long a delivery may have been on its way, or have lain in a process that had no time for it; milliseconds. The
 * server's patience began when it sent it, not when it came.
 */
const ON_ITS_WAY_MS = 1_500;
/** How long a delivery is surely ours after it came, or after the server was told last that it is worked on; milliseconds. */
const OURS_MS = ACK_WAIT_MS - ON_ITS_WAY_MS;

/** A delivery in this process's hands, and what can be told of it to the server. */
export class Hand {
  readonly leg: LegPlan;
  readonly place: Place;
  readonly arrived: Arrived;
  readonly #link: Link;
  readonly #reply: string;
  #heldSince: number;
  #ended = false;

  constructor(link: Link, leg: LegPlan, msg: Msg, place: Place, arrived: Arrived) {
    this.#link = link;
    this.leg = leg;
    this.place = place;
    this.arrived = arrived;
    this.#reply = msg.reply ?? '';
    this.#heldSince = performance.now();
  }

  /** A key for what is stored in this message's stead: the same however often it is delivered, and in no other place. */
  get key(): string {
    return `${this.leg.durable}:${this.place.stream}:${this.place.seq}:${this.place.storedNs}`;
  }

  /** False when the server may have given it to another meanwhile: then nothing may be said of it any more. */
  get isOurs(): boolean {
    return performance.now() - this.#heldSince < OURS_MS;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Tells the server that it is worked on. An answer that comes too late is one of a delivery that another has by now. */
  async working(): Promise<void> {
    if (this.#ended || !this.isOurs || !this.#link.up) return;
    const sentAt = performance.now();
    await this.#link.nc.request(this.#reply, '+WPI', { timeout: ANSWER_MS });
    if (this.isOurs) this.#heldSince = sentAt;
  }

  ack(): void {
    this.#end('+ACK');
  }

  /** Resolves when the server has it: from then on the message comes to nobody. */
  async ackSurely(): Promise<void> {
    this.#ended = true;
    await this.#link.nc.request(this.#reply, '+ACK', { timeout: ANSWER_MS });
  }

  /** Gives it back, for whoever asks after `afterMs`. */
  giveBack(afterMs = 0): void {
    this.#end(afterMs > 0 ? `-NAK {"delay":${Math.ceil(afterMs) * NANOSECONDS}}` : '-NAK');
  }

  #end(word: string): void {
    this.#ended = true;
    if (!this.#link.nc.isClosed()) this.#link.nc.publish(this.#reply, word);
  }
}
