import Libsql from 'libsql';

/** What a column can hold. Blobs come back as `Buffer`. */
export type Value = string | number | null | Uint8Array;
export type Row = readonly Value[];

/**
 * How long SQLite itself may wait for a lock, in milliseconds. It blocks the event loop, so it is short; whoever needs
 * more waits outside (`Writer`, `Reader`).
 */
const BLOCKING_WAIT_MS = 4;

/**
 * The whole of the SQLite driver that we use, so that another one can take its place. It is synchronous; every statement
 * here is short. Errors are the driver's own (see `faults.ts`).
 *
 * Three traps of libsql 0.5: parameters must come as one array (a lone buffer is taken for named parameters); text that is
 * not UTF-8 ends the process, so whatever a stranger can write is a blob; and a statement that gave all of its rows gives
 * the first of them once more when it is then asked for one, so each way of asking has statements of its own.
 */
export class Database {
  readonly #db: Libsql.Database;
  readonly #statements = {
    all: new Map<string, Libsql.Statement>(),
    get: new Map<string, Libsql.Statement>(),
    run: new Map<string, Libsql.Statement>(),
  };
  #durable: boolean | null = null;
  #writes = 0;
  #writing = false;

  constructor(path: string) {
    this.#db = new Libsql(path, { timeout: BLOCKING_WAIT_MS });
  }

  exec(sql: string): void {
    this.#db.exec(sql);
  }

  all<T extends Row>(sql: string, values: readonly Value[] = []): T[] {
    return this.#prepared('all', sql).all(values) as T[];
  }

  get<T extends Row>(sql: string, values: readonly Value[] = []): T | undefined {
    return this.#prepared('get', sql).get(values) as T | undefined;
  }

  /** Runs a statement that gives no rows. `rowid` means something after an insert that changed a row. */
  run(sql: string, values: readonly Value[] = []): { readonly changes: number; readonly rowid: number } {
    const done = this.#prepared('run', sql).run(values);
    return { changes: done.changes, rowid: Number(done.lastInsertRowid) };
  }

  /**
   * Begins a write transaction; throws a busy fault when another process writes. What a durable one wrote survives a
   * power cut, any other only the death of processes; a later durable one makes the earlier ones durable too.
   */
  begin(durable: boolean): void {
    if (this.#durable !== durable) {
      this.#db.exec(`PRAGMA synchronous=${durable ? 'FULL' : 'NORMAL'}`);
      this.#durable = durable;
    }
    this.run('BEGIN IMMEDIATE');
    this.#writes += 1;
    this.#writing = true;
  }

  /** Names the write transaction that runs, in which nobody else can change anything; null outside of one. */
  get transaction(): number | null {
    return this.#writing ? this.#writes : null;
  }

  commit(): void {
    this.run('COMMIT');
    this.#writing = false;
  }

  /** Harmless when SQLite has rolled back by itself. */
  rollback(): void {
    this.#writing = false;
    if (this.#db.inTransaction) this.run('ROLLBACK');
  }

  /** Changes when another connection has committed. Reads shared memory only. */
  dataVersion(): number {
    return this.get<[number]>('PRAGMA data_version')?.[0] ?? 0;
  }

  close(): void {
    for (const statements of Object.values(this.#statements)) statements.clear();
    this.#db.close();
  }

  #prepared(way: 'all' | 'get' | 'run', sql: string): Libsql.Statement {
    let statement = this.#statements[way].get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      if (way !== 'run') statement.raw();
      this.#statements[way].set(sql, statement);
    }
    return statement;
  }
}
