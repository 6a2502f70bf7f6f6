import { ServiceError, toError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import type { ConsumeOptions, DeadReason, Verdict } from '../contract.js';
import { backoff, DEFAULT_MAX_RETRIES } from '../retry-ladder.js';
import type { Link } from './connect.js';
import type { Copies } from './copies.js';
import type { Hand } from './hand.js';
import { AT_ONCE, decodeStored } from './wire.js';

/** Before a verdict that could not be stored is tried again; milliseconds. */
const SETTLE_PAUSE_MS = 500;
/** Before an uncounted retry without a time of its own; milliseconds. */
const UNCOUNTED_RETRY_MS = 1_000;

/** What the endings of a consumer's deliveries need. */
export interface EndingsParts {
  readonly link: Link;
  readonly copies: Copies;
  readonly options: Pick<ConsumeOptions, 'maxRetries' | 'onDead'>;
  /** Ends when the consumer is stopped. */
  readonly stopping: AbortSignal;
}

/** How deliveries end: the one place where a handler's verdict becomes what the server holds. */
export class Endings {
  readonly #parts: EndingsParts;

  constructor(parts: EndingsParts) {
    this.#parts = parts;
  }

  /** Throws what the server says for good, and what passes once the consumer is stopped. */
  async obey(hand: Hand, verdict: Verdict): Promise<void> {
    const { retries } = hand.arrived;
    switch (verdict.kind) {
      case 'ack':
        if (verdict.work !== undefined) return this.#settle(hand, () => hand.ackSurely());
        if (hand.isOurs) hand.ack();
        return;
      case 'drop':
        return this.#die(hand, { code: verdict.code, reason: verdict.reason });
      case 'retry': {
        if (verdict.uncounted) return this.#later(hand, verdict.after ?? UNCOUNTED_RETRY_MS, retries);
        const most = this.#parts.options.maxRetries ?? DEFAULT_MAX_RETRIES;
        if (retries < most) return this.#later(hand, verdict.after ?? backoff(retries), retries + 1);
        const reason = `given up after ${most} ${most === 1 ? 'retry' : 'retries'}: ${verdict.reason}`;
        return this.#die(hand, { code: 'too_many_retries', reason });
      }
    }
  }

  /** A letter in the log of the dead, in the delivery's stead. Throws as `obey`. */
  bury(hand: Hand, why: DeadReason): Promise<void> {
    return this.#settle(hand, () => this.#parts.copies.bury(hand, why));
  }

  async #later(hand: Hand, afterMs: number, retries: number): Promise<void> {
    const waitMs = Math.ceil(afterMs);
    const due = waitMs > 0 ? { at: Date.now() + waitMs, waitMs } : AT_ONCE;
    await this.#settle(hand, async () => {
      try {
        await this.#parts.copies.again(hand, retries, due);
      } catch (thrown) {
        // A stranger's message may just have fitted: its copy, which says more, never will.
        if (!(thrown instanceof ServiceError && thrown.code === 'message_too_large')) throw thrown;
        await this.#parts.copies.bury(hand, { code: thrown.code, reason: thrown.message });
      }
    });
  }

  async #die(hand: Hand, why: DeadReason): Promise<void> {
    const { arrived, place } = hand;
    const message = decodeStored(arrived.raw, place.stream, place.seq, place.storedMs);
    try {
      if (message.ok) await this.#parts.options.onDead?.(message.value, why);
    } catch (thrown) {
      this.#parts.link.report(toError(thrown));
      return this.#later(hand, backoff(0), arrived.retries);
    }
    await this.bury(hand, why);
  }

  /**
   * Stores a verdict; while the server takes nothing, the slot stays taken and it is tried again, for as long as the
   * delivery is surely ours. After that it comes again, to whoever asks.
   */
  async #settle(hand: Hand, work: () => Promise<void>): Promise<void> {
    while (hand.isOurs) {
      try {
        await work();
        return;
      } catch (thrown) {
        const error = this.#parts.link.errorOf(thrown);
        if (!error.transient || this.#parts.stopping.aborted) throw error;
        this.#parts.link.fault(error);
        await pause(SETTLE_PAUSE_MS, this.#parts.stopping);
      }
    }
  }
}
