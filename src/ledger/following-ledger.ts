import type { Bus, Follower, LogEntry } from '../bus/index.js';
import { ServiceError, toError } from '../kernel/service-error.js';
import type { Logger } from '../observability/index.js';
import { type Clock, pause } from '../runtime/clock.js';
import { caused, dependents, holder, rowOrNull, rowsOf, traced, waveRowsOf } from './answers.js';
import type {
  BuildFilter,
  BuildRow,
  Caused,
  Ledger,
  LedgerStats,
  SkippedMessage,
  Stream,
  Traced,
  WaveRow,
} from './contract.js';
import type { BuildFacts } from './facts.js';
import { DEFAULT_LIMIT } from './filter-sql.js';
import { Folder } from './folder.js';
import type { Queries } from './queries.js';
import type { Store } from './store.js';
import { StoreError } from './store-error.js';
import { waveRowOf } from './waves.js';

/** Milliseconds until a follower that broke is begun again; doubles up to the second. */
const MIN_DELAY_MS = 50;
const MAX_DELAY_MS = 5_000;

/** Milliseconds that a change may wait to be written. A killed process folds so much again. */
const WRITE_BEHIND_MS = 250;

/** Milliseconds after which a ledger that nobody has asked asks for itself whether it has caught up. */
const ASK_AFTER_MS = 5_000;

type Listener = (rows: readonly BuildRow[]) => void;

export interface FollowingLedgerOptions {
  readonly bus: Bus;
  readonly prefix: string;
  readonly store: Store;
  /** Gives an empty store in the place of the one that was closed. */
  readonly makeAnew: () => Store;
  /** True when `store` was made in the place of one that could not be used. */
  readonly rebuilt: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A ledger that follows the log by itself: what breaks is begun again, what is lost is made anew. */
export class FollowingLedger implements Ledger {
  readonly #options: FollowingLedgerOptions;
  readonly #listeners = new Set<Listener>();
  readonly #closing = new AbortController();
  #store: Store;
  #folder: Folder;
  #rebuilt: boolean;
  #damaged = false;
  #follower: Follower | null = null;
  /** Why nothing is followed just now. */
  #fault: Error | null = null;
  #folding: Promise<void> = Promise.resolve();
  #delayMs = MIN_DELAY_MS;
  /** True while the log is read that was there before. */
  #isHurrying = false;
  #writeTimer: NodeJS.Timeout | null = null;
  #restTimer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(options: FollowingLedgerOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#folder = new Folder(options);
    this.#rebuilt = options.rebuilt;
  }

  /** Begins to follow; resolves when the first try has succeeded or failed. */
  begin(): Promise<void> {
    return new Promise((resolve) => {
      this.#running = this.#run(resolve);
    });
  }

  async #run(tried: () => void): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const isAnew = this.#damaged;
      this.#fault = await this.#followOnce(tried);
      this.#follower = null;
      // What was lost is made anew at once: whoever waits for the first try gets a ledger that follows.
      if (this.#damaged && !isAnew && !signal.aborted) continue;
      tried();
      if (signal.aborted) return;
      this.#options.logger.warn({ err: this.#fault, delayMs: this.#delayMs }, 'the ledger follows the log again');
      await pause(this.#delayMs, signal);
      this.#delayMs = Math.min(this.#delayMs * 2, MAX_DELAY_MS);
    }
  }

  /** Follows until the follower ends; resolves with the reason. */
  async #followOnce(following: () => void): Promise<Error | null> {
    try {
      // A follower may end while its last batch is still being folded.
      await this.#folding;
      if (this.#damaged) this.#makeAnew();
      this.#isHurrying = true;
      this.#store.hurry(true);
      const position = this.#folder.resume();
      const from = position === null ? 'start' : { after: position };
      this.#follower = await this.#options.bus.follow('ours', from, (batch) => this.#onBatch(batch));
      if (this.#closing.signal.aborted) await this.#follower.stop();
      this.#restWhenCaughtUp(this.#follower);
      following();
      await this.#follower.stopped;
      return null;
    } catch (thrown) {
      const error = toError(thrown);
      if (error instanceof ServiceError && error.code === 'position_lost') this.#damaged = true;
      if (error instanceof StoreError && error.damaged) this.#damaged = true;
      return error;
    }
  }

  /**
   * What was stored before the follower began may be the whole log; what comes later is little at a time. Whoever asks
   * first whether it has caught up tells us so too; only where nobody does, we ask: a broker with an alarm takes one
   * marker of a connection, and no more.
   */
  #restWhenCaughtUp(follower: Follower): void {
    if (this.#restTimer !== null) clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(() => {
      if (!this.#isHurrying) return;
      follower
        .caughtUp()
        .then(() => this.#rest(follower))
        .catch(() => undefined);
    }, ASK_AFTER_MS);
    this.#restTimer.unref();
  }

  #rest(follower: Follower): void {
    if (!this.#isHurrying || follower !== this.#follower || this.#closing.signal.aborted) return;
    this.#isHurrying = false;
    this.#writeSoon();
    try {
      this.#store.hurry(false);
    } catch (thrown) {
      this.#noted(thrown);
    }
  }

  #makeAnew(): void {
    this.#options.logger.warn({ position: this.#folder.standing.position }, 'the ledger is made anew from the log');
    this.#store.close();
    this.#store = this.#options.makeAnew();
    this.#folder = new Folder({ ...this.#options, store: this.#store });
    this.#damaged = false;
    this.#rebuilt = true;
  }

