import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import type { SkippedMessage } from './contract.js';
import { type Queries, queries } from './queries.js';
import {
  ADD_SKIPPED,
  buildValues,
  PRUNE_SKIPPED,
  placeOf,
  SCHEMA,
  STORE_VERSION,
  skippedValues,
  UPSERT_BUILD,
  UPSERT_WAVE,
  type Written,
  waveValues,
} from './schema.js';
import { Scratch } from './scratch.js';
import { BEGINNING, type Standing } from './standing.js';
import { StoreError, storeError } from './store-error.js';
import { TermStore } from './term-store.js';
import { termsOf } from './terms.js';
import type { WaveFacts } from './waves.js';

/** A build takes 2 to 6 KB: a page holds three of 5 KB, where one of 8 KiB would hold one. */
const PAGE_BYTES = 16_384;

/** Memory for pages, in KiB: most of the indices while a log is read from afar, little when only news come in. */
const CACHE_KIB = { resting: 8_192, hurrying: 65_536 } as const;

/** Builds that one step writes: some two milliseconds. */
const BUILDS_A_STEP = 64;

/** Milliseconds that SQLite may wait for a lock; it blocks the event loop, and a ledger's lock is held for long anyway. */
const BLOCKING_WAIT_MS = 4;

/** What the store is made for: another format, prefix or fold makes it anew. */
export interface StoreFormat {
  readonly prefix: string;
  readonly foldVersion: number;
}

/** What one fold changed. */
export interface Change {
  readonly builds: Iterable<Written>;
  readonly waves: Iterable<WaveFacts>;
  readonly skipped: readonly SkippedMessage[];
  readonly standing: Standing;
}

/**
 * The ledger's file: a cache of the fold that may be deleted at any time, so it is written without waiting for the
 * disk (a killed process loses nothing by that; a machine without power may find the file damaged and makes it anew).
 * Whatever is read is a blob: libsql ends the process over text that is not UTF-8, as a damaged file may hold it. One
 * process has it: it is locked from opening to closing. Every method throws `StoreError`.
 */
export class Store {
  readonly #db: Database.Database;
  readonly #terms: TermStore;
  readonly #queries: Queries;
  readonly #upsert: Database.Statement<unknown[]>;
  readonly #upsertWave: Database.Statement<unknown[]>;
  readonly #addSkipped: Database.Statement<unknown[]>;
  readonly #note: Database.Statement<unknown[]>;
  /** Messages before this place of the log are written. */
  #writtenTo: number;
  readonly #scratch = new Scratch();

  private constructor(db: Database.Database) {
    this.#db = db;
    this.#terms = new TermStore(db);
    this.#queries = queries(db, this.#terms);
    this.#upsert = db.prepare(UPSERT_BUILD);
    this.#upsertWave = db.prepare(UPSERT_WAVE);
    this.#addSkipped = db.prepare(ADD_SKIPPED);
    this.#note = db.prepare('insert or replace into ledger_meta (key, value) values (?, ?)');
    this.#writtenTo = this.standing().seq;
  }

  /** Opens the file, or makes it anew when it is damaged or of another format; a null path keeps all in memory. */
  static open(
    path: string | null,
    format: StoreFormat,
  ): { readonly store: Store; readonly made: 'found' | 'new' | 'anew' } {
    if (path === null) return { store: Store.make(path, format), made: 'new' };
    try {
      attempted(() => mkdirSync(dirname(path), { recursive: true }));
      const found = attempted(() => Store.#find(connect(path), format));
      if (found !== null) return found;
    } catch (thrown) {
      if (!(thrown instanceof StoreError) || !thrown.damaged) throw thrown;
    }
    return { store: Store.make(path, format), made: 'anew' };
  }

  /** Makes the file anew, whatever is there. */
  static make(path: string | null, format: StoreFormat): Store {
    return attempted(() => {
      if (path !== null) remove(path);
      return Store.#fill(connect(path ?? ':memory:'), format);
    });
  }

  /** Null: a ledger of another format. A file of something else is not ours to replace: it throws. */
  static #find(db: Database.Database, format: StoreFormat): { store: Store; made: 'found' | 'new' } | null {
    try {
      const { n } = db.prepare("select count(*) as n from sqlite_master where type = 'table'").get() as { n: number };
      if (n === 0) return { store: Store.#fill(db, format), made: 'new' };
      const sql = "select cast(value as blob) as value from ledger_meta where key = 'format'";
      const row = db.prepare(sql).get() as { value: Buffer } | undefined;
      if (row?.value.equals(bytesOf(format))) {
        const store = new Store(db);
        store.standing();
        store.ask((tables) => tables.count());
        return { store, made: 'found' };
      }
    } catch (thrown) {
      shut(db);
      throw thrown;
    }
    shut(db);
    return null;
  }

  static #fill(db: Database.Database, format: StoreFormat): Store {
    db.exec(SCHEMA);
    db.prepare("insert into ledger_meta (key, value) values ('format', ?)").run([bytesOf(format)]);
    return new Store(db);
  }

