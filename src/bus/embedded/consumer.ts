import { ServiceError, toError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import type { ConsumeOptions, Consumer, DeadReason, Delivery, Handler, Verdict } from '../contract.js';
import { backoff, DEFAULT_MAX_RETRIES } from '../retry-ladder.js';
import type { Database } from './database.js';
import { bury, giveBack, nextDue, settle, type Taken, take } from './deliveries.js';
import { type Engine, read } from './engine.js';
import { messageOf } from './messages.js';

/** The longest that a timer waits for a delivery that is due later; milliseconds. */
const LONGEST_WAIT_MS = 60_000;
/** Before a verdict that could not be stored (no room on the disk) is tried again; milliseconds. */
const SETTLE_PAUSE_MS = 1_000;
/** Before an uncounted retry without a time of its own; milliseconds. */
const UNCOUNTED_RETRY_MS = 1_000;

const FAST = { durable: false, wakes: false } as const;
const DURABLE = { durable: true, wakes: true } as const;
const WAKING = { durable: false, wakes: true } as const;

/**
 * Takes one delivery for each free slot, never more: what waits stays free for whoever has a slot. A taking that others
 * undid (this process stood still) can't be settled any more; its handler's work is then done twice, which is harmless.
 */
export class EmbeddedConsumer implements Consumer {
  readonly #engine: Engine;
  readonly #group: string;
  readonly #handler: Handler;
  readonly #options: ConsumeOptions;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #deaf: () => void;
  #taking: Promise<void> | null = null;
  #again = false;
  #paused = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(engine: Engine, group: string, handler: Handler, options: ConsumeOptions) {
    this.#engine = engine;
    this.#group = group;
    this.#handler = handler;
    this.#options = options;
    this.#deaf = engine.bell.onRing(() => this.#look());
    this.#look();
  }

  get busy(): number {
    return this.#running.size;
  }

  async pause(): Promise<void> {
    this.#paused = true;
    this.#clearTimer();
    await this.#taking;
  }

  async resume(): Promise<void> {
    this.#paused = false;
    this.#look();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#deaf();
    this.#clearTimer();
    await this.#taking;
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  get #open(): boolean {
    return !this.#paused && !this.#stopping.signal.aborted;
  }

  #look(): void {
    if (!this.#open || this.#options.slots <= this.#running.size) return;
    if (this.#taking !== null) {
      this.#again = true;
      return;
    }
    this.#taking = this.#fill()
      .catch((thrown: unknown) => {
        this.#engine.onFault(toError(thrown));
        // A file that is gone for good is said once.
        if (!this.#engine.writer.closed) this.#lookIn(SETTLE_PAUSE_MS);
      })
      .finally(() => {
        this.#taking = null;
        if (this.#again) {
          this.#again = false;
          this.#look();
        }
      });
  }

  /** Reads first, so that looking costs no transaction where nothing waits. */
  async #fill(): Promise<void> {
    const { steady, writer, id } = this.#engine;
    const due = await read(this.#engine, (db) => nextDue(db, this.#group));
    const wait = due === null ? null : due - steady.now();
    if (wait === null || wait > 0) {
      this.#lookIn(Math.min(wait ?? LONGEST_WAIT_MS, LONGEST_WAIT_MS));
      return;
    }
    const taken = await writer.write(FAST, (db) =>
      this.#open ? take(db, this.#group, this.#options.slots - this.#running.size, id, steady.now()) : [],
    );
    if (!this.#open) {
      await writer.write(WAKING, (db) => taken.map((one) => giveBack(db, one, one.due, one.retries)));
      return;
    }
    for (const one of taken) this.#start(one);
    this.#again = true;
  }

  #lookIn(delayMs: number): void {
    this.#clearTimer();
    if (this.#open) this.#timer = setTimeout(() => this.#look(), delayMs);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #start(taken: Taken): void {
    const run = this.#run(taken)
      .catch((thrown: unknown) => this.#engine.onFault(toError(thrown)))
      .finally(() => {
        this.#running.delete(run);
        this.#look();
      });
    this.#running.add(run);
  }

  async #run(taken: Taken): Promise<void> {
    const message = messageOf(taken.stored);
    if (!message.ok) {
      await this.#settle((db) => bury(db, taken, message.error, this.#engine.now()), DURABLE);
      return;
    }
    const { signal } = this.#stopping;
    const verdict = await this.#judge({ message: message.value, retries: taken.retries, signal });
    await this.#obey(taken, verdict);
    if (verdict.kind === 'ack') await verdict.work?.(signal);
  }

  /** A handler that throws, or ends with nothing, has failed: dead-lettered, never requeued for ever. */
  async #judge(delivery: Delivery): Promise<Verdict> {
    try {
      const verdict: Verdict | undefined = await this.#handler(delivery);
      if (verdict === undefined) throw new Error('the handler ended without a verdict');
      return verdict;
    } catch (thrown) {
      const error = toError(thrown);
      return { kind: 'drop', code: 'handler_failed', reason: error.stack ?? error.message };
    }
  }

  /** The one place where a handler's end becomes what the file holds. */
  async #obey(taken: Taken, verdict: Verdict): Promise<void> {
    switch (verdict.kind) {
      case 'ack':
        return this.#settle((db) => settle(db, taken), FAST);
      case 'drop':
        return this.#die(taken, { code: verdict.code, reason: verdict.reason });
      case 'retry': {
        if (verdict.uncounted) return this.#later(taken, verdict.after ?? UNCOUNTED_RETRY_MS, taken.retries);
        const most = this.#options.maxRetries ?? DEFAULT_MAX_RETRIES;
        if (taken.retries < most) {
          return this.#later(taken, verdict.after ?? backoff(taken.retries), taken.retries + 1);
        }
        const reason = `given up after ${most} ${most === 1 ? 'retry' : 'retries'}: ${verdict.reason}`;
        return this.#die(taken, { code: 'too_many_retries', reason });
      }
    }
  }

  #later(taken: Taken, afterMs: number, retries: number): Promise<void> {
    return this.#settle(
      (db) => giveBack(db, taken, this.#engine.steady.now() + Math.max(1, Math.ceil(afterMs)), retries),
      WAKING,
    );
  }

  async #die(taken: Taken, why: DeadReason): Promise<void> {
    const message = messageOf(taken.stored);
    try {
      if (message.ok) await this.#options.onDead?.(message.value, why);
    } catch (thrown) {
      this.#engine.onFault(toError(thrown));
      return this.#later(taken, backoff(taken.takes - 1), taken.retries);
    }
    await this.#settle((db) => bury(db, taken, why, this.#engine.now()), DURABLE);
  }

  /**
   * Stores a verdict; while the file takes nothing (no room), the slot stays taken and it is tried again. Where
   * that is hopeless, the delivery comes back when this process's lease ends, uncounted.
   */
  async #settle(work: (db: Database) => boolean, options: typeof FAST | typeof DURABLE | typeof WAKING): Promise<void> {
    for (;;) {
      try {
        await this.#engine.writer.write(options, work);
        return;
      } catch (thrown) {
        const error = toError(thrown);
        const hopeless = !(error instanceof ServiceError && error.transient) || this.#stopping.signal.aborted;
        if (hopeless) throw error;
        this.#engine.onFault(error);
        await pause(SETTLE_PAUSE_MS, this.#stopping.signal);
      }
    }
  }
}
