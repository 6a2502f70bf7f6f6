import type { Claim } from '../bus/index.js';
import { toError } from '../kernel/service-error.js';
import { pause } from '../runtime/clock.js';
import { withFirst } from '../runtime/signals.js';
import type { WorkerParts } from './parts.js';
import { keepReconciling } from './reconcile/index.js';
import { Sweeper } from './sweeper.js';
import { Waiters } from './waiters.js';
import { Watcher } from './watch.js';
import { Waves } from './waves.js';

/** The claim that makes a planner the active one. */
const CLAIM = 'planner';

/** Those that look for what is missing. */
interface Lookers {
  readonly sweeper: Sweeper;
  readonly waiters: Waiters;
  readonly waves: Waves;
  readonly watcher: Watcher;
}

/** Waits for the claim, then looks for what is missing until the claim is lost or the planner is stopped. */
export class PlannerWorker {
  readonly #parts: WorkerParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #active = false;
  /** Ends the pause before the next look. */
  #hurry = new AbortController();

  constructor(parts: WorkerParts) {
    this.#parts = parts;
  }

  get active(): boolean {
    return this.#active;
  }

  begin(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { bus, process, settings, log } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const claim = await bus.claim(CLAIM, process.id);
        if (claim !== null) await this.#work(claim);
      } catch (thrown) {
        log.warn({ err: toError(thrown) }, 'the planner could not work and tries again');
      }
      await pause(settings.claimEveryMs, signal);
    }
  }

  async #work(claim: Claim): Promise<void> {
    const { log } = this.#parts;
    const stop = AbortSignal.any([this.#stopping.signal, claim.lost]);
    const sweeper = new Sweeper(this.#parts);
    const waiters = new Waiters(this.#parts);
    const waves = new Waves(this.#parts);
    const unfollow = this.#parts.ledger.onChange((rows) => {
      // A parent may have come, or will not: whoever waits for it should not wait for the next look.
      if (rows.some(({ ended }) => ended)) this.#hurry.abort();
    });
    this.#active = true;
    log.debug({}, 'this planner is the active one');
    const reconciling = this.#reconcile(waves, stop);
    const watcher = new Watcher(this.#parts, waves, () => this.#hurry.abort());
    const watching = watcher.run(stop);
    try {
      while (!stop.aborted) {
        this.#hurry = new AbortController();
        const nextMs = await this.#lookOnce({ sweeper, waiters, waves, watcher }, stop);
        await withFirst([stop, this.#hurry.signal], null, (signal) => pause(nextMs, signal));
      }
    } finally {
      this.#active = false;
      unfollow();
      await reconciling;
      await watching;
      waiters.close();
      waves.close();
      await claim.release();
    }
  }

  /** Beside the looks: to ask all git hosts and registries takes long. */
  async #reconcile(waves: Waves, stop: AbortSignal): Promise<void> {
    const { reconcile: ports, settings } = this.#parts;
    if (ports === null || settings.reconcileMs === null) return;
    await keepReconciling({ ...this.#parts, ports }, settings.reconcileMs, () => waves.graph(), stop);
  }

  /** Milliseconds until the next look. One that fails says nothing of the claim: the next one may do better. */
  async #lookOnce({ sweeper, waiters, waves, watcher }: Lookers, stop: AbortSignal): Promise<number> {
    const { lookEveryMs } = this.#parts.settings;
    try {
      await sweeper.look(stop);
      await waiters.look(stop);
      await watcher.lookedAround;
      return Math.min(lookEveryMs, (await waves.look(stop)) ?? lookEveryMs);
    } catch (thrown) {
      this.#parts.log.warn({ err: toError(thrown) }, 'a look of the planner failed');
      return lookEveryMs;
    }
  }
}
