import type { Engine } from './ports.js';

export interface PooledEngine {
  readonly engine: Engine;
  readonly platform: string;
  readonly slots: number;
}

/** A slot of an engine in hand; `release` gives it back, twice is harmless. */
export interface EngineSlot {
  readonly engine: Engine;
  readonly platform: string;
  release(): void;
}

/** The engines' slots, shared by both lanes: first come, first served, the engine with most room first. */
export class EnginePool {
  readonly #free: Map<PooledEngine, number>;
  readonly #queue: ((slot: EngineSlot) => void)[] = [];
  readonly size: number;

  constructor(engines: readonly PooledEngine[]) {
    this.#free = new Map(engines.map((engine) => [engine, engine.slots]));
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

  #take(): EngineSlot | null {
    let best: PooledEngine | null = null;
    let room = 0;
    for (const [engine, free] of this.#free) {
      if (free > room) [best, room] = [engine, free];
    }
    return best === null ? null : this.#grant(best);
  }

  #grant(pooled: PooledEngine): EngineSlot {
    this.#free.set(pooled, (this.#free.get(pooled) ?? 0) - 1);
    let held = true;
    return {
      engine: pooled.engine,
      platform: pooled.platform,
      release: () => {
        if (!held) return;
        held = false;
        this.#free.set(pooled, (this.#free.get(pooled) ?? 0) + 1);
        const next = this.#queue.shift();
        const slot = next === undefined ? null : this.#take();
        if (next !== undefined && slot !== null) next(slot);
      },
    };
  }
}
