import { createInbox, type Msg, type Subscription } from 'nats';
import type { Link } from './connect.js';
import { type Place, placeOfReply } from './place.js';

/** How long the server keeps a request that waits for messages; milliseconds. */
export const PULL_EXPIRES_MS = 30_000;

const NANOSECONDS = 1_000_000;
const HEARTBEAT_STATUS = 100;

/** How a request ended without messages. */
export type PullEnd =
  /** The server's time for it was over, or nothing was there: ask again. */
  | 'over'
  /** The consumer moved, or a limit of it is reached: ask again in a while. */
  | 'later'
  /** The consumer is not there. */
  | 'gone';

export interface PullRequest {
  readonly batch: number;
  /** Milliseconds; null: what is there now or nothing. */
  readonly expires: number | null;
  readonly maxBytes?: number;
  /** Signs of life while nothing comes; milliseconds. */
  readonly heartbeat?: number;
}

/** Requests to one pull consumer, and what they bring, over an inbox of their own. */
export class Pulls {
  readonly #link: Link;
  readonly #subject: string;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  readonly #onMessage: (msg: Msg, place: Place) => void;
  readonly #onEnd: (end: PullEnd) => void;
  #outstanding = 0;
  #heardAt = performance.now();

  constructor(
    link: Link,
    consumer: { readonly stream: string; readonly name: string },
    onMessage: (msg: Msg, place: Place) => void,
    onEnd: (end: PullEnd) => void,
  ) {
    this.#link = link;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${consumer.stream}.${consumer.name}`;
    this.#onMessage = onMessage;
    this.#onEnd = onEnd;
    this.#subscription = link.nc.subscribe(this.#inbox, {
      callback: (fault, msg) => (fault === null ? this.#hear(msg) : link.fault(fault)),
    });
  }

  /** Messages that were asked for and have not come. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** When the server was heard of last, or asked; monotonic milliseconds. */
  get heardAt(): number {
    return this.#heardAt;
  }

  ask({ batch, expires, maxBytes, heartbeat }: PullRequest): void {
    this.#outstanding += batch;
    this.#heardAt = performance.now();
    const request = {
      batch,
      ...(expires === null ? { no_wait: true } : { expires: expires * NANOSECONDS }),
      ...(maxBytes === undefined ? {} : { max_bytes: maxBytes }),
      ...(heartbeat === undefined ? {} : { idle_heartbeat: heartbeat * NANOSECONDS }),
    };
    this.#link.nc.publish(this.#subject, JSON.stringify(request), { reply: this.#inbox });
  }

  /** Takes back the requests: the server drops those of an inbox that nobody has. What is under way still comes. */
  async close(): Promise<void> {
    this.#outstanding = 0;
    if (this.#subscription.isClosed() || this.#link.nc.isClosed()) return;
    if (this.#link.up) await this.#subscription.drain().catch(() => undefined);
    else this.#subscription.unsubscribe();
  }

  #hear(msg: Msg): void {
    this.#heardAt = performance.now();
    const place = placeOfReply(msg.reply);
    if (place !== null) {
      this.#outstanding = Math.max(0, this.#outstanding - 1);
      this.#onMessage(msg, place);
      return;
    }
    const code = msg.headers?.code ?? 0;
    if (code === HEARTBEAT_STATUS) return;
    const end = endOf(code, msg.headers?.description ?? '');
    const left = Number(msg.headers?.get('Nats-Pending-Messages') || '1');
    this.#outstanding = end === 'over' ? Math.max(0, this.#outstanding - left) : 0;
    this.#onEnd(end);
  }
}

/** Statuses of the protocol: 404 nothing there, 408 over, 409 refused or ended for a reason, 503 nobody there. */
function endOf(code: number, description: string): PullEnd {
  if (code === 404 || code === 408) return 'over';
  if (code === 409) {
    if (/MaxBytes|Batch Completed/i.test(description)) return 'over';
    return /consumer deleted|push based/i.test(description) ? 'gone' : 'later';
  }
  return 'gone';
}