  /** What was written last. */
  standing(): Standing {
    return attempted(() => this.#queries.standing()) ?? BEGINNING;
  }

  /** Asks the tables. */
  ask<T>(question: (queries: Queries) => T): T {
    return attempted(() => question(this.#queries));
  }

  /**
   * Writes what changed and the standing in one transaction, in steps of a few milliseconds. Questions between two steps
   * see what is written so far. A step that throws has undone all of them.
   */
  *writing({ builds, waves, skipped, standing }: Change): Generator<void, void, void> {
    try {
      this.#begin();
      for (const some of groups(builds, BUILDS_A_STEP)) {
        for (const written of some) this.#writeBuild(written);
        yield;
      }
      while (this.#terms.moveSome()) yield;
      yield;
      for (const wave of waves) this.#upsertWave.run(waveValues(wave));
      for (const message of skipped) this.#addSkipped.run(skippedValues(message));
      if (skipped.length > 0) this.#db.exec(PRUNE_SKIPPED);
      this.#terms.note(standing.seq);
      this.#note.run(['standing', Buffer.from(JSON.stringify(standing))]);
      yield;
      this.#db.exec('commit');
      this.#terms.committed(standing.seq);
      this.#writtenTo = standing.seq;
    } catch (thrown) {
      throw storeError(thrown);
    } finally {
      this.#rollBack();
    }
  }

  /**
   * Writes builds before the rest of what changed, as a part of the next `writing`: who asks sees them at once, and a
   * killed process has written none of them. When it throws, all that was written ahead is undone.
   */
  writeAhead(builds: Iterable<Written>): void {
    try {
      this.#begin();
      for (const written of builds) this.#writeBuild(written);
      // Their share at once: who asks next writes what is left, and does not wait long for it.
      while (this.#terms.moveSome());
    } catch (thrown) {
      this.#rollBack();
      throw storeError(thrown);
    }
  }

  #begin(): void {
    if (!this.#db.inTransaction) this.#db.exec('begin');
  }

  #rollBack(): void {
    this.#terms.rolledBack();
    if (this.#db.inTransaction) this.#db.exec('rollback');
  }

  #writeBuild(written: Written): void {
    this.#upsert.run(buildValues(written, this.#scratch));
    this.#terms.add(placeOf(written.facts), termsOf(written.facts, this.#writtenTo));
  }

  /** Takes memory for the time in which much is written, and gives it back. */
  hurry(isHurrying: boolean): void {
    this.#terms.hurry(isHurrying);
    attempted(() => {
      const pace = isHurrying ? 'hurrying' : 'resting';
      this.#db.pragma(`cache_size = -${CACHE_KIB[pace]}`);
      if (!isHurrying) this.#db.pragma('shrink_memory');
    });
  }

  /** Never throws: what could not be tidied up is a cache. */
  close(): void {
    shut(this.#db);
  }
}

function* groups<T>(all: Iterable<T>, size: number): Generator<readonly T[]> {
  let group: T[] = [];
  for (const one of all) {
    group.push(one);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function connect(path: string): Database.Database {
  const db = new Database(path, { timeout: BLOCKING_WAIT_MS });
  try {
    // The lock is taken with the first statement and held: a second process is refused at once.
    db.pragma(`page_size = ${PAGE_BYTES}`);
    db.pragma('locking_mode = EXCLUSIVE');
    // What is new goes into the file once; of what was there, the page before the change is noted in a journal.
    db.pragma('journal_mode = PERSIST');
    db.pragma('synchronous = OFF');
    db.pragma(`cache_size = -${CACHE_KIB.resting}`);
    db.exec('begin exclusive; commit');
    return db;
  } catch (thrown) {
    shut(db);
    throw thrown;
  }
}

/**
 * Closes a connection and lets go of its lock. libsql keeps a closed connection open until its prepared statements are
 * collected as garbage, so the lock is given back by hand: the journal is folded in, then the mode left.
 */
function shut(db: Database.Database): void {
  try {
    if (db.inTransaction) db.exec('rollback');
    db.pragma('journal_mode = DELETE');
    db.pragma('locking_mode = NORMAL');
    db.prepare('select count(*) from sqlite_master').get();
  } catch {
    // A file that is damaged or not ours; closing is all that is left.
  }
  db.close();
}

function remove(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true });
}

function bytesOf({ foldVersion, prefix }: StoreFormat): Buffer {
  return Buffer.from(JSON.stringify([STORE_VERSION, foldVersion, prefix]));
}

function attempted<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    throw storeError(thrown);
  }
}
