import type { Bus } from '../bus/index.js';
import type { ProcessIdentity } from '../kernel/process.js';
import { toError } from '../kernel/service-error.js';
import type { Logger } from '../observability/index.js';
import { pause } from '../runtime/clock.js';
import { withFirst } from '../runtime/signals.js';
import { AREA_KINDS } from './area.js';
import { type HouseParts, openAreas } from './areas.js';
import { claimScope, kindsOf, SCOPES, type Scope } from './claims.js';
import { firstRoundMs, nextRoundMs } from './decide/rounds.js';
import { isPassing, keepHouse, type Round } from './round.js';

export interface KeeperParts extends HouseParts {
  readonly bus: Bus;
  readonly process: ProcessIdentity;
  readonly log: Logger;
  /** Waits between two rounds; a test does not. */
  readonly wait?: typeof pause;
}

/** Keeps house now and then, until it is stopped. What fails is tried again in the next round, which then comes sooner. */
export class KeeperWorker {
  readonly #parts: KeeperParts;
  readonly #stopping = new AbortController();
  /** Notes and faults that were told already. */
  readonly #told = new Set<string>();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  begin(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { settings, wait = pause } = this.#parts;
    const { everyMs } = settings;
    const { signal } = this.#stopping;
    await wait(firstRoundMs(everyMs, Math.random()), signal);
    for (let failed = 0; !signal.aborted; ) {
      let whole = true;
      for (const scope of SCOPES) whole = (await this.#keep(scope)) && whole;
      failed = whole ? 0 : failed + 1;
      await wait(nextRoundMs(everyMs, failed, Math.random()), signal);
    }
  }

  /** False when something failed that another try soon may not. */
  async #keep(scope: Scope): Promise<boolean> {
    const { bus, process, log } = this.#parts;
    if (this.#stopping.signal.aborted) return true;
    try {
      const claim = await claimScope(bus, scope, process.host, process.id);
      // Another process does it.
      if (claim === null) return true;
      try {
        const areas = await openAreas(this.#parts, kindsOf(scope, AREA_KINDS));
        const round = await withFirst([this.#stopping.signal, claim.lost], null, (signal) =>
          keepHouse(areas, { dryRun: false, signal, isOurs: () => claim.verify() }),
        );
        this.#tell(scope, round);
        return !round.faults.some(({ error }) => isPassing(error));
      } finally {
        await claim.release();
      }
    } catch (thrown) {
      log.warn({ err: toError(thrown), scope }, 'house could not be kept; it is tried again');
      return false;
    }
  }

  #tell(scope: Scope, { gone, bytes, stayed, notes, faults }: Round): void {
    const { log } = this.#parts;
    if (gone > 0) log.info({ scope, gone, bytes, stayed }, 'house kept');
    for (const note of notes) this.#once(note, () => log.warn({ scope, note }, 'not all that is old can go'));
    for (const { place, error } of faults) {
      const reason = error.message;
      const tell = (): void => log.warn({ scope, place, reason }, 'house could not be kept in one place');
      // What is away is told each time it is found so; what waiting can't mend once, not for each repository.
      if (isPassing(error)) tell();
      else this.#once(reason, tell);
    }
  }

  #once(what: string, tell: () => void): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    tell();
  }
}
