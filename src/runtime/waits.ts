/** Milliseconds after which nobody seems to wait any more: what is waited for is asked for again every few seconds. */
const FORGET_MS = 600_000;

interface Wait {
  readonly since: number;
  seenAt: number;
}

/**
 * Since when each of some things is waited for, by a clock that never jumps. Nobody has to say that a wait was given up:
 * one that was not met again for ten minutes is forgotten.
 */
export class Waits {
  readonly #waits = new Map<string, Wait>();
  readonly #monotonic: () => number;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** It has still to be waited for. Gives the milliseconds since this was said first; 0 the first time. */
  met(key: string): number {
    const now = this.#monotonic();
    for (const [known, { seenAt }] of this.#waits) if (now - seenAt > FORGET_MS) this.#waits.delete(known);
    const wait = this.#waits.get(key) ?? { since: now, seenAt: now };
    wait.seenAt = now;
    this.#waits.set(key, wait);
    return now - wait.since;
  }

  /** It is over. Gives how many milliseconds it took; null when nobody waited. */
  over(key: string): number | null {
    const wait = this.#waits.get(key);
    this.#waits.delete(key);
    return wait === undefined ? null : this.#monotonic() - wait.since;
  }

  /** How many were met within the last milliseconds. */
  count(withinMs: number): number {
    const now = this.#monotonic();
    return [...this.#waits.values()].filter(({ seenAt }) => now - seenAt <= withinMs).length;
  }
}
