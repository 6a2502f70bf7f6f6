import type { Database } from './database.js';
import { alive } from './leases.js';
import { TAKEN } from './schema.js';

/** What the clocks may differ by before waiting deliveries are given up to be early; milliseconds. */
const SAME_MS = 1_000;

/** Milliseconds since the machine was started: the same in all its processes, whatever the wall clock does. */
export function machineTicks(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/**
 * The clock of leases and of retries: it looks like the wall clock and never jumps. All processes of the machine that
 * have the file open add the same to the machine's ticks: what the first of them found, which is in the file as the
 * counter `clock`. So a wall clock that is set, or one that is wrong in one process, ends no claim and holds no retry.
 */
export class SteadyClock {
  readonly #wall: () => number;
  readonly #ticks: () => number;
  #ahead = 0;

  constructor(wall: () => number, ticks: () => number) {
    this.#wall = wall;
    this.#ticks = ticks;
  }

  now(): number {
    return Math.floor(this.#ticks()) + this.#ahead;
  }

  /** Agrees with the processes that have the file open; begins anew where none lives. In a transaction. */
  agree(db: Database): void {
    const known = db.get<[number]>("SELECT value FROM counters WHERE name = 'clock'")?.[0];
    const fresh = Math.round(this.#wall() - this.#ticks());
    this.#ahead = known ?? fresh;
    if (known !== undefined && (Math.abs(known - fresh) < SAME_MS || this.#isShared(db))) return;
    this.#ahead = fresh;
    db.run("INSERT OR REPLACE INTO counters VALUES ('clock', ?)", [fresh]);
    // Times of another clock, or of the machine before its last start, say nothing: a retry that is early does no harm.
    if (known !== undefined) db.run(`UPDATE deliveries SET due = 1 WHERE due > 0 AND due < ${TAKEN}`, []);
  }

  #isShared(db: Database): boolean {
    const bus = "SELECT 1 FROM leases WHERE key GLOB 'bus:*' AND expires >= ? AND expires <= ?";
    return db.get(bus, [...alive(this.now())]) !== undefined;
  }
}