  #onBatch(batch: readonly LogEntry[]): Promise<void> {
    return this.#inTurn(() => this.#fold(batch));
  }

  /** Folding and writing take turns: what is being written does not change. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#folding.then(work);
    this.#folding = done.catch(() => undefined);
    return done;
  }

  async #fold(batch: readonly LogEntry[]): Promise<void> {
    const changed = new Map<string, BuildFacts>();
    try {
      await this.#folder.fold(batch, changed);
      this.#delayMs = MIN_DELAY_MS;
    } finally {
      this.#announce(changed);
      this.#writeSoon();
    }
  }

  #announce(changed: ReadonlyMap<string, BuildFacts>): void {
    if (this.#listeners.size === 0 || changed.size === 0) return;
    const rows = rowsOf(changed.values());
    for (const listener of this.#listeners) {
      try {
        listener(rows);
      } catch (thrown) {
        this.#options.logger.error({ err: toError(thrown) }, 'a listener of the ledger failed');
      }
    }
  }

  /** While much comes in, it is written whenever enough has come (`Folder`). */
  #writeSoon(): void {
    if (this.#writeTimer !== null || this.#isHurrying || this.#closing.signal.aborted) return;
    this.#writeTimer = setTimeout(() => {
      this.#writeTimer = null;
      this.#inTurn(() => this.#folder.write()).catch((thrown: unknown) => {
        this.#options.logger.warn({ err: this.#noted(thrown) }, 'the ledger could not be written');
      });
    }, WRITE_BEHIND_MS);
    this.#writeTimer.unref();
  }

  /** A damaged store is made anew, and what a store has lost is folded again, as soon as it shows. */
  #noted(thrown: unknown): Error {
    const error = toError(thrown);
    const isDamage = error instanceof StoreError && error.damaged && !this.#damaged;
    if (isDamage) this.#damaged = true;
    if (isDamage || this.#folder.isFallen) this.#follower?.stop().catch(() => undefined);
    return error;
  }

  #ask<T>(question: () => T): T {
    try {
      return question();
    } catch (thrown) {
      throw this.#noted(thrown);
    }
  }

  /** A question that the store answers: what is held back is written first. */
  #askStore<T>(question: (tables: Queries) => T): T {
    return this.#ask(() => {
      this.#folder.flush();
      return this.#store.ask(question);
    });
  }

  async caughtUp(): Promise<void> {
    const follower = this.#follower;
    if (follower === null || this.#damaged || this.#folder.isFallen) throw unavailable(this.#fault);
    try {
      await follower.caughtUp();
    } catch (thrown) {
      throw unavailable(toError(thrown));
    }
    this.#rest(follower);
  }

  build(id: string): BuildRow | null {
    return this.#ask(() => rowOrNull(this.#folder.facts(id)));
  }

  builds(filter: BuildFilter): readonly BuildRow[] {
    return rowsOf(this.#askStore((tables) => tables.builds(filter)));
  }

  find(text: string): readonly BuildRow[] {
    return rowsOf(this.#askStore((tables) => tables.find(text)));
  }

  ownerOfNvr(nvr: string): BuildRow | null {
    return rowOrNull(this.#askStore((tables) => tables.ownerOfNvr(nvr)));
  }

  byDigest(digest: string): BuildRow | null {
    return rowOrNull(this.#askStore((tables) => tables.byDigest(digest)));
  }

  streams(): readonly Stream[] {
    return this.#askStore((tables) => tables.streams());
  }

  wave(id: string): WaveRow | null {
    const facts = this.#ask(() => this.#folder.waveFacts(id));
    return facts === null ? null : waveRowOf(facts);
  }

  waves({ open, limit = DEFAULT_LIMIT }: Parameters<Ledger['waves']>[0]): readonly WaveRow[] {
    return waveRowsOf(this.#askStore((tables) => tables.waves(open ?? null, Math.max(0, limit))));
  }

  byMessage(id: string): Traced {
    return this.#askStore((tables) => traced(tables, id));
  }

  skippedMessage(id: string): SkippedMessage | null {
    return this.#askStore((tables) => tables.skipped(id));
  }

  causedBy(message: string, limit = DEFAULT_LIMIT): Caused {
    return this.#askStore((tables) => caused(tables, message, limit));
  }

  dependentsOfDigest(digest: string, limit = DEFAULT_LIMIT): readonly BuildRow[] {
    return this.#askStore((tables) => dependents(tables, digest, limit));
  }

  holderOfName(reference: string, { before }: { readonly before?: string } = {}): BuildRow | null {
    return this.#askStore((tables) => holder(tables, reference, before === undefined ? null : Date.parse(before)));
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stats(): LedgerStats {
    const { standing, builds, folded } = this.#folder;
    return { folded, skipped: standing.skipped, builds, position: standing.position, rebuilt: this.#rebuilt };
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    for (const timer of [this.#writeTimer, this.#restTimer]) if (timer !== null) clearTimeout(timer);
    try {
      await this.#follower?.stop();
      await this.#running;
      await this.#folding;
      if (!this.#damaged) this.#folder.flushAll();
    } finally {
      this.#store.close();
    }
  }
}

function unavailable(cause: Error | null): ServiceError {
  return new ServiceError('ledger_unavailable', 'the ledger does not follow the log just now', {
    transient: true,
    ...(cause === null ? {} : { cause, detail: cause.message }),
  });
}
