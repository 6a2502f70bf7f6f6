import { anyTopic } from '../../kernel/topic-pattern.js';
import type { DeadReason } from '../contract.js';
import { deadBody } from '../dead-body.js';
import type { Database } from './database.js';
import { insertMessage, messageAt, type Stored } from './messages.js';
import { LOG, TAKEN } from './schema.js';

/** Topics whose groups are remembered; a bus has far fewer. */
const REMEMBERED_TOPICS = 1_000;

/** Which groups want a topic, by what the file says; remembered until a declaration changes it. */
export class Router {
  #version = -1;
  #lookedIn: number | null = null;
  #groups: { readonly name: string; readonly wants: (topic: string) => boolean }[] = [];
  readonly #known = new Map<string, readonly string[]>();

  /** The groups of a topic, as the file has them now. */
  groupsOf(db: Database, topic: string): readonly string[] {
    this.#refresh(db);
    const known = this.#known.get(topic);
    if (known !== undefined) return known;
    const groups = this.#groups.filter((group) => group.wants(topic)).map((group) => group.name);
    if (this.#known.size >= REMEMBERED_TOPICS) this.#known.clear();
    this.#known.set(topic, groups);
    return groups;
  }

  has(db: Database, group: string): boolean {
    this.#refresh(db);
    return this.#groups.some(({ name }) => name === group);
  }

  #refresh(db: Database): void {
    if (db.transaction !== null && db.transaction === this.#lookedIn) return;
    this.#lookedIn = db.transaction;
    const version = db.get<[number]>("SELECT value FROM counters WHERE name = 'groups'")?.[0] ?? 0;
    if (version === this.#version) return;
    this.#groups = db.all<[string, string]>('SELECT name, patterns FROM groups').map(([name, patterns]) => ({
      name,
      wants: anyTopic(JSON.parse(patterns) as string[]),
    }));
    this.#known.clear();
    this.#version = version;
  }
}

/** A delivery in somebody's hands. `takes` names this one taking of it. */
export interface Taken {
  readonly group: string;
  readonly seq: number;
  /** Since when it was due; 0 for a first delivery. */
  readonly due: number;
  readonly retries: number;
  readonly takes: number;
  readonly stored: Stored;
}

export function addDelivery(db: Database, group: string, seq: number): void {
  db.run('INSERT INTO deliveries (grp, due, seq) VALUES (?, 0, ?)', [group, seq]);
}

/** Takes up to `count` deliveries that are due: those whose retry is due first, then in the order of publishing. */
export function take(db: Database, group: string, count: number, holder: string, now: number): Taken[] {
  const taken: Taken[] = [];
  for (const [due, seq, retries, takes] of dueNow(db, group, count, now)) {
    const stored = messageAt(db, seq);
    if (stored === null) {
      db.run('DELETE FROM deliveries WHERE grp = ? AND due = ? AND seq = ?', [group, due, seq]);
      continue;
    }
    db.run('UPDATE deliveries SET due = ?, holder = ?, takes = takes + 1 WHERE grp = ? AND due = ? AND seq = ?', [
      TAKEN,
      holder,
      group,
      due,
      seq,
    ]);
    taken.push({ group, seq, due, retries, takes: takes + 1, stored });
  }
  return taken;
}

type DueRow = [due: number, seq: number, retries: number, takes: number];

function dueNow(db: Database, group: string, count: number, now: number): DueRow[] {
  const again = db.all<DueRow>(
    `SELECT due, seq, retries, takes FROM deliveries
     WHERE grp = ? AND due > 0 AND due <= ? ORDER BY due, seq LIMIT ?`,
    [group, now, count],
  );
  if (again.length >= count) return again;
  return again.concat(
    db.all<DueRow>('SELECT due, seq, retries, takes FROM deliveries WHERE grp = ? AND due = 0 ORDER BY seq LIMIT ?', [
      group,
      count - again.length,
    ]),
  );
}

/** When a delivery of the group is due next: 0 for now, null when none waits. */
export function nextDue(db: Database, group: string): number | null {
  const row = db.get<[number]>(`SELECT due FROM deliveries WHERE grp = ? AND due < ${TAKEN} ORDER BY due LIMIT 1`, [
    group,
  ]);
  return row?.[0] ?? null;
}

export function countWaiting(db: Database, group: string): number {
  return db.get<[number]>(`SELECT count(*) FROM deliveries WHERE grp = ? AND due < ${TAKEN}`, [group])?.[0] ?? 0;
}

/** This taking, or what a lapse freed of it; not when another has taken it since. */
const STILL_OURS = `grp = ? AND due IN (0, ${TAKEN}) AND seq = ? AND takes = ?`;
const place = ({ group, seq, takes }: Taken): [string, number, number] => [group, seq, takes];

/** Ends a delivery. False when another has taken it since. */
export function settle(db: Database, taken: Taken): boolean {
  return db.run(`DELETE FROM deliveries WHERE ${STILL_OURS}`, place(taken)).changes > 0;
}

/** Gives a delivery back, to be taken at `due` (0: at once). False when another has taken it since. */
export function giveBack(db: Database, taken: Taken, due: number, retries: number): boolean {
  return (
    db.run(`UPDATE deliveries SET due = ?, holder = NULL, retries = ? WHERE ${STILL_OURS}`, [
      due,
      retries,
      ...place(taken),
    ]).changes > 0
  );
}

/** Moves a delivery to the log `dead`. False when another has taken it since. */
export function bury(db: Database, taken: Taken, why: DeadReason, now: number): boolean {
  if (!settle(db, taken)) return false;
  const { raw } = taken.stored;
  const content = Buffer.from(JSON.stringify(deadBody(raw, why, taken.group)));
  insertMessage(db, { raw: { ...raw, content }, dup: null, log: LOG.dead }, now);
  return true;
}
