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
  /** Resolves when another build may have the slot. */
  readonly freed: Promise<void>;
  /**
   * The engine's part is done but for the cleaning: the next build gets the slot while this one comes to its end. As many
   * builds of an engine as it has slots may be at that; the next keeps its slot until one of them is released.
   */
  wrapUp(): void;
  /** Gives all of it back; twice is harmless. */
  release(): void;
}

/** The engines' slots, shared by both lanes: first come, first served, the engine with most room first. */
export class EnginePool {
  readonly #rooms: readonly Room[];
  readonly #queue: ((slot: EngineSlot) => void)[] = [];
  readonly size: number;

  constructor(engines: readonly PooledEngine[]) {
    this.#rooms = engines.map((engine) => new Room(engine, () => this.#serve()));
    this.size = engines.reduce((sum, engine) => sum + engine.slots, 0);
  }

  /** A slot; waits for one until the signal ends, then null. */
  acquire(signal: AbortSignal): Promise<EngineSlot | null> {
    const slot = this.#take();
    if (slot !== null || signal.aborted) return Promise.resolve(slot);
    return new Promise((resolve) => {
      const granted = (given: EngineSlot): void => {
        signal.removeEventListener('abort', giveUp);
        resolve(given);
      };
      const giveUp = (): void => {
        this.#queue.splice(this.#queue.indexOf(granted), 1);
        resolve(null);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#queue.push(granted);
    });
  }

  #serve(): void {
    const slot = this.#queue.length === 0 ? null : this.#take();
    if (slot !== null) this.#queue.shift()?.(slot);
  }

  #take(): EngineSlot | null {
    let best: Room | null = null;
    for (const room of this.#rooms) if (room.free > (best?.free ?? 0)) best = room;
    return best?.grant() ?? null;
  }
}

/** One engine's slots: how many are free, how many builds wrap up, and which would. */
class Room {
  readonly #engine: PooledEngine;
  readonly #onFree: () => void;
  readonly #wouldWrapUp: (() => void)[] = [];
  #wrappingUp = 0;
  free: number;

  constructor(engine: PooledEngine, onFree: () => void) {
    this.#engine = engine;
    this.#onFree = onFree;
    this.free = engine.slots;
  }

  grant(): EngineSlot {
    this.free -= 1;
    const { engine, platform } = this.#engine;
    let resolve = (): void => undefined;
    const freed = new Promise<void>((now) => {
      resolve = now;
    });
    let state: 'builds' | 'would_wrap_up' | 'wraps_up' | 'released' = 'builds';
    const leave = (): void => {
      this.free += 1;
      resolve();
      this.#onFree();
    };
    const begin = (): void => {
      state = 'wraps_up';
      this.#wrappingUp += 1;
      leave();
    };
    return {
      engine,
      platform,
      freed,
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
