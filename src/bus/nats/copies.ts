import type { RawMessage } from '../../messages/index.js';
import type { DeadReason } from '../contract.js';
import { deadBody } from '../dead-body.js';
import type { Hand } from './hand.js';
import type { Names } from './names.js';
import type { Publisher } from './publisher.js';
import { AT_ONCE, type Due, headerBytes, MAX_HEADER_BYTES, placeId, toHeaders } from './wire.js';

/**
 * What becomes of a delivery that is not just done: a copy in the group's retry stream, or a letter in the log of the
 * dead; then the delivery itself is acknowledged. A process that dies between the two leaves no second copy: it is
 * stored under the delivery's key.
 */
export class Copies {
  readonly #publisher: Publisher;
  readonly #names: Names;
  readonly #group: string;

  constructor(publisher: Publisher, names: Names, group: string) {
    this.#publisher = publisher;
    this.#names = names;
    this.#group = group;
  }

  async again(hand: Hand, retries: number, due: Due): Promise<void> {
    const raw = named(hand);
    const headers = toHeaders(raw, { topic: raw.topic, retries, due });
    await this.#publisher.store(this.#names.retrySubject(this.#group), raw.content, headers, hand.key);
    if (hand.isOurs) await hand.ackSurely();
  }

  async bury(hand: Hand, why: DeadReason): Promise<void> {
    const raw = named(hand);
    const marks = { topic: raw.topic, retries: hand.arrived.retries, due: AT_ONCE };
    const whole = toHeaders(raw, marks);
    // The letter's body has the headers too.
    const headers = headerBytes(whole) <= MAX_HEADER_BYTES ? whole : toHeaders({ id: raw.id, headers: {} }, marks);
    const content = Buffer.from(JSON.stringify(deadBody(raw, why, this.#group)));
    await this.#publisher.store(this.#names.deadSubject, content, headers, hand.key);
    if (hand.isOurs) await hand.ackSurely();
  }
}

/** A copy lies elsewhere: an id that comes from the place must come along. */
function named({ arrived: { raw }, place: { stream, seq, storedMs } }: Hand): RawMessage {
  return { ...raw, id: raw.id ?? placeId(stream, seq, storedMs) };
}
