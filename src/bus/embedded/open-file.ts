import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ServiceError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import type { Topology } from '../contract.js';
import { Database } from './database.js';
import { busFault, isBusy } from './faults.js';
import { declareGroups, ensureSchema } from './schema.js';

/** How long opening waits for other processes that open or write; milliseconds. */
const OPEN_PATIENCE_MS = 10_000;
const OPEN_PAUSE_MS = 10;

/** One path for one file, whatever links lead to it: processes meet by it. Throws `bus_unavailable`. */
export async function canonicalPath(path: string): Promise<string> {
  const full = resolve(path);
  try {
    return join(await realpath(dirname(full)), basename(full));
  } catch (cause) {
    throw new ServiceError('bus_unavailable', `the folder of the bus file ${full} is not there`, { cause });
  }
}

/** Opens the file, makes it where it is new, declares the groups. Throws `bus_unavailable`, `bus_incompatible`. */
export async function openFile(path: string, groups: Topology['groups']): Promise<Database> {
  const until = performance.now() + OPEN_PATIENCE_MS;
  for (;;) {
    try {
      return tryOpen(path, groups);
    } catch (thrown) {
      if (!isBusy(thrown) || performance.now() > until) throw busFault(thrown, path);
      await pause(OPEN_PAUSE_MS * (1 + Math.random()));
    }
  }
}

function tryOpen(path: string, groups: Topology['groups']): Database {
  const db = new Database(path);
  try {
    const mode = db.get<[string]>('PRAGMA journal_mode = WAL')?.[0];
    if (mode !== 'wal') {
      throw new ServiceError('bus_unavailable', `the bus file ${path} is on a file system that SQLite's WAL can't use`);
    }
    db.begin(true);
    ensureSchema(db, path);
    declareGroups(db, groups);
    db.commit();
    return db;
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}

/**
 * Closes the file. The last one out puts everything into the one file, so that a copy of it is a copy of the bus; what
 * stays beside it is empty (libsql does not end its statements, so SQLite does not tidy up by itself).
 */
export function closeFile(db: Database): void {
  try {
    const others = db.get<[number]>("SELECT count(*) FROM leases WHERE key GLOB 'bus:*'")?.[0] ?? 0;
    if (others === 0) db.get('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
    // Locked or ill: the next one to open finds everything in the file beside it.
  }
  db.close();
}
