import { AckPolicy, type ConsumerConfig, DeliverPolicy, type Msg, nanos, ReplayPolicy } from 'nats';
import { ServiceError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import type { Link } from './connect.js';
import { API, apiCode } from './faults.js';
import type { Place } from './place.js';
import { PULL_EXPIRES_MS, type PullEnd, Pulls } from './pulls.js';
import { streamInfo } from './streams.js';

/** What one request asks for at most, and what one batch holds at most. */
const REQUEST = { messages: 500, bytes: 4_194_304 } as const;
const BATCH = { messages: 500, bytes: 1_048_576 } as const;
/** How often the server gives a sign of life while nothing comes; without two of them the reading begins anew. */
const HEARTBEAT_MS = 5_000;
/** When the server forgets a reader that is gone; milliseconds. */
const FORGOTTEN_AFTER_MS = 60_000;
const RESTART_MS = { first: 100, longest: 5_000 } as const;

/** Where reading begins: at a sequence, or at the first message stored at or after a time. */
export type ReadFrom = { readonly seq: number } | { readonly time: Date };

export interface ReadMessage {
  readonly msg: Msg;
  readonly place: Place;
}

/**
 * Reads a stream in order, each message once, through a consumer of its own that the server keeps no acknowledgements
 * for. Whatever goes wrong (a gap, a break, a consumer that was removed), it goes on after the last message it had, if
 * the stream is still the same one.
 */
export class LogReader {
  readonly #link: Link;
  readonly #stream: string;
  /** When the stream was made: another one of the same name is another log. */
  readonly #made: string;
  readonly #closing = new AbortController();
  readonly #deaf: () => void;
  readonly #timer: NodeJS.Timeout;
  #from: ReadFrom;
  #queue: ReadMessage[] = [];
  #pulls: Pulls | null = null;
  #consumer: string | null = null;
  #delivery = 0;
  #waiting = 0;
  #lastSeq = 0;
  #fault: ServiceError | null = null;
  #wake: (() => void) | null = null;
  #restarting: Promise<void> | null = null;

  private constructor(link: Link, stream: string, made: string, from: ReadFrom) {
    this.#link = link;
    this.#stream = stream;
    this.#made = made;
    this.#from = from;
    this.#deaf = link.onReturn(() => this.#restart());
    this.#timer = setInterval(() => this.#watch(), HEARTBEAT_MS);
  }

  /** `made`: the stream's `created`, as the server writes it. */
  static async open(link: Link, stream: string, made: string, from: ReadFrom): Promise<LogReader> {
    const reader = new LogReader(link, stream, made, from);
    try {
      await reader.#start();
      return reader;
    } catch (thrown) {
      await reader.close();
      throw link.errorOf(thrown);
    }
  }

  /** Messages that were in the stream from the beginning on when the reader was opened. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether everything that the server has was given, whatever its sequence: the last messages may have been deleted. */
  async isAtEnd(): Promise<boolean> {
    if (this.#consumer === null || this.#queue.length > 0) return false;
    const delivered = this.#delivery;
    const info = await this.#link.jsm.consumers.info(this.#stream, this.#consumer);
    return info.num_pending === 0 && info.delivered.consumer_seq <= delivered && this.#queue.length === 0;
  }

  /** The next messages, at least one; null when the reader is closed. Throws `position_lost`. */
  async next(): Promise<readonly ReadMessage[] | null> {
    while (this.#queue.length === 0) {
      if (this.#fault !== null) throw this.#fault;
      if (this.#closing.signal.aborted) return null;
      this.#ask();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    if (this.#closing.signal.aborted) return null;
    const batch = this.#queue.splice(0, batchLength(this.#queue));
    this.#ask();
    return batch;
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    clearInterval(this.#timer);
    this.#deaf();
    this.#wake?.();
    await this.#restarting?.catch(() => undefined);
    await this.#end();
  }

  async #start(): Promise<void> {
    const info = await this.#link.jsm.consumers.add(this.#stream, {
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      mem_storage: true,
      num_replicas: 1,
      max_deliver: -1,
      inactive_threshold: nanos(FORGOTTEN_AFTER_MS),
      ...startOf(this.#from),
    });
    this.#consumer = info.name;
    this.#waiting = info.num_pending;
    this.#delivery = 0;
    const pulls: Pulls = new Pulls(
      this.#link,
      { stream: this.#stream, name: info.name },
      (msg, place) => {
        if (pulls === this.#pulls) this.#take(msg, place);
      },
      (end) => {
        if (pulls === this.#pulls) this.#ended(end);
      },
    );
    this.#pulls = pulls;
  }

  #ask(): void {
    if (this.#pulls === null || this.#pulls.outstanding > 0 || this.#queue.length > REQUEST.messages / 2) return;
    this.#pulls.ask({
      batch: REQUEST.messages,
      expires: PULL_EXPIRES_MS,
      maxBytes: REQUEST.bytes,
      heartbeat: HEARTBEAT_MS,
    });
  }

  #take(msg: Msg, place: Place): void {
    if (place.delivery !== this.#delivery + 1) {
      this.#restart();
      return;
    }
    this.#delivery = place.delivery;
    this.#lastSeq = place.seq;
    this.#from = { seq: place.seq + 1 };
    this.#queue.push({ msg, place });
    this.#wake?.();
  }

  #ended(end: PullEnd): void {
    if (end === 'over') this.#ask();
    else this.#restart();
  }

  #watch(): void {
    const pulls = this.#pulls;
    if (pulls === null || !this.#link.up || pulls.outstanding === 0) return;
    if (performance.now() - pulls.heardAt > 3 * HEARTBEAT_MS) this.#restart();
  }

  #restart(): void {
    if (this.#closing.signal.aborted) return;
    this.#restarting ??= this.#startAgain()
      .catch((thrown: unknown) => {
        this.#fault = this.#link.errorOf(thrown);
        this.#wake?.();
      })
      .finally(() => {
        this.#restarting = null;
      });
  }

  async #startAgain(): Promise<void> {
    const { signal } = this.#closing;
    await this.#end();
    for (
      let delay: number = RESTART_MS.first;
      !signal.aborted && !this.#link.closed;
      delay = Math.min(delay * 2, RESTART_MS.longest)
    ) {
      try {
        await this.#link.whenUp(PULL_EXPIRES_MS);
        await this.#checkStream();
        await this.#start();
        this.#ask();
        return;
      } catch (thrown) {
        const error = this.#link.errorOf(thrown);
        if (error.code === 'position_lost') throw error;
        if (this.#link.up) this.#link.fault(error);
        await pause(delay, signal);
      }
    }
  }

  async #checkStream(): Promise<void> {
    const info = await streamInfo(this.#link, this.#stream);
    if (info?.created === this.#made && info.state.last_seq >= this.#lastSeq) return;
    throw new ServiceError(
      'position_lost',
      `the stream ${this.#stream} was removed or made anew: what it had after its message ${this.#lastSeq} is gone`,
    );
  }

  async #end(): Promise<void> {
    const [pulls, consumer] = [this.#pulls, this.#consumer];
    this.#pulls = null;
    this.#consumer = null;
    await pulls?.close();
    if (consumer === null || !this.#link.up || this.#link.nc.isClosed()) return;
    try {
      await this.#link.jsm.consumers.delete(this.#stream, consumer);
    } catch (thrown) {
      // It is forgotten by itself; and where it is gone already, that is why we are here.
      const code = apiCode(thrown);
      if (this.#link.up && code !== API.consumerNotFound && code !== API.streamNotFound) this.#link.fault(thrown);
    }
  }
}

function startOf(from: ReadFrom): Partial<ConsumerConfig> {
  if ('seq' in from) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, from.seq) };
  return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: from.time.toISOString() };
}

function batchLength(queue: readonly ReadMessage[]): number {
  let bytes = 0;
  for (const [index, { msg }] of queue.entries()) {
    bytes += msg.data.byteLength;
    if (index > 0 && (index >= BATCH.messages || bytes > BATCH.bytes)) return index;
  }
  return queue.length;
}
