import type { Readable } from 'node:stream';
import { LIMITS } from '../../kernel/limits.js';
import { type Message, parseDumpLine } from '../../messages/index.js';
import { linesOf } from '../lines.js';
import type { Found, SourceTold } from '../ports.js';
import { timeOf } from '../time-of.js';

/** Bytes of a line: a body and its headers, and what JSON's escapes add. */
const MAX_LINE = 2 * (LIMITS.messageBytes + LIMITS.headerBytes);
/** Messages that are handed over at once. */
const BATCH = 256;

export interface DumpBounds {
  readonly since: Date | null;
  readonly until: Date | null;
}

/**
 * A dump as fedora-messaging writes it, one JSON object a line. A line that is none is told with its number and left
 * out. Throws `usage` when the input can't be read.
 */
export async function* dumpSource(
  input: () => Readable,
  name: string,
  told: SourceTold,
  bounds: DumpBounds,
): AsyncGenerator<readonly Found[]> {
  let batch: Found[] = [];
  let timeless = 0;
  for await (const { line, text } of linesOf(input, name, MAX_LINE)) {
    const read = readLine(text);
    if (read === null) continue;
    if (typeof read === 'string') {
      told.bad(`line ${line}`, read);
      continue;
    }
    const at = timeOf(read);
    if (at === null && (bounds.since !== null || bounds.until !== null)) timeless += 1;
    else if (isWithin(at, bounds)) batch.push({ message: read, line, at });
    if (batch.length >= BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
  if (timeless > 0) told.note(`${timeless} messages of ${name} do not say when they were sent: left out`);
}

/** A message; why there is none; null for an empty line. */
function readLine(text: Buffer | null): Message | string | null {
  if (text === null) return `has more than ${MAX_LINE} bytes`;
  let decoded: string;
  try {
    decoded = new TextDecoder('utf-8', { fatal: true }).decode(text);
  } catch {
    return 'is not UTF-8';
  }
  if (decoded.trim() === '') return null;
  const parsed = parseDumpLine(decoded);
  return parsed.ok ? parsed.value : parsed.error;
}

function isWithin(at: Date | null, { since, until }: DumpBounds): boolean {
  return at === null || ((since === null || at >= since) && (until === null || at <= until));
}
