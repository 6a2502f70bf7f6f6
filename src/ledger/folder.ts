import { setImmediate as turn } from 'node:timers/promises';
import type { LogEntry, LogPosition } from '../bus/index.js';
import { toError } from '../kernel/service-error.js';
import type { Logger } from '../observability/index.js';
import type { Clock } from '../runtime/clock.js';
import { FactsCache } from './cache.js';
import type { SkippedMessage } from './contract.js';
import type { BuildFacts } from './facts.js';
import { fold, forged, read } from './fold.js';
import { rowOf } from './row.js';
import { SKIPPED_KEPT, type Written } from './schema.js';
import { Seen } from './seen.js';
import type { Standing } from './standing.js';
import type { Store } from './store.js';
import { foldWave, readWave, type WaveFacts } from './waves.js';

/** Milliseconds of folding after which others get their turn. */
const TURN_MS = 10;

/** Changed builds that are held back before they are written; most of them are written once more when they end. */
const MAX_DIRTY = 512;

/** Builds that are over are written so many at a time, some two milliseconds, before the rest. */
const AHEAD = 64;

/** Builds written ahead until all is written with its place on the log: the more, the fewer pages are written again. */
const MAX_AHEAD = 4_096;

/** Written builds kept in memory; about 3 KB each. */
const CACHE = 2_048;

/**
 * Folds log entries into the store, through a cache that writes behind. Its store may lag; what it answers never does.
 * Builds that are over are written first, in small parts of a transaction that ends when all is written with its place
 * on the log. When such a part is lost, the folder falls back to the last place that is written (`resume`).
 */
export class Folder {
  readonly #prefix: string;
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #cache = new FactsCache(CACHE);
  /** Changed and not yet written. They are few: one for many builds. */
  readonly #waves = new Map<string, WaveFacts>();
  /** Left out and not yet written, the newest last. */
  #skipped: SkippedMessage[] = [];
  /** Of a ledger that began empty: most builds of a long log are new, and a look for each into the file takes its time. */
  readonly #seen: Seen | null;
  #writing: Writing | null = null;
  #standing: Standing;
  #builds: number;
  #folded = 0;
  /** Builds that are written, but not yet with their place on the log. */
  #ahead = 0;
  /** What a killed process would find. */
  #written: { readonly standing: Standing; readonly builds: number };
  /** Why builds that had been written ahead are lost; what follows them on the log must not be folded before them. */
  #fallen: Error | null = null;

