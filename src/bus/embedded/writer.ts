import { ServiceError } from '../../kernel/service-error.js';
import type { Database } from './database.js';
import { busFault, isBusy, resultOf } from './faults.js';

/** How long one transaction may go on taking in work, in milliseconds: other processes and the event loop wait for it. */
const TRANSACTION_MS = 8;
/** How long work waits for a lock that others hold before it fails. */
const PATIENCE_MS = 10_000;
/** The longest pause between two tries for the lock; random, so that processes don't march in step. */
const BUSY_PAUSE_MS = 6;

export interface WriteOptions {
  /** Whether it must survive a power cut before it is reported done. */
  readonly durable: boolean;
  /** Whether others, in this process and outside, should look at the file when it is done. */
  readonly wakes: boolean;
}

interface Job extends WriteOptions {
  readonly work: (db: Database) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly since: number;
}

/**
 * All writing of a process: what is asked for within one tick of the event loop is done in one transaction. Work is
 * short and synchronous, and throws, if at all, before it has written.
 */
export class Writer {
  readonly #db: Database;
  readonly #path: string;
  readonly #onWake: () => void;
  #jobs: Job[] = [];
  #scheduled = false;
  #idle: (() => void)[] = [];
  #closed = false;
  #fault: ServiceError | null = null;

  constructor(db: Database, path: string, onWake: () => void) {
    this.#db = db;
    this.#path = path;
    this.#onWake = onWake;
  }

  /** Why the last transaction failed; null when it did not. */
  get fault(): ServiceError | null {
    return this.#fault;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves with what `work` gave when its transaction is committed. Throws `bus_unavailable`. */
  write<T>(options: WriteOptions, work: (db: Database) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) {
        reject(this.#fault ?? new ServiceError('bus_unavailable', 'the bus is closed'));
        return;
      }
      const job: Job = { ...options, work, resolve: resolve as Job['resolve'], reject, since: performance.now() };
      this.#jobs.push(job);
      this.#schedule(0);
    });
  }

  /** From now on every write fails, with `fault`. */
  breakWith(fault: ServiceError): void {
    this.#closed = true;
    this.#fault = fault;
    for (const job of this.#jobs.splice(0)) job.reject(fault);
    this.#settled();
  }

  /** Does what is waiting, then takes no more. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#jobs.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #schedule(delayMs: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const flush = (): void => {
      this.#scheduled = false;
      this.#flush();
    };
    if (delayMs === 0) setImmediate(flush);
    else setTimeout(flush, delayMs);
  }

  #flush(): void {
    const jobs = this.#jobs;
    if (jobs.length === 0) return;
    try {
      this.#db.begin(jobs.some((job) => job.durable));
    } catch (thrown) {
      this.#refused(thrown);
      return;
    }
    const done = this.#transact();
    if (done.length > 0 && done.some((job) => job.wakes)) this.#onWake();
    if (this.#jobs.length > 0) this.#schedule(0);
    else this.#settled();
  }

  /** Runs what fits in one transaction, and tells each job how it went. Gives the jobs that are committed. */
  #transact(): readonly Job[] {
    const until = performance.now() + TRANSACTION_MS;
    const done: { readonly job: Job; readonly value: unknown }[] = [];
    let running: Job | undefined;
    try {
      while (this.#jobs.length > done.length && (done.length === 0 || performance.now() < until)) {
        running = this.#jobs[done.length];
        if (running === undefined) break;
        done.push({ job: running, value: running.work(this.#db) });
      }
      running = undefined;
      this.#db.commit();
    } catch (thrown) {
      this.#undo();
      this.#failed(thrown, running, done.length);
      return [];
    }
    this.#fault = null;
    this.#jobs.splice(0, done.length);
    for (const { job, value } of done) job.resolve(value);
    return done.map(({ job }) => job);
  }

  /** A fault of the file fails all that was in the transaction; any other only the job that threw it. */
  #failed(thrown: unknown, running: Job | undefined, before: number): void {
    if (running !== undefined && resultOf(thrown) === null) {
      this.#jobs.splice(this.#jobs.indexOf(running), 1);
      running.reject(busFault(thrown, this.#path));
      return;
    }
    const fault = busFault(thrown, this.#path);
    this.#fault = fault;
    for (const job of this.#jobs.splice(0, before + (running === undefined ? 0 : 1))) job.reject(fault);
  }

  #undo(): void {
    try {
      this.#db.rollback();
    } catch {
      // SQLite had rolled back by itself; the next transaction shows whether the file is well.
    }
  }

  /** The transaction could not begin: wait for the lock, or fail everything. */
  #refused(thrown: unknown): void {
    const busy = isBusy(thrown);
    const oldest = performance.now() - PATIENCE_MS;
    const fault = busFault(thrown, this.#path);
    const kept = busy ? this.#jobs.filter((job) => job.since > oldest) : [];
    const given = this.#jobs.filter((job) => !kept.includes(job));
    this.#jobs = kept;
    if (given.length > 0) this.#fault = fault;
    for (const job of given) job.reject(fault);
    if (kept.length > 0) this.#schedule(1 + Math.random() * BUSY_PAUSE_MS);
    else this.#settled();
  }

  #settled(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
