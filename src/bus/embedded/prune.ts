import { toError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import type { Topology } from '../contract.js';
import type { Database } from './database.js';
import { type Engine, read } from './engine.js';
import { addGitBytes, seqBefore } from './messages.js';
import { LOG } from './schema.js';

/** How long a message of no log stays for listeners, and as the duplicate window; milliseconds. */
export const PASSING_MS = 120_000;
/** How long the log `dead` keeps an entry; milliseconds. */
export const DEAD_MS = 90 * 86_400_000;
/** How often each open bus looks for what may go; milliseconds. */
const PRUNE_EVERY_MS = 30_000;
/** What one transaction removes at most. */
const CHUNK = { rows: 200, bytes: 4_194_304 } as const;
const CHUNK_PAUSE_MS = 10;

/** Removes what nothing needs any more, a little at a time, until the signal ends. */
export async function pruneUntil(engine: Engine, gitLog: Topology['gitLog'], signal: AbortSignal): Promise<void> {
  // Not in step with the other processes on the file.
  await pause(PRUNE_EVERY_MS * Math.random(), signal);
  while (!signal.aborted) {
    try {
      await pruneOnce(engine, gitLog, signal);
    } catch (thrown) {
      if (!signal.aborted) engine.onFault(toError(thrown));
    }
    await pause(PRUNE_EVERY_MS, signal);
  }
}

/** Removes all that may go now. What still waits in a group stays, whatever its age. */
export async function pruneOnce(engine: Engine, gitLog: Topology['gitLog'], signal?: AbortSignal): Promise<void> {
  const ages = [
    { log: LOG.none, maxAgeMs: PASSING_MS },
    { log: LOG.git, maxAgeMs: gitLog.maxAgeMs },
    { log: LOG.dead, maxAgeMs: DEAD_MS },
  ];
  for (const { log, maxAgeMs } of ages) {
    const end = await read(engine, (db) => seqBefore(db, log, engine.now() - maxAgeMs));
    await inChunks(engine, (db) => removable(db, log, end), signal);
  }
  await inChunks(engine, (db) => (gitBytes(db) > gitLog.maxBytes ? overweight(db, gitLog.maxBytes) : []), signal);
}

type Removable = [seq: number, log: number, bytes: number];

async function inChunks(
  engine: Engine,
  find: (db: Database) => readonly Removable[],
  signal: AbortSignal | undefined,
): Promise<void> {
  // Looks outside a transaction first: most of the time there is nothing.
  while (!signal?.aborted && (await read(engine, find)).length > 0) {
    await engine.writer.write({ durable: false, wakes: false }, (db) => {
      for (const [seq, log, bytes] of find(db)) {
        db.run('DELETE FROM messages WHERE seq = ?', [seq]);
        if (log === LOG.git) addGitBytes(db, -bytes);
      }
    });
    await pause(CHUNK_PAUSE_MS, signal);
  }
}

function removable(db: Database, log: number, end: number): readonly Removable[] {
  const rows = db.all<Removable>(
    `SELECT seq, log, length(content) FROM messages
     WHERE log = ? AND seq <= ? AND seq NOT IN (SELECT seq FROM deliveries) ORDER BY seq LIMIT ${CHUNK.rows}`,
    [log, end],
  );
  return within(rows, CHUNK.bytes);
}

/** The oldest of the log `git`, as many as it is too big by. */
function overweight(db: Database, maxBytes: number): readonly Removable[] {
  let excess = gitBytes(db) - maxBytes;
  return removable(db, LOG.git, Number.MAX_SAFE_INTEGER).filter(([, , bytes]) => {
    const goes = excess > 0;
    excess -= bytes;
    return goes;
  });
}

function gitBytes(db: Database): number {
  return db.get<[number]>("SELECT value FROM counters WHERE name = 'git_bytes'")?.[0] ?? 0;
}

/** The first rows, up to so many bytes, one at least. */
function within(rows: readonly Removable[], limit: number): readonly Removable[] {
  let bytes = 0;
  return rows.filter(([, , size], index) => {
    bytes += size;
    return index === 0 || bytes <= limit;
  });
}
