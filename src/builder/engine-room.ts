import type { Engine } from './ports.js';

export interface PooledEngine {
  readonly engine: Engine;
  readonly platform: string;
  readonly slots: number;
}

/** A slot of an engine in hand. */
export interface EngineSlot {
  readonly engine: Engine;
  readonly platform: string;
  /**
   * The engine's part is done but for the cleaning: the next build gets the slot while this one comes to its end. As many
   * builds of an engine as it has slots may be at that; the next keeps its slot until one of them is released.
   */
  wrapUp(): void;
  /** Gives all of it back; twice is harmless. */
  release(): void;
}

/** One engine's slots: how many are free, how many builds wrap up, and which would. */
export class EngineRoom {
  readonly #engine: PooledEngine;
  readonly #wouldWrapUp: (() => void)[] = [];
  #wrappingUp = 0;
  free: number;

  constructor(engine: PooledEngine) {
    this.#engine = engine;
    this.free = engine.slots;
  }

  /** A slot of those that are free; `onFree` is called once, when another build may have it. */
  grant(onFree: () => void): EngineSlot {
    this.free -= 1;
    const { engine, platform } = this.#engine;
    let state: 'builds' | 'would_wrap_up' | 'wraps_up' | 'released' = 'builds';
    const leave = (): void => {
      this.free += 1;
      onFree();
    };
    const begin = (): void => {
      state = 'wraps_up';
      this.#wrappingUp += 1;
      leave();
    };
    return {
      engine,
      platform,
      wrapUp: () => {
        if (state !== 'builds') return;
        state = 'would_wrap_up';
        this.#wouldWrapUp.push(begin);
        this.#letWrapUp();
      },
      release: () => {
        const was = state;
        state = 'released';
        if (was === 'would_wrap_up') this.#wouldWrapUp.splice(this.#wouldWrapUp.indexOf(begin), 1);
        if (was === 'builds' || was === 'would_wrap_up') leave();
        if (was !== 'wraps_up') return;
        this.#wrappingUp -= 1;
        this.#letWrapUp();
      },
    };
  }

  #letWrapUp(): void {
    if (this.#wrappingUp < this.#engine.slots) this.#wouldWrapUp.shift()?.();
  }
}
