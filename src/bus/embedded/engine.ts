import { ServiceError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import type { Database } from './database.js';
import type { Router } from './deliveries.js';
import { busFault, isBusy } from './faults.js';
import type { SteadyClock } from './steady-clock.js';
import type { Writer } from './writer.js';

/** How long a read waits for a lock (another process recovers the file), and how often it looks; milliseconds. */
const READ_PATIENCE_MS = 10_000;
const READ_PAUSE_MS = 5;

/** Where faults go that have no caller: `work` or a listener that throws. */
export type OnFault = (error: Error) => void;

/** What the parts of one open bus share. */
export interface Engine {
  readonly path: string;
  /** Names this open bus, in deliveries that it holds. */
  readonly id: string;
  readonly db: Database;
  readonly writer: Writer;
  readonly router: Router;
  readonly bell: Bell;
  readonly onFault: OnFault;
  /** The wall clock: when messages are stored, and how old they are. */
  now(): number;
  readonly steady: SteadyClock;
}

/** Calls whoever listens, once a tick at most, when the file may hold something new. */
export class Bell {
  readonly #ears = new Set<() => void>();
  #rung = false;

  /** Gives the way to stop listening. */
  onRing(ear: () => void): () => void {
    this.#ears.add(ear);
    return () => this.#ears.delete(ear);
  }

  ring(): void {
    if (this.#rung) return;
    this.#rung = true;
    setImmediate(() => {
      this.#rung = false;
      for (const ear of this.#ears) ear();
    });
  }
}

/** Reads, waiting for a lock without blocking. Throws `bus_unavailable`. */
export async function read<T>(engine: Pick<Engine, 'db' | 'path' | 'writer'>, work: (db: Database) => T): Promise<T> {
  const until = performance.now() + READ_PATIENCE_MS;
  for (;;) {
    if (engine.writer.closed) throw engine.writer.fault ?? new ServiceError('bus_unavailable', 'the bus is closed');
    try {
      return work(engine.db);
    } catch (thrown) {
      if (!isBusy(thrown) || performance.now() > until) throw busFault(thrown, engine.path);
      await pause(READ_PAUSE_MS);
    }
  }
}
