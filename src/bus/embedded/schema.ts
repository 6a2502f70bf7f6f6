import { ServiceError } from '../../kernel/service-error.js';
import type { Topology } from '../contract.js';
import type { Database } from './database.js';

/** Rises with each change of the tables that an older program could not work with. */
export const SCHEMA_VERSION = 1;
/** Marks a SQLite file as a bus ("LWbs"). */
const APPLICATION_ID = 0x4c576273;

/** Which log a row of `messages` is in; the numbers are in files for ever. */
export const LOG = { none: 0, ours: 1, git: 2, dead: 3 } as const;

/** `due` of a delivery that somebody has; above every time. */
export const TAKEN = Number.MAX_SAFE_INTEGER;

/**
 * - `messages`: everything published. `dup` is the duplicate key, as long as the row is there.
 * - `deliveries`: one row for each group and message until it is settled. `due` is 0 (ready), a time (not before) or
 *   TAKEN; `takes` counts how often it was taken, and so names one taking: the fence against a holder that lost it.
 * - `leases`: claims, and the open buses themselves; worth something only until `expires`.
 * - `groups`: what every process that opened the file declared.
 *
 * Times are milliseconds: `stored_at` by the wall clock, `due` and `expires` by the steady one, which the counter `clock`
 * (wall clock less the machine's ticks) makes the same for all processes. Texts that strangers can write are blobs (see `Database`).
 */
const TABLES = `
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  dup BLOB UNIQUE,
  id BLOB,
  topic BLOB NOT NULL,
  headers BLOB NOT NULL,
  content BLOB NOT NULL,
  stored_at INTEGER NOT NULL,
  log INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_log ON messages (log, seq);
CREATE TABLE deliveries (
  grp TEXT NOT NULL,
  due INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  retries INTEGER NOT NULL DEFAULT 0,
  takes INTEGER NOT NULL DEFAULT 0,
  holder TEXT,
  PRIMARY KEY (grp, due, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE leases (
  key TEXT PRIMARY KEY,
  token TEXT NOT NULL,
  by TEXT NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE groups (
  name TEXT PRIMARY KEY,
  patterns TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('groups', 0), ('git_bytes', 0);
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Makes the tables in a new file, or sees that the file is one of ours. Throws `bus_incompatible`. In a transaction. */
export function ensureSchema(db: Database, path: string): void {
  const version = db.get<[number]>('PRAGMA user_version')?.[0] ?? 0;
  const application = db.get<[number]>('PRAGMA application_id')?.[0] ?? 0;
  const tables = db.get<[number]>('SELECT count(*) FROM sqlite_schema')?.[0] ?? 0;
  if (version === 0 && application === 0 && tables === 0) {
    db.exec(TABLES);
    return;
  }
  if (application !== APPLICATION_ID) {
    throw new ServiceError('bus_incompatible', `${path} is another program's SQLite file; give the bus another path`);
  }
  if (version !== SCHEMA_VERSION) {
    throw new ServiceError(
      'bus_incompatible',
      `the bus file ${path} has version ${version}, this program knows ${SCHEMA_VERSION}: ` +
        (version > SCHEMA_VERSION ? 'use a newer Layerwright' : 'use an older Layerwright, or another path'),
    );
  }
}

/**
 * Declares the topology's groups for every process on the file. The latest declaration of a group holds; a group that
 * nobody declares any more stays, as a broker's queue would.
 */
export function declareGroups(db: Database, groups: Topology['groups']): void {
  let changed = 0;
  for (const [name, patterns] of Object.entries(groups)) {
    changed += db.run(
      `INSERT INTO groups (name, patterns) VALUES (?, ?)
       ON CONFLICT (name) DO UPDATE SET patterns = excluded.patterns WHERE patterns <> excluded.patterns`,
      [name, JSON.stringify(patterns)],
    ).changes;
  }
  if (changed > 0) db.run("UPDATE counters SET value = value + 1 WHERE name = 'groups'");
}
