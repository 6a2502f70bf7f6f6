import { isJsonObject } from '../../kernel/json.js';
import { err, ok, type Result } from '../../kernel/result.js';
import { decode, type Message, type RawMessage } from '../../messages/index.js';
import type { DeadReason } from '../contract.js';
import type { Database } from './database.js';
import { LOG } from './schema.js';

/** A clock set back by less than this does not make stored times go back; milliseconds. */
const CLOCK_SLACK_MS = 3_600_000;

/** Stored times rise with `seq`, so that a time can be found by halving; only a big step of the clock breaks that. */
const STORED_AT = `ifnull((
  SELECT iif(stored_at > ?7 AND stored_at - ?7 < ${CLOCK_SLACK_MS}, stored_at, ?7) FROM messages ORDER BY seq DESC LIMIT 1
), ?7)`;

export interface Stored {
  readonly seq: number;
  readonly storedAt: number;
  readonly raw: RawMessage;
}

/** A message that is about to be stored. `dup` null: never a duplicate. */
export interface Storing {
  readonly raw: RawMessage;
  readonly dup: string | null;
  readonly log: number;
}

/** Adds a message; null when one with the same duplicate key is there. */
export function insertMessage(db: Database, { raw, dup, log }: Storing, now: number): number | null {
  const done = db.run(
    `INSERT INTO messages (dup, id, topic, headers, content, log, stored_at) VALUES (?, ?, ?, ?, ?, ?, ${STORED_AT})
     ON CONFLICT (dup) DO NOTHING`,
    [
      dup === null ? null : Buffer.from(dup),
      raw.id === null ? null : Buffer.from(raw.id),
      Buffer.from(raw.topic),
      Buffer.from(JSON.stringify(raw.headers)),
      raw.content,
      log,
      now,
    ],
  );
  if (done.changes === 0) return null;
  if (log === LOG.git) addGitBytes(db, raw.content.byteLength);
  return done.rowid;
}

export function addGitBytes(db: Database, bytes: number): void {
  db.run("UPDATE counters SET value = max(0, value + ?) WHERE name = 'git_bytes'", [bytes]);
}

type MessageRow = [seq: number, id: Buffer | null, topic: Buffer, headers: Buffer, content: Buffer, storedAt: number];
const COLUMNS = 'seq, id, topic, headers, content, stored_at';

/** Null when the row is gone. */
export function messageAt(db: Database, seq: number): Stored | null {
  const row = db.get<MessageRow>(`SELECT ${COLUMNS} FROM messages WHERE seq = ?`, [seq]);
  return row === undefined ? null : storedOf(row);
}

/**
 * The rows of a log (null: of every log but `dead`) above `after`, up to `last`, in order: as many as one batch may
 * hold, one at least.
 */
export function messagesAfter(
  db: Database,
  log: number | null,
  after: number,
  last: number,
  limits: { readonly rows: number; readonly bytes: number },
): Stored[] {
  const where = log === null ? `log <> ${LOG.dead}` : 'log = ?';
  const values = log === null ? [after, last] : [log, after, last];
  const sizes = db.all<[number, number]>(
    `SELECT seq, length(content) FROM messages WHERE ${where} AND seq > ? AND seq <= ? ORDER BY seq LIMIT ${limits.rows}`,
    values,
  );
  let bytes = 0;
  let upTo = after;
  for (const [seq, size] of sizes) {
    bytes += size;
    if (upTo !== after && bytes > limits.bytes) break;
    upTo = seq;
  }
  if (upTo === after) return [];
  return db
    .all<MessageRow>(
      `SELECT ${COLUMNS} FROM messages WHERE ${where} AND seq > ? AND seq <= ? ORDER BY seq`,
      log === null ? [after, upTo] : [log, after, upTo],
    )
    .map(storedOf);
}

/** The last `seq` of a log (null: of all); 0 when it is empty. */
export function lastSeq(db: Database, log: number | null): number {
  const row =
    log === null
      ? db.get<[number | null]>('SELECT max(seq) FROM messages')
      : db.get<[number | null]>('SELECT max(seq) FROM messages WHERE log = ?', [log]);
  return row?.[0] ?? 0;
}

/** The `seq` below the first message of a log stored at or after `time`: reading after it gives all of them. */
export function seqBefore(db: Database, log: number, time: number): number {
  const next = (after: number): [number, number] | undefined =>
    db.get<[number, number]>('SELECT seq, stored_at FROM messages WHERE log = ? AND seq > ? ORDER BY seq LIMIT 1', [
      log,
      after,
    ]);
  let low = 0;
  let high = lastSeq(db, log);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = next(middle);
    if (found !== undefined && found[1] < time) low = found[0];
    else high = middle;
  }
  return low;
}

/** True when the message of this id is at this place of the log. */
export function isAt(db: Database, log: number, seq: number, id: string): boolean {
  const row = db.get<[Buffer | null]>('SELECT id FROM messages WHERE seq = ? AND log = ?', [seq, log]);
  return row !== undefined && idOf(row[0], seq) === id;
}

function storedOf([seq, id, topic, headers, content, storedAt]: MessageRow): Stored {
  return {
    seq,
    storedAt,
    raw: { id: idOf(id, seq), topic: topic.toString(), headers: headersOf(headers) ?? {}, content: content },
  };
}

/** A row without an id gets one that every process computes alike. */
function idOf(id: Buffer | null, seq: number): string {
  return id === null || id.byteLength === 0 ? `row-${seq}` : id.toString();
}

function headersOf(bytes: Buffer): RawMessage['headers'] | null {
  try {
    const headers: unknown = JSON.parse(bytes.toString());
    return isJsonObject(headers) ? (headers as RawMessage['headers']) : null;
  } catch {
    return null;
  }
}

/** A stored row as a message, or why it is none. */
export function messageOf(stored: Stored): Result<Message, DeadReason> {
  const decoded = decode(stored.raw, `row-${stored.seq}`);
  return decoded.ok ? ok(decoded.value) : err(decoded.error);
}
