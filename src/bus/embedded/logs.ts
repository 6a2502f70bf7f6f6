import { ServiceError, toError } from '../../kernel/service-error.js';
import type { Follower, LogEntry, LogName, LogStart } from '../contract.js';
import type { Database } from './database.js';
import { type Engine, read } from './engine.js';
import { isAt, lastSeq, messageOf, messagesAfter, seqBefore } from './messages.js';
import { LOG } from './schema.js';

/** What one batch holds at most; it is read and decoded without a pause. */
export const BATCH = { rows: 500, bytes: 1_048_576 } as const;

interface Batch {
  readonly entries: readonly LogEntry[];
  /** The last row that was looked at. */
  readonly last: number;
}

/** The row after which reading from `from` begins. Throws `position_lost`. */
export function startOf(db: Database, log: LogName, from: LogStart): number {
  if (from === 'start') return 0;
  if (from === 'end') return lastSeq(db, LOG[log]);
  if ('time' in from) return seqBefore(db, LOG[log], from.time.getTime());
  const seq = /^[0-9]{1,15}$/.test(from.after.at) ? Number(from.after.at) : -1;
  if (isAt(db, LOG[log], seq, from.after.id)) return seq;
  throw new ServiceError(
    'position_lost',
    `message ${from.after.id} is no longer at place ${from.after.at} of the log ${log}: the log was made anew or cut`,
  );
}

/** Null when nothing is left. Rows that are no messages are left out; their groups dead-letter them. */
function batchAfter(db: Database, log: LogName, after: number, last: number): Batch | null {
  const rows = messagesAfter(db, LOG[log], after, last, BATCH);
  const end = rows.at(-1);
  if (end === undefined) return null;
  const entries: LogEntry[] = [];
  for (const row of rows) {
    const message = messageOf(row);
    if (!message.ok) continue;
    entries.push({
      position: { at: String(row.seq), id: message.value.id },
      storedAt: new Date(row.storedAt),
      message: message.value,
    });
  }
  return { entries, last: end.seq };
}

/** A log up to its end at the time of the call. */
export async function* readLog(engine: Engine, log: LogName, from: LogStart): AsyncGenerator<readonly LogEntry[]> {
  const [start, end] = await read(engine, (db) => [startOf(db, log, from), lastSeq(db, LOG[log])] as const);
  let after = start;
  while (after < end) {
    const batch = await read(engine, (db) => batchAfter(db, log, after, end));
    if (batch === null) return;
    after = batch.last;
    if (batch.entries.length > 0) yield batch.entries;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

type OnBatch = (batch: readonly LogEntry[]) => void | Promise<void>;

/** Follows a log from a row on, until it is stopped. */
export class EmbeddedFollower implements Follower {
  readonly stopped: Promise<void>;
  readonly #engine: Engine;
  readonly #log: LogName;
  readonly #onBatch: OnBatch;
  #after: number;
  #stopping = false;
  #wake: (() => void) | null = null;
  #rung = true;
  #waiting: { readonly seq: number; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  constructor(engine: Engine, log: LogName, after: number, onBatch: OnBatch) {
    this.#engine = engine;
    this.#log = log;
    this.#after = after;
    this.#onBatch = onBatch;
    const deaf = engine.bell.onRing(() => this.#ring());
    this.stopped = this.#run().finally(() => {
      deaf();
      this.#stopping = true;
      const fault = new ServiceError('bus_unavailable', `the follower of the log ${log} has stopped`);
      for (const { reject } of this.#waiting.splice(0)) reject(fault);
    });
    // Whoever looks at `stopped` sees the fault; whoever does not must not be ended by it.
    this.stopped.catch(() => undefined);
  }

  async caughtUp(): Promise<void> {
    const seq = await read(this.#engine, (db) => lastSeq(db, LOG[this.#log]));
    if (seq <= this.#after) return;
    if (this.#stopping) throw new ServiceError('bus_unavailable', `the follower of the log ${this.#log} has stopped`);
    this.#ring();
    await new Promise<void>((resolve, reject) => this.#waiting.push({ seq, resolve, reject }));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#ring();
    await this.stopped.catch(() => undefined);
  }

  #ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#rung = false;
      const batch = await read(this.#engine, (db) => batchAfter(db, this.#log, this.#after, Number.MAX_SAFE_INTEGER));
      if (batch === null) await this.#nextRing();
      else await this.#give(batch);
    }
  }

  async #give(batch: Batch): Promise<void> {
    try {
      if (batch.entries.length > 0) await this.#onBatch(batch.entries);
    } catch (thrown) {
      throw toError(thrown);
    }
    this.#after = batch.last;
    const there = this.#waiting.filter(({ seq }) => seq <= batch.last);
    this.#waiting = this.#waiting.filter(({ seq }) => seq > batch.last);
    for (const { resolve } of there) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }

  async #nextRing(): Promise<void> {
    if (this.#rung || this.#stopping) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
  }
}
