import type { Random } from './random.js';

export type Side = 'bus' | 'registry' | 'engine' | 'git';

/** Small faults of the other sides: a call that fails, before it was done or after. Larger ones are in the scenario. */
export class Faults {
  readonly #random: Random;
  readonly #rates: Record<Side, number>;
  /** Sides that answer nothing. */
  readonly away = new Set<Side>();
  #stopped = false;

  constructor(random: Random, rates: Record<Side, number>) {
    this.#random = random;
    this.#rates = rates;
  }

  glitch(side: Side): boolean {
    return !this.#stopped && (this.away.has(side) || this.#random.chance(this.#rates[side]));
  }

  /** Whether a call that fails was done all the same. */
  afterAll(): boolean {
    return this.#random.chance(0.5);
  }

  stop(): void {
    this.#stopped = true;
    this.away.clear();
  }
}
