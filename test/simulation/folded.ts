/** The real fold of a log, in memory. */
import type { BuildFacts } from '../../src/ledger/facts.js';
import { fold, forged, read } from '../../src/ledger/fold.js';
import type { BuildRow } from '../../src/ledger/index.js';
import { rowOf } from '../../src/ledger/row.js';
import type { Message } from '../../src/messages/index.js';
import { PREFIX } from '../support/samples.js';

/** Folds a log as it grows. A log is folded alike by everyone who reads it from its start, so each world does it once. */
export class LogFold {
  readonly #facts = new Map<string, BuildFacts>();

  /** The row of a build that the entry at `seq` changes; null: it changes none. */
  add(message: Message, seq: number, storedAt: Date): BuildRow | null {
    const sound = read(PREFIX, message);
    if (!sound?.ok) return null;
    const known = this.#facts.get(sound.value.build) ?? null;
    if (forged(sound.value, known) !== null) return null;
    const facts = fold(known, sound.value, { seq, storedAt: storedAt.toISOString() });
    if (facts === known) return null;
    this.#facts.set(facts.id, facts);
    return rowOf(facts);
  }
}

/** The rows of one who has read a log so far. */
export class Rows {
  readonly #rows = new Map<string, BuildRow>();
  /** Entries read so far. */
  seq = 0;

  /** Takes the next entry; `row` is what the fold made of it. */
  add(row: BuildRow | null): void {
    this.seq += 1;
    if (row !== null) this.#rows.set(row.id, row);
  }

  row(id: string): BuildRow | null {
    return this.#rows.get(id) ?? null;
  }

  /** All builds, newest request first. */
  all(): readonly BuildRow[] {
    return [...this.#rows.values()].sort((a, b) => b.requestedSeq - a.requestedSeq);
  }
}
