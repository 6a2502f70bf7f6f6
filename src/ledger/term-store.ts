import type Database from 'libsql';
import { type Bytes, bufferOf, textOf } from './bytes.js';
import { packed, type Term, unpacked } from './packed-terms.js';
import { PendingTerms } from './pending-terms.js';
import { BUCKETS, bucketOf, type Terms } from './terms.js';

/** Terms that are pending when they begin to be moved: those of some 20,000 builds, 10 MB of memory. */
const MAX_PENDING = 262_144;
/** The part of them that is enough while only news come in: there is time to move them. */
const RESTING_SHARE = 1 / 4;

/** Buckets that one step moves: one to two milliseconds. */
const BUCKETS_A_STEP = 32;

/** Who looks for a key reads all rows of its bucket: a move makes one of so many that are shorter than this. */
const MAX_SHORT_ROWS = 8;
const SHORT_BYTES = 65_536;

/** Terms that are moved for each that is added: a move is over long before the next one is due. */
const MOVED_FOR_ADDED = 2;

/** How far a move has come: noted with each transaction. */
interface Progress {
  /** Place on the log before which its terms were added; no other move has the same. */
  readonly run: number;
  /** The bucket that is moved next. */
  readonly next: number;
}

const NO_MOVE: Progress = { run: 0, next: BUCKETS };

/**
 * The terms of all builds. Keys lie anywhere, so that each new one would change a page of its own of a large table. They
 * wait in memory and, packed as they came, in one row for each transaction; when there are many, they are moved into a
 * table that has a few rows for each bucket.
 *
 * A move is spread over many writes, each some of the buckets: a question that writes what is held back must not wait for
 * all of them. What waited goes with the last. All is done within the store's transactions.
 */
export class TermStore {
  readonly #hurryingLimit: number;
  #limit: number;
  readonly #insert: Database.Statement<unknown[]>;
  readonly #ofBucket: Database.Statement<unknown[]>;
  readonly #countShort: Database.Statement<unknown[]>;
  readonly #short: Database.Statement<unknown[]>;
  readonly #deleteShort: Database.Statement<unknown[]>;
  readonly #insertPending: Database.Statement<unknown[]>;
  readonly #deletePending: Database.Statement<unknown[]>;
  readonly #noteMove: Database.Statement<unknown[]>;
  #newest = new PendingTerms();
  /** Of the newest, those that the file has. */
  #noted = 0;
  /** Those that are being moved, or have been. */
  #moving = new PendingTerms();
  #move = NO_MOVE;
  /** As the file has it. */
  #notedMove = NO_MOVE;
  /** Terms that are still to be moved for those that were added. */
  #owed = 0;

  constructor(db: Database.Database, limit: number = MAX_PENDING) {
    this.#hurryingLimit = limit;
    this.#limit = limit;
    this.#insert = db.prepare('insert into terms (bucket, run, data) values (?, ?, ?)');
    this.#ofBucket = db.prepare('select cast(data as blob) as data from terms where bucket = ?');
    const short = 'from terms where bucket = ? and length(data) < ?';
    this.#countShort = db.prepare(`select count(*) as n ${short}`);
    this.#short = db.prepare(`select cast(data as blob) as data ${short}`);
    this.#deleteShort = db.prepare(`delete ${short}`);
    this.#insertPending = db.prepare('insert into pending_terms (seq, data) values (?, ?)');
    this.#deletePending = db.prepare('delete from pending_terms where seq <= ?');
    this.#noteMove = db.prepare("insert or replace into ledger_meta (key, value) values ('move', ?)");
    this.#load(db);
  }