  constructor(options: {
    readonly prefix: string;
    readonly store: Store;
    readonly logger: Logger;
    readonly clock: Clock;
  }) {
    this.#prefix = options.prefix;
    this.#store = options.store;
    this.#logger = options.logger;
    this.#clock = options.clock;
    this.#standing = options.store.standing();
    this.#builds = options.store.ask((tables) => tables.count());
    this.#written = { standing: this.#standing, builds: this.#builds };
    this.#seen = this.#standing.seq === 0 && this.#builds === 0 ? new Seen() : null;
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Builds that have a row. */
  get builds(): number {
    return this.#builds;
  }

  get folded(): number {
    return this.#folded;
  }

  /** True: the store has lost what was written ahead, and the log must be read again from where `resume` says. */
  get isFallen(): boolean {
    return this.#fallen !== null;
  }

  /**
   * Where the log is to be read on from; null: from its start. Asked before each reading: after a write that failed this
   * may be before what had been folded.
   */
  resume(): LogPosition | null {
    this.#fallen = null;
    return this.#standing.position;
  }

  /**
   * Folds a batch; `changed` takes the builds that changed. Throws `ledger_unavailable`: then `resume` tells what is to
   * be folded next.
   */
  async fold(batch: readonly LogEntry[], changed: Map<string, BuildFacts>): Promise<void> {
    const turns = new Turns(this.#clock);
    for (const entry of batch) {
      // Before anything is folded: with a store that has no room, what waits to be written does not grow without bound.
      if (this.#cache.ended.size >= AHEAD) this.#writeAhead();
      if (this.#cache.dirty.size > MAX_DIRTY || this.#ahead >= MAX_AHEAD) await this.#writeInTurns(turns);
      if (this.#fallen !== null) throw this.#fallen;
      const facts = this.#foldOne(entry);
      if (facts !== null) changed.set(facts.id, facts);
      if (turns.isOver) await turns.next();
    }
    // Who asked during our last turn may have found the store full: nobody is to take this batch for folded.
    if (this.#fallen !== null) throw this.#fallen;
  }

  #writeAhead(): void {
    try {
      this.#store.writeAhead(writtenOf(this.#cache.ended.values()));
    } catch (thrown) {
      this.#fall(toError(thrown));
      throw thrown;
    }
    this.#ahead += this.#cache.ended.size;
    this.#cache.endedWritten();
  }

  /** Back to what is written: builds written ahead are no longer in memory. */
  #fall(fault: Error): void {
    if (this.#ahead === 0) return;
    this.#fallen = fault;
    this.#cache = new FactsCache(CACHE);
    this.#waves.clear();
    this.#skipped = [];
    this.#ahead = 0;
    this.#standing = this.#written.standing;
    this.#builds = this.#written.builds;
  }

  /** Writes what is held back, in turns with others. Throws `ledger_unavailable`. */
  async write(): Promise<void> {
    if (this.#isHeld || this.#ahead > 0) await this.#writeInTurns(new Turns(this.#clock));
  }

  get #isHeld(): boolean {
    return this.#cache.dirty.size + this.#waves.size + this.#skipped.length > 0;
  }

  /** Nothing is folded meanwhile. Who asks between two steps may end the write before us. */
  async #writeInTurns(turns: Turns): Promise<void> {
    const writing = this.#beginWriting();
    while (this.#writing === writing) {
      this.#step(writing);
      if (turns.isOver) await turns.next();
    }
  }

  /** The build's facts when the entry changed them. */
  #foldOne({ message, position, storedAt }: LogEntry): BuildFacts | null {
    const { seq, skipped } = this.#standing;
    const meta = { seq, storedAt: storedAt.toISOString() };
    const found = read(this.#prefix, message) ?? readWave(this.#prefix, message);
    const sound = found?.ok === true && 'build' in found.value ? found.value : null;
    const known = sound === null ? null : this.facts(sound.build);
    const fault = sound !== null ? forged(sound, known) : found?.ok === false ? found.error : null;
    this.#standing = { position, seq: seq + 1, skipped: skipped + (fault === null ? 0 : 1) };
    this.#folded += 1;
    if (fault !== null) {
      this.#skip({ id: message.id, topic: message.topic, ...meta, reason: fault });
      this.#logger.warn({ id: message.id, topic: message.topic, reason: fault }, 'an invalid message is skipped');
      return null;
    }
    if (!found?.ok) return null;
    if (!('build' in found.value)) {
      const { wave } = found.value;
      this.#waves.set(wave, foldWave(this.waveFacts(wave), found.value, meta));
      return null;
    }
    const facts = fold(known, found.value, meta);
    if (facts === known) return null;
    if (facts.base !== null && (known?.base ?? null) === null) this.#builds += 1;
    if (known === null) this.#seen?.add(facts.id);
    this.#cache.changed(facts);
    return facts;
  }

  #skip(message: SkippedMessage): void {
    this.#skipped.push(message);
    // A storm of them is not written more often for it: what is beyond the newest would go at once.
    if (this.#skipped.length >= 2 * SKIPPED_KEPT) this.#skipped = this.#skipped.slice(-SKIPPED_KEPT);
  }

  /** What is known of a build, whether written or not. */
  facts(id: string): BuildFacts | null {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    if (this.#seen?.lacks(id)) return null;
    const stored = this.#store.ask((tables) => tables.facts(id));
    if (stored !== null) this.#cache.found(stored);
    return stored;
  }

  /** What is known of a wave, whether written or not. */
  waveFacts(id: string): WaveFacts | null {
    return this.#waves.get(id) ?? this.#store.ask((tables) => tables.wave(id));
  }

  /** Writes what is held back, so that the store's own questions see it. Throws `ledger_unavailable`. */
  flush(): void {
    if (this.#isHeld) this.flushAll();
  }

  /** Writes everything, the place on the log too when nothing else changed. */
  flushAll(): void {
    const writing = this.#beginWriting();
    while (this.#writing === writing) this.#step(writing);
  }

  /** The write that is under way, or a new one of all that is held back. */
  #beginWriting(): Writing {
    this.#writing ??= this.#store.writing({
      builds: writtenOf(this.#cache.dirty.values()),
      waves: this.#waves.values(),
      skipped: this.#skipped.slice(-SKIPPED_KEPT),
      standing: this.#standing,
    });
    return this.#writing;
  }

  #step(writing: Writing): void {
    try {
      if (writing.next().done !== true) return;
    } catch (thrown) {
      this.#writing = null;
      this.#fall(toError(thrown));
      throw thrown;
    }
    this.#writing = null;
    this.#ahead = 0;
    // Nothing is folded while a write goes on, so it has written all.
    this.#written = { standing: this.#standing, builds: this.#builds };
    this.#cache.written();
    this.#waves.clear();
    this.#skipped = [];
  }
}

type Writing = ReturnType<Store['writing']>;

/** Tells when others are to have their turn. */
class Turns {
  readonly #clock: Clock;
  #since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  get isOver(): boolean {
    return this.#clock.monotonic() - this.#since >= TURN_MS;
  }

  async next(): Promise<void> {
    await turn();
    this.#since = this.#clock.monotonic();
  }
}

function* writtenOf(builds: Iterable<BuildFacts>): Generator<Written> {
  for (const facts of builds) yield { facts, row: rowOf(facts) };
}
