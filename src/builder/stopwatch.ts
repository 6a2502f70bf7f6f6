import type { Timings } from '../messages/index.js';
import type { Clock } from '../runtime/clock.js';

/** Times the steps of one build; what a step took is added up over its tries. */
export class Stopwatch {
  readonly #clock: Clock;
  readonly #began: number;
  readonly #steps = new Map<string, number>();
  readonly #onStep: (step: string, milliseconds: number) => void;
  #step = 'begin';

  constructor(clock: Clock, onStep: (step: string, milliseconds: number) => void) {
    this.#clock = clock;
    this.#began = clock.monotonic();
    this.#onStep = onStep;
  }

  /** The step that was begun last; what failed, when something did. */
  get step(): string {
    return this.#step;
  }

  async time<T>(step: string, work: () => Promise<T>): Promise<T> {
    const began = this.#clock.monotonic();
    this.#step = step;
    try {
      return await work();
    } finally {
      const took = this.#clock.monotonic() - began;
      this.#steps.set(step, (this.#steps.get(step) ?? 0) + took);
      this.#onStep(step, took);
    }
  }

  /** Milliseconds by step, and `total`; rounded to tenths. */
  timings(): Timings {
    const tenths = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;
    const steps = [...this.#steps].map(([step, took]) => [step, tenths(took)] as const);
    return Object.fromEntries([...steps, ['total', tenths(this.#clock.monotonic() - this.#began)] as const]);
  }
}