  #load(db: Database.Database): void {
    const noted = db.prepare("select cast(value as blob) as data from ledger_meta where key = 'move'");
    for (const { data } of noted.all([]) as { readonly data: Bytes }[])
      this.#move = JSON.parse(textOf(data)) as Progress;
    const pending = db.prepare('select seq, cast(data as blob) as data from pending_terms order by seq');
    const rows = pending.all([]) as { readonly seq: number; readonly data: Bytes }[];
    for (const { seq, data } of rows) {
      const terms = seq <= this.#move.run ? this.#moving : this.#newest;
      for (const term of unpacked(data)) terms.add(term);
    }
    this.committed(rows.at(-1)?.seq ?? 0);
  }

  /** Takes memory for the time in which much is added. */
  hurry(isHurrying: boolean): void {
    this.#limit = this.#hurryingLimit * (isHurrying ? 1 : RESTING_SHARE);
  }

  /** Adds terms of the build at a place; they are found at once. */
  add(n: number, added: readonly Terms[]): void {
    for (const { keys, place, at } of added) {
      for (const key of keys) this.#newest.add({ key, n, place, at: at ?? Number.NaN });
      this.#owed += keys.length * MOVED_FOR_ADDED;
    }
  }

  /** Places of the builds (`builds.n`) that a key leads to, the last one first. */
  builds(key: number): readonly number[] {
    return [...new Set(this.#find(key).map(({ n }) => n))].sort((a, b) => b - a);
  }

  /** As `builds`, the last that was given the name first; `before`: at a time before this one (milliseconds since 1970). */
  holders(key: number, before: number | null): readonly number[] {
    const found = this.#find(key).filter(({ at }) => before === null || at < before);
    return [...new Set(found.sort((a, b) => b.place - a.place).map(({ n }) => n))];
  }

  /** Some may come twice. */
  #find(key: number): Term[] {
    const bucket = bucketOf(key);
    const rows = this.#ofBucket.all([bucket]) as { readonly data: Bytes }[];
    return [
      ...rows.flatMap(({ data }) => unpacked(data, key)),
      ...this.#moving.ofBucket(bucket, key),
      ...this.#newest.ofBucket(bucket, key),
    ];
  }

  /** Moves some buckets, when a move is under way. True: as much was added that more is to be moved. */
  moveSome(): boolean {
    const { run, next } = this.#move;
    if (next === BUCKETS) return false;
    const end = Math.min(next + BUCKETS_A_STEP, BUCKETS);
    for (let bucket = next; bucket < end; bucket += 1) {
      const terms = this.#moving.ofBucket(bucket);
      if (terms.length > 0) this.#put(bucket, run, packed(terms));
      this.#owed -= terms.length;
    }
    if (end === BUCKETS) this.#deletePending.run([run]);
    this.#move = { run, next: end };
    return end < BUCKETS && this.#owed > 0;
  }

  #put(bucket: number, run: number, data: Buffer): void {
    const which = [bucket, SHORT_BYTES];
    const [short] = this.#countShort.all(which) as { readonly n: number }[];
    if ((short?.n ?? 0) < MAX_SHORT_ROWS) {
      this.#insert.run([bucket, run, data]);
      return;
    }
    const rows = this.#short.all(which) as { readonly data: Bytes }[];
    this.#deleteShort.run(which);
    this.#insert.run([bucket, run, Buffer.concat([...rows.map((row) => bufferOf(row.data)), data])]);
  }

  /** Notes what the transaction has added and moved; it ends at a place on the log. */
  note(seq: number): void {
    if (this.#newest.size > this.#noted) this.#insertPending.run([seq, packed(this.#newest.since(this.#noted))]);
    if (this.#move !== this.#notedMove) this.#noteMove.run([Buffer.from(JSON.stringify(this.#move))]);
  }

  /** The transaction has ended at a place on the log. */
  committed(seq: number): void {
    this.#owed = 0;
    this.#noted = this.#newest.size;
    this.#notedMove = this.#move;
    if (this.#move.next < BUCKETS) return;
    if (this.#moving.size > 0) this.#moving = new PendingTerms();
    if (this.#newest.size < this.#limit) return;
    this.#moving = this.#newest;
    this.#newest = new PendingTerms();
    this.#noted = 0;
    this.#move = { run: seq, next: 0 };
    this.#notedMove = this.#move;
  }

  /** Forgets what was added and moved since the last transaction that ended well. */
  rolledBack(): void {
    this.#owed = 0;
    this.#newest.shrinkTo(this.#noted);
    this.#move = this.#notedMove;
  }
}
