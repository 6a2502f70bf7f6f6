import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import type { BuildFilter, BuildRow, Stream } from './contract.js';
import type { BuildFacts } from './facts.js';
import { DEFAULT_LIMIT, type Queries, queries } from './queries.js';
import { BEGINNING, type Standing } from './standing.js';
import { StoreError, storeError } from './store-error.js';
import type { WaveFacts } from './waves.js';

/** Raised with every change of the tables. */
const STORE_VERSION = 3;

/** A build takes 2 to 3 KB: three fit into a page, where one of 4 KiB would hold one. */
const PAGE_BYTES = 8_192;

/** Pages of the write-ahead log before it is folded back into the file. */
const CHECKPOINT_PAGES = 1_000;

/** Milliseconds that SQLite may wait for a lock; it blocks the event loop, and a ledger's lock is held for long anyway. */
const BLOCKING_WAIT_MS = 4;

/** What the store is made for: another format, prefix or fold makes it anew. */
export interface StoreFormat {
  readonly prefix: string;
  readonly foldVersion: number;
}

/** What is written of one build; `row` is null while only commands have named it. */
export interface Written {
  readonly facts: BuildFacts;
  readonly row: BuildRow | null;
}

const SCHEMA = `
  create table ledger_meta (key text primary key, value blob not null) without rowid;
  create table builds (
    id text primary key, component text, target text, commit_id text, kind text, state text, ended integer,
    nvr text, digest text, wave text, seq integer, facts blob not null
  );
  create table waves (id text primary key, open integer, seq integer, facts blob not null) without rowid;
  create index builds_seq on builds (seq) where seq is not null;
  create index builds_component on builds (component, target, seq) where seq is not null;
  create index builds_open on builds (seq) where ended = 0;
  create index builds_commit on builds (commit_id) where seq is not null;
  create index builds_nvr on builds (nvr) where nvr is not null;
  create index builds_digest on builds (digest) where digest is not null;
  create index builds_wave on builds (wave, seq) where wave is not null;
  create index waves_seq on waves (open, seq) where seq is not null;
`;

const UPSERT = `
  insert into builds (id, component, target, commit_id, kind, state, ended, nvr, digest, wave, seq, facts)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (id) do update set component = excluded.component, target = excluded.target,
    commit_id = excluded.commit_id, kind = excluded.kind, state = excluded.state, ended = excluded.ended,
    nvr = excluded.nvr, digest = excluded.digest, wave = excluded.wave, seq = excluded.seq, facts = excluded.facts
`;

const UPSERT_WAVE = `
  insert into waves (id, open, seq, facts) values (?, ?, ?, ?)
  on conflict (id) do update set open = excluded.open, seq = excluded.seq, facts = excluded.facts
`;

/**
 * The ledger's file: a cache of the fold that may be deleted at any time, so it is written without waiting for the
 * disk (a killed process loses nothing by that; a machine without power may find the file damaged and makes it anew).
 * Whatever is read is a blob: libsql ends the process over text that is not UTF-8, as a damaged file may hold it. One process has it: it is locked from opening to closing. Every method throws `StoreError`.
 */
export class Store {
  readonly #db: Database.Database;
  readonly #queries: Queries;
  readonly #upsert: Database.Statement<unknown[]>;
  readonly #upsertWave: Database.Statement<unknown[]>;
  readonly #note: Database.Statement<unknown[]>;

  private constructor(db: Database.Database) {
    this.#db = db;
    this.#queries = queries(db);
    this.#upsert = db.prepare(UPSERT);
    this.#upsertWave = db.prepare(UPSERT_WAVE);
    this.#note = db.prepare('insert or replace into ledger_meta (key, value) values (?, ?)');
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
        store.count();
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

  standing(): Standing {
    return attempted(() => this.#queries.standing()) ?? BEGINNING;
  }

  /** Number of rows. */
  count(): number {
    return attempted(() => this.#queries.count());
  }

  facts(id: string): BuildFacts | null {
    return attempted(() => this.#queries.facts(id));
  }

  builds(filter: BuildFilter): readonly BuildFacts[] {
    return attempted(() => this.#queries.builds(filter));
  }

  find(text: string): readonly BuildFacts[] {
    return attempted(() => this.#queries.find(text));
  }

  ownerOfNvr(nvr: string): BuildFacts | null {
    return attempted(() => this.#queries.ownerOfNvr(nvr));
  }

  byDigest(digest: string): BuildFacts | null {
    return attempted(() => this.#queries.byDigest(digest));
  }

  streams(): readonly Stream[] {
    return attempted(() => this.#queries.streams());
  }

  waveFacts(id: string): WaveFacts | null {
    return attempted(() => this.#queries.wave(id));
  }

  waves({ open, limit }: { readonly open?: boolean; readonly limit?: number }): readonly WaveFacts[] {
    return attempted(() => this.#queries.waves(open ?? null, Math.max(0, limit ?? DEFAULT_LIMIT)));
  }

  /** Writes builds, waves and the standing in one transaction. */
  write(builds: Iterable<Written>, waves: Iterable<WaveFacts>, standing: Standing): void {
    attempted(() => {
      this.#db.exec('begin');
      try {
        for (const written of builds) this.#upsert.run(columns(written));
        for (const wave of waves) this.#upsertWave.run(waveColumns(wave));
        this.#note.run(['standing', Buffer.from(JSON.stringify(standing))]);
        this.#db.exec('commit');
      } catch (thrown) {
        if (this.#db.inTransaction) this.#db.exec('rollback');
        throw thrown;
      }
    });
  }

  /** Never throws: what could not be tidied up is a cache. */
  close(): void {
    shut(this.#db);
  }
}

function connect(path: string): Database.Database {
  const db = new Database(path, { timeout: BLOCKING_WAIT_MS });
  try {
    // The lock is taken with the first statement and held: a second process is refused at once.
    db.pragma(`page_size = ${PAGE_BYTES}`);
    db.pragma('locking_mode = EXCLUSIVE');
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = OFF');
    db.pragma('cache_size = -8192');
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    db.exec('begin immediate; commit');
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

function columns({ facts, row }: Written): unknown[] {
  // Bytes: libsql takes twice as long over a text of this size.
  const text = Buffer.from(JSON.stringify(facts));
  if (row === null) return [facts.id, null, null, null, null, null, null, null, null, null, null, text];
  const { component, target, kind, state, nvr, image, requestedSeq, cause } = row;
  const ended = row.ended ? 1 : 0;
  const digest = image?.digest ?? null;
  return [
    facts.id,
    component,
    target,
    row.source.commit,
    kind,
    state,
    ended,
    nvr,
    digest,
    cause.wave,
    requestedSeq,
    text,
  ];
}

function waveColumns(facts: WaveFacts): unknown[] {
  const { id, opened, closed } = facts;
  return [id, closed === null ? 1 : 0, opened?.seq ?? null, Buffer.from(JSON.stringify(facts))];
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
