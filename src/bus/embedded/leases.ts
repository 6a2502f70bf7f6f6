import type { Database } from './database.js';
import { TAKEN } from './schema.js';

/** How long a lease is worth something after it was renewed, in milliseconds. With a renewal missed: free within 10 s. */
export const LEASE_MS = 5_000;
/** How often an open bus renews its leases, in milliseconds. */
export const RENEW_MS = 1_500;

/**
 * A lease lives until `expires`, by the steady clock. One that would live longer than LEASE_MS was made by another clock,
 * before the machine was started anew: it is worth nothing.
 */
const ALIVE = 'expires >= ? AND expires <= ?';
export const alive = (now: number): [number, number] => [now, now + LEASE_MS];

export interface Lease {
  readonly key: string;
  readonly token: string;
}

/** Takes a key that is free. False when another holds it. */
export function takeLease(db: Database, lease: Lease, by: string, now: number): boolean {
  if (db.get(`SELECT 1 FROM leases WHERE key = ? AND ${ALIVE}`, [lease.key, ...alive(now)]) !== undefined) return false;
  db.run('INSERT OR REPLACE INTO leases (key, token, by, expires) VALUES (?, ?, ?, ?)', [
    lease.key,
    lease.token,
    by,
    now + LEASE_MS,
  ]);
  return true;
}

export function dropLease(db: Database, { key, token }: Lease): void {
  db.run('DELETE FROM leases WHERE key = ? AND token = ?', [key, token]);
}

export function isHeld(db: Database, { key, token }: Lease, now: number): boolean {
  return (
    db.get(`SELECT 1 FROM leases WHERE key = ? AND token = ? AND ${ALIVE}`, [key, token, ...alive(now)]) !== undefined
  );
}

export function holderOf(db: Database, key: string, now: number): string | null {
  return db.get<[string]>(`SELECT by FROM leases WHERE key = ? AND ${ALIVE}`, [key, ...alive(now)])?.[0] ?? null;
}

/** Renews a lease that is alive. False when it lapsed, whether or not another has it now. */
export function renewLease(db: Database, { key, token }: Lease, now: number): boolean {
  return (
    db.run(`UPDATE leases SET expires = ? WHERE key = ? AND token = ? AND ${ALIVE}`, [
      now + LEASE_MS,
      key,
      token,
      ...alive(now),
    ]).changes > 0
  );
}

/** Removes leases that lapsed, and frees the deliveries of buses that have none. Gives how many were freed. */
export function reap(db: Database, now: number): number {
  db.run(`DELETE FROM leases WHERE NOT (${ALIVE})`, alive(now));
  return db.run(
    `UPDATE deliveries SET due = 0, holder = NULL
     WHERE grp IN (SELECT name FROM groups) AND due = ${TAKEN}
       AND holder NOT IN (SELECT substr(key, 5) FROM leases WHERE key GLOB 'bus:*')`,
  ).changes;
}

export const busKey = (bus: string): string => `bus:${bus}`;
export const claimKey = (key: string): string => `claim:${key}`;
