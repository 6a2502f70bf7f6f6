import { type Clock, pause } from '../../runtime/clock.js';

/** Requests a second that one outside place gets. */
const PER_SECOND = 50;
/** The longest rest that is waited for; who wants a longer one is left alone until the next pass. Milliseconds. */
const MAX_REST_MS = 60_000;

/** Spreads the requests to one place over time, and rests when it asks for that. */
export class Pace {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #next = 0;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Resolves when it is the caller's turn, or at once when the signal ends. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    const at = Math.max(now, this.#next);
    this.#next = at + 1_000 / PER_SECOND;
    if (at > now) await pause(at - now, signal);
  }

  /** Nobody's turn comes for so long. False when that is too long to wait for. */
  rest(ms: number): boolean {
    if (ms > MAX_REST_MS) return false;
    this.#next = Math.max(this.#next, this.#clock.monotonic() + ms);
    return true;
  }
}

/** Works on each, so many at one time; stops to begin new ones when the signal ends. Throws what the first failed one throws. */
export async function eachOf<T>(
  items: Iterable<T>,
  atOnce: number,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const failed = new AbortController();
  const hand = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true && !signal.aborted && !failed.signal.aborted; next = rest.next()) {
      try {
        await work(next.value);
      } catch (thrown) {
        failed.abort();
        throw thrown;
      }
    }
  };
  for (const ended of await Promise.allSettled(Array.from({ length: atOnce }, hand)))
    if (ended.status === 'rejected') throw ended.reason;
}
