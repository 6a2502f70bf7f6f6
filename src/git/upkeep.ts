import type { Mirror } from './mirror.js';

/** Fetches after which a mirror is looked at, and how long it must be left alone first. */
const FETCHES = 50;
const QUIET_MS = 30_000;
/** git repacks when there are more loose objects or packs than these; it drops unreachable objects after two weeks. */
const GC = ['-c', 'gc.auto=2000', '-c', 'gc.autoPackLimit=20', '-c', 'gc.autoDetach=false', 'gc', '--auto', '--quiet'];

/** Packs a mirror now and then, when nobody waits for it. What goes wrong here shows in the next fetch. */
export class Upkeep {
  readonly #mirror: Mirror;
  readonly #ending = new AbortController();
  #fetches = 0;
  #busy = 0;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<unknown> = Promise.resolve();

  constructor(mirror: Mirror) {
    this.#mirror = mirror;
  }

  begin(): void {
    this.#busy += 1;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  end(): void {
    this.#busy -= 1;
    this.#fetches += 1;
    if (this.#busy > 0 || this.#fetches < FETCHES || this.#ending.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#fetches = 0;
      this.#running = this.#mirror.run(GC, this.#ending.signal).catch(() => undefined);
    }, QUIET_MS);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#ending.abort(new Error('closed'));
    await this.#running;
  }
}
