import type { MsgHdrs } from 'nats';
import { LIMITS } from '../../kernel/limits.js';
import { ServiceError } from '../../kernel/service-error.js';
import type { RawMessage } from '../../messages/index.js';
import { pause } from '../../runtime/clock.js';
import type { PublishOptions } from '../contract.js';
import type { Link } from './connect.js';
import { isNoResponders, isTimeout } from './faults.js';
import { topicFault } from './subjects.js';
import { duplicateKey, headerBytes, MAX_HEADER_BYTES, toHeaders } from './wire.js';

/** How long a publish may take, a broken connection included; one try of it; the pause between tries. Milliseconds. */
const PATIENCE_MS = 15_000;
const TRY_MS = 3_000;
const PAUSE_MS = 200;
/** Room for the header with the duplicate key. */
const KEY_BYTES = 300;

/** All publishing of a bus. */
export class Publisher {
  readonly #link: Link;
  readonly #isLogged: (topic: string) => boolean;
  readonly #running = new Set<Promise<void>>();

  constructor(link: Link, isLogged: (topic: string) => boolean) {
    this.#link = link;
    this.#isLogged = isLogged;
  }

  /** Resolves when the message is stored; for one that only passes, when it is sent. */
  publish(raw: RawMessage, options: PublishOptions): Promise<void> {
    const fault = topicFault(raw.topic);
    if (fault !== null) {
      return Promise.reject(
        new ServiceError('message_invalid', `NATS can't carry the topic ${JSON.stringify(raw.topic)}: it ${fault}`),
      );
    }
    const headers = toHeaders(raw);
    const bytes = Math.max(headerBytes(headers), Buffer.byteLength(JSON.stringify(raw.headers)));
    const most = Math.min(LIMITS.headerBytes, MAX_HEADER_BYTES);
    if (bytes > most) {
      return Promise.reject(
        new ServiceError(
          'message_too_large',
          `the headers of a message to ${raw.topic} have ${bytes} bytes, more than ${most}`,
        ),
      );
    }
    if (!this.#isLogged(raw.topic)) return this.#track(this.#pass(raw, headers));
    const key = raw.id === null ? null : duplicateKey(raw.id, options.again);
    return this.store(raw.topic, raw.content, headers, key);
  }

  /** Stores a message under a key by which a second copy is dropped. Tries again within bounds, with the same key. */
  store(subject: string, content: Uint8Array, headers: MsgHdrs, key: string | null): Promise<void> {
    return this.#track(this.#store(subject, content, headers, key));
  }

  /** Waits for what is being published. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #track(work: Promise<void>): Promise<void> {
    this.#running.add(work);
    const done = (): void => {
      this.#running.delete(work);
    };
    work.then(done, done);
    return work;
  }

  async #pass(raw: RawMessage, headers: MsgHdrs): Promise<void> {
    await this.#link.whenUp(PATIENCE_MS);
    this.#checkSize(raw.topic, raw.content, headers);
    try {
      this.#link.nc.publish(raw.topic, raw.content, { headers });
    } catch (thrown) {
      throw this.#link.errorOf(thrown);
    }
  }

  async #store(subject: string, content: Uint8Array, headers: MsgHdrs, key: string | null): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      await this.#link.whenUp(until - performance.now());
      this.#checkSize(subject, content, headers);
      try {
        await this.#link.js.publish(subject, content, {
          headers,
          timeout: TRY_MS,
          ...(key === null ? {} : { msgID: key }),
        });
        return;
      } catch (thrown) {
        const mayTry = isTimeout(thrown) || isNoResponders(thrown) || this.#link.errorOf(thrown).transient;
        if (mayTry && performance.now() + PAUSE_MS < until && !this.#isLost(thrown, until)) {
          await pause(PAUSE_MS);
          continue;
        }
        throw this.#errorOf(thrown, subject);
      }
    }
  }

  /** Nobody answering for so long, while the connection is up, is no election of a leader any more. */
  #isLost(thrown: unknown, until: number): boolean {
    return isNoResponders(thrown) && this.#link.up && until - performance.now() < PATIENCE_MS / 2;
  }

  #errorOf(thrown: unknown, subject: string): ServiceError {
    if (isNoResponders(thrown) && this.#link.up) {
      return new ServiceError(
        'bus_incompatible',
        `no stream of the NATS server at ${this.#link.place} keeps ${subject}: it was removed, or changed; restart to declare it`,
        { cause: thrown },
      );
    }
    return this.#link.errorOf(thrown);
  }

  #checkSize(subject: string, content: Uint8Array, headers: MsgHdrs): void {
    const most = this.#link.nc.info?.max_payload ?? Number.POSITIVE_INFINITY;
    const bytes = content.byteLength + headerBytes(headers) + KEY_BYTES;
    if (bytes <= most) return;
    throw new ServiceError(
      'message_too_large',
      `a message to ${subject} has about ${bytes} bytes with its headers, more than the NATS server's max_payload of ${most}`,
    );
  }
}
