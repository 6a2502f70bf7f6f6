import { setImmediate as turn } from 'node:timers/promises';
import type { LogEntry } from '../bus/index.js';
import type { Logger } from '../observability/index.js';
import type { Clock } from '../runtime/clock.js';
import { FactsCache } from './cache.js';
import type { BuildFacts } from './facts.js';
import { fold, forged, read } from './fold.js';
import { rowOf } from './row.js';
import type { Standing } from './standing.js';
import type { Store, Written } from './store.js';
import { foldWave, readWave, type WaveFacts } from './waves.js';

/** Milliseconds of folding after which others get their turn. */
const TURN_MS = 20;

/** Changed builds that are held back at most before they are written; writing so many takes about ten milliseconds. */
const MAX_DIRTY = 256;

/** Written builds kept in memory; about 3 KB each. */
const CACHE = 2_048;

/** Folds log entries into the store, through a cache that writes behind. Its store may lag; what it answers never does. */
export class Folder {
  readonly #prefix: string;
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #cache = new FactsCache(CACHE);
  /** Changed and not yet written. They are few: one for many builds. */
  readonly #waves = new Map<string, WaveFacts>();
  #standing: Standing;
  #builds: number;
  #folded = 0;

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
    this.#builds = options.store.count();
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

  /** Folds a batch; `changed` takes the builds that changed. Throws `ledger_unavailable`; what was done by then is kept. */
  async fold(batch: readonly LogEntry[], changed: Map<string, BuildFacts>): Promise<void> {
    // A store that had no room gets its chance first: what waits to be written does not grow without bound.
    if (this.#cache.dirty.size > MAX_DIRTY) this.flush();
    let since = this.#clock.monotonic();
    for (const entry of batch) {
      const facts = this.#foldOne(entry);
      if (facts !== null) changed.set(facts.id, facts);
      if (this.#cache.dirty.size > MAX_DIRTY) this.flush();
      if (this.#clock.monotonic() - since >= TURN_MS) {
        await turn();
        since = this.#clock.monotonic();
      }
    }
  }

  /** The build's facts when the entry changed them. */
  #foldOne({ message, position, storedAt }: LogEntry): BuildFacts | null {
    const { seq, skipped } = this.#standing;
    const found = read(this.#prefix, message) ?? readWave(this.#prefix, message);
    const sound = found?.ok === true && 'build' in found.value ? found.value : null;
    const known = sound === null ? null : this.facts(sound.build);
    const fault = sound !== null ? forged(sound, known) : found?.ok === false ? found.error : null;
    this.#standing = { position, seq: seq + 1, skipped: skipped + (fault === null ? 0 : 1) };
    this.#folded += 1;
    if (fault !== null) {
      this.#logger.warn({ id: message.id, topic: message.topic, reason: fault }, 'an invalid message is skipped');
      return null;
    }
    if (!found?.ok) return null;
    const meta = { seq, storedAt: storedAt.toISOString() };
    if (!('build' in found.value)) {
      const { wave } = found.value;
      this.#waves.set(wave, foldWave(this.waveFacts(wave), found.value, meta));
      return null;
    }
    const facts = fold(known, found.value, meta);
    if (facts === known) return null;
    if (facts.base !== null && (known?.base ?? null) === null) this.#builds += 1;
    this.#cache.changed(facts);
    return facts;
  }

  /** What is known of a build, whether written or not. */
  facts(id: string): BuildFacts | null {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    const stored = this.#store.facts(id);
    if (stored !== null) this.#cache.found(stored);
    return stored;
  }

  /** What is known of a wave, whether written or not. */
  waveFacts(id: string): WaveFacts | null {
    return this.#waves.get(id) ?? this.#store.waveFacts(id);
  }

  /** Writes what is held back, so that the store's own questions see it. Throws `ledger_unavailable`. */
  flush(): void {
    if (this.#cache.dirty.size + this.#waves.size > 0) this.flushAll();
  }

  /** Writes everything, the place on the log too when nothing else changed. */
  flushAll(): void {
    this.#store.write(writtenOf(this.#cache.dirty.values()), this.#waves.values(), this.#standing);
    this.#cache.written();
    this.#waves.clear();
  }
}

function* writtenOf(builds: Iterable<BuildFacts>): Generator<Written> {
  for (const facts of builds) yield { facts, row: rowOf(facts) };
}
