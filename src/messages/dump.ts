import { derivedId } from '../kernel/ids.js';
import { isJsonObject, type JsonObject } from '../kernel/json.js';
import { LIMITS } from '../kernel/limits.js';
import { err, ok, type Result } from '../kernel/result.js';
import { nestsTooDeep } from './codec.js';
import { HEADER, type Message } from './envelope.js';

/** Longest line that is looked at, in characters: a body, its headers, and what JSON's escapes add. */
const MAX_LINE = 2 * (LIMITS.messageBytes + LIMITS.headerBytes);

/** Longest topic and id that a broker carries (AMQP's short strings), in bytes. */
const MAX_SHORT_STRING = 255;

/**
 * A message as one line of a dump: the JSON object that fedora-messaging's `Message._dump` makes, its members in the
 * same order, without a line end.
 */
export function formatDump({ body, headers, id, topic }: Message): string {
  const priority = headers[HEADER.priority];
  return JSON.stringify({
    body,
    headers,
    id,
    priority: typeof priority === 'number' ? priority : 0,
    queue: null,
    topic,
  });
}

/**
 * Reads a line of a dump. Only topic and body must be there; an absent id is computed from the line, so that a dump
 * that is published twice is published once. The error is a sentence's end, as `has no topic`.
 */
export function parseDumpLine(text: string): Result<Message, string> {
  if (text.length > MAX_LINE) return err(`has more than ${MAX_LINE} characters`);
  if (nestsTooDeep(text)) return err('is nested too deep');
  const line = parsed(text);
  if (line === null) return err('is no JSON object');
  const { topic, body } = line;
  if (typeof topic !== 'string' || topic === '') return err('has no topic');
  if (!isShort(topic)) return err(`has a topic of more than ${MAX_SHORT_STRING} bytes`);
  if (!isJsonObject(body)) return err('has no body that is an object');
  const headers = line['headers'] ?? {};
  if (!isJsonObject(headers)) return err('has headers that are no object');
  const id = idOf(line['id'] ?? null, text);
  if (id === null) return err(`has an id that is neither a number nor a text of 1 to ${MAX_SHORT_STRING} bytes`);
  return ok({ id, topic, headers, body });
}

function parsed(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Old dumps have numbers; those that were flattened have none. */
function idOf(id: unknown, text: string): string | null {
  if (id === null) return derivedId('dump', text.trim());
  if (typeof id === 'number') return String(id);
  return typeof id === 'string' && id !== '' && isShort(id) ? id : null;
}

function isShort(text: string): boolean {
  return Buffer.byteLength(text, 'utf8') <= MAX_SHORT_STRING;
}
