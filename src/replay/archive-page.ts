import { isJsonObject, type JsonObject } from '../kernel/json.js';
import { err, ok, type Result } from '../kernel/result.js';
import { type Message, parseDumpLine } from '../messages/index.js';
import type { Found } from './ports.js';
import { readTime, timeOf } from './time-of.js';

/** A page of an archive's answer. */
export interface ArchivePage {
  readonly found: readonly Found[];
  /** Rows that are no message, with the reason. */
  readonly bad: readonly { readonly row: number; readonly reason: string }[];
  /** Rows of all sorts. */
  readonly rows: number;
  /** What the server says that there is in all; null where it does not say. */
  readonly total: number | null;
  readonly pages: number | null;
}

/**
 * Reads an answer of datagrepper: `{ raw_messages, total, pages, count }`, its messages as fedora-messaging dumps them
 * (`/v2/search`) or as fedmsg had them (`/raw`: `msg`, `msg_id`, `topic`, `timestamp`). The error is a sentence's end.
 */
export function readPage(body: unknown): Result<ArchivePage, string> {
  const rows = isJsonObject(body) ? body['raw_messages'] : null;
  if (!isJsonObject(body) || !Array.isArray(rows)) return err('answers with JSON that has no list `raw_messages`');
  const found: Found[] = [];
  const bad: { readonly row: number; readonly reason: string }[] = [];
  for (const [index, row] of rows.entries()) {
    const read = isJsonObject(row) ? readRow(row) : err('is no JSON object');
    if (read.ok) found.push(read.value);
    else bad.push({ row: index + 1, reason: read.error });
  }
  return ok({ found, bad, rows: rows.length, total: countOf(body['total']), pages: countOf(body['pages']) });
}

function readRow(row: JsonObject): Result<Found, string> {
  const { topic } = row;
  const line = {
    topic,
    body: row['body'] ?? row['msg'],
    id: row['id'] ?? row['msg_id'] ?? null,
    headers: row['headers'] ?? {},
  };
  // The same bounds as for a dump: what a broker can't carry is refused here.
  const message = parseRow(line);
  if (!message.ok) return message;
  const at = readTime(row['timestamp']) ?? readTime(row['sent_at']) ?? timeOf(message.value);
  return ok({ message: message.value, line: null, at });
}

function parseRow(line: JsonObject): Result<Message, string> {
  let text: string;
  try {
    text = JSON.stringify(line);
  } catch {
    // It came as JSON: what can't be written as such again nests deeper than the stack.
    return err('is nested too deep');
  }
  return parseDumpLine(text);
}

function countOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
