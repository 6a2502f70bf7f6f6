import type { ConsumeMessage, Options } from 'amqplib';
import { ServiceError } from '../../kernel/service-error.js';
import type { Headers, RawMessage } from '../../messages/index.js';
import type { DeadReason } from '../contract.js';
import { deadBody } from '../dead-body.js';
import { WAITS_MS } from './declare.js';
import type { Names } from './names.js';
import type { Publisher } from './publisher.js';
import { idOf, OWN_HEADER, propertiesOf, ROUTING_HEADERS, rawOf } from './wire.js';

interface CopiesParts {
  readonly names: Names;
  readonly group: string;
  readonly publisher: Publisher;
}

/**
 * What becomes of a delivery that is not just done: a copy in a queue where it waits, or a letter in the log of the dead.
 * The delivery is acknowledged after that: a process that dies between the two leaves a second copy.
 */
export class Copies {
  readonly #parts: CopiesParts;

  constructor(parts: CopiesParts) {
    this.#parts = parts;
  }

  /** Has it delivered again in `afterMs`, to whoever is free. Throws as `Publisher.store`. */
  async again(carried: ConsumeMessage, retries: number, afterMs: number): Promise<void> {
    const raw = named(carried);
    const now = waitOf(afterMs);
    const { group, names, publisher } = this.#parts;
    const marks = { [OWN_HEADER.retries]: retries, [OWN_HEADER.wait]: Math.max(0, Math.ceil(afterMs) - now) };
    const options = { ...copyOptions(raw, marks), ...storedFirst(carried) };
    await publisher.store(names.wait(group, now), Buffer.from(raw.content), options);
  }

  async bury(carried: ConsumeMessage, retries: number, why: DeadReason): Promise<void> {
    const raw = named(carried);
    const { group, names, publisher } = this.#parts;
    const marks = { [OWN_HEADER.retries]: retries };
    const content = Buffer.from(JSON.stringify(deadBody(raw, why, group)));
    try {
      await publisher.store(names.log('dead'), content, copyOptions(raw, marks));
    } catch (thrown) {
      if (!isTooLarge(thrown)) throw thrown;
      // The letter's body has the headers; what it is sent with may be less.
      await publisher.store(names.log('dead'), content, copyOptions({ ...raw, headers: {} }, marks));
    }
  }
}

/** The shortest wait that is long enough, else the longest: then it waits again. */
export function waitOf(afterMs: number): number {
  return WAITS_MS.find((ms) => ms >= afterMs) ?? WAITS_MS[WAITS_MS.length - 1] ?? 0;
}

/** Strangers' headers may be larger than we can send (`LIMITS.headerBytes`). */
export function isTooLarge(thrown: unknown): boolean {
  return thrown instanceof ServiceError && thrown.code === 'message_too_large';
}

/** A copy comes from elsewhere: its id must come along. */
function named(carried: ConsumeMessage): RawMessage {
  return { ...rawOf(carried), id: idOf(carried) };
}

/** What the broker routes by has been routed by; a copy goes to one queue. */
function copyOptions(raw: RawMessage, marks: Headers): Options.Publish {
  const headers = Object.fromEntries(Object.entries(raw.headers).filter(([name]) => !ROUTING_HEADERS.includes(name)));
  return propertiesOf(raw.id, { ...headers, [OWN_HEADER.topic]: raw.topic, ...marks }, Date.now());
}

/** When it was stored first is when it was stored. */
function storedFirst({ properties }: ConsumeMessage): Pick<Options.Publish, 'timestamp'> {
  const timestamp: unknown = properties.timestamp;
  return typeof timestamp === 'number' ? { timestamp } : {};
}
