import type { Claim } from '../bus/index.js';
import type { Clock } from '../runtime/clock.js';

/**
 * Milliseconds for which the bus's word that a claim is held counts, from when it was asked: shorter than any bus's
 * lease (5 s), so that what is sent within it arrives while nobody else can hold the claim.
 */
const FRESH_MS = 2_000;

/**
 * Claims that must be held at the moment of an act that can't be undone. A process that stood still after it had asked
 * (SIGSTOP, a sleeping machine) would act on a word that is long no longer true; so it asks again.
 */
export class Fence {
  readonly #clock: Clock;
  readonly #claims: readonly Claim[];
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, claims: readonly Claim[]) {
    this.#clock = clock;
    this.#claims = claims;
  }

  /** True when all are held without a break; what comes next has to be sent at once. Asks only when it must. */
  async holds(): Promise<boolean> {
    while (this.#clock.monotonic() - this.#askedAt > FRESH_MS) {
      const asking = this.#clock.monotonic();
      const held = await Promise.all(this.#claims.map((claim) => claim.verify()));
      if (!held.every(Boolean)) return false;
      this.#askedAt = asking;
    }
    return true;
  }
}
