/** Our messages as NATS carries them, and back. The rules are in docs/wire-format.md. Pure. */
import { type MsgHdrs, headers as newHeaders } from 'nats';
import { derivedId } from '../../kernel/ids.js';
import type { Json } from '../../kernel/json.js';
import { LIMITS } from '../../kernel/limits.js';
import type { Result } from '../../kernel/result.js';
import { decode, type HeaderValue, type Message, type RawMessage, type Undecodable } from '../../messages/index.js';

const WIRE = {
  id: 'message_id',
  /** Headers whose names NATS can't carry, together as JSON. */
  others: 'x-layerwright-headers',
  /** On copies of our own, in the streams `retry` and `dead`. */
  topic: 'x-layerwright-topic',
  retries: 'x-layerwright-retries',
  due: 'x-layerwright-due',
  wait: 'x-layerwright-wait',
} as const;
const RESERVED: ReadonlySet<string> = new Set(Object.values(WIRE));

/** Levels of a header's value; what nests deeper stays text. */
const MAX_DEPTH = 100;

/** JetStream refuses a message with longer headers, as they are on the wire; some room is left for those of a copy. */
export const MAX_HEADER_BYTES = 65_535 - 2_048;
/** Of the first line and the last one; and of a line beside its name and value. */
const FRAME_BYTES = 12;
const LINE_BYTES = 4;

/** What our own copies say beside the message. */
export interface CopyMarks {
  readonly topic: string;
  readonly retries: number;
  readonly due: Due;
}

/** When a copy may be delivered again. */
export interface Due {
  /** Milliseconds of the wall clock of who made it; 0: at once. */
  readonly at: number;
  /** How long that was from then, in milliseconds. */
  readonly waitMs: number;
}

export const AT_ONCE: Due = { at: 0, waitMs: 0 };

/**
 * Milliseconds that a delivery comes too early, to be given back for so long. One that seems to have longer to wait than
 * was asked for was made under another clock (one that was set since, or another machine's): it waits once, as long as
 * was asked.
 */
export function earlyBy({ at, waitMs }: Due, delivered: number, now: number): number {
  const early = at - now;
  if (early <= waitMs) return Math.max(0, early);
  return delivered > 1 ? 0 : waitMs;
}

/** What of a NATS message is looked at. */
export interface Carried {
  readonly subject: string;
  readonly headers?: MsgHdrs | undefined;
  readonly data: Uint8Array;
}

/** A message as it came, and the marks of a copy of ours. */
export interface Arrived {
  readonly raw: RawMessage;
  readonly retries: number;
  readonly due: Due;
}

export function toHeaders(raw: Pick<RawMessage, 'id' | 'headers'>, marks?: CopyMarks): MsgHdrs {
  const made = newHeaders();
  const others: [string, HeaderValue][] = [];
  if (raw.id !== null) made.set(WIRE.id, safeId(raw.id));
  for (const [name, value] of Object.entries(raw.headers)) {
    if (isCarried(name)) made.set(name, valueText(value));
    else others.push([name, value]);
  }
  if (others.length > 0) made.set(WIRE.others, JSON.stringify(Object.fromEntries(others)));
  if (marks !== undefined) {
    made.set(WIRE.topic, marks.topic);
    made.set(WIRE.retries, String(marks.retries));
    made.set(WIRE.due, String(marks.due.at));
    made.set(WIRE.wait, String(marks.due.waitMs));
  }
  return made;
}

/** What headers take on the wire. */
export function headerBytes(headers: MsgHdrs): number {
  let bytes = FRAME_BYTES;
  for (const [name, values] of headers) {
    for (const value of values) bytes += LINE_BYTES + name.length + Buffer.byteLength(value);
  }
  return bytes;
}

/** Key by which the server drops a second copy. */
export function duplicateKey(id: string, again: string | undefined): string {
  return safeId(again === undefined ? id : `${id}:${again}`);
}

/** `copy`: from a stream that only we write to, whose marks are believed. */
export function fromCarried(carried: Carried, copy: boolean): Arrived {
  const fields = fieldsOf(carried);
  const text = (name: string): string => fields.get(name)?.[0] ?? '';
  const id = text(WIRE.id) || text('Nats-Msg-Id');
  // Entries, as plain assignment would take the name `__proto__` for something else.
  const headers: [string, HeaderValue][] = [];
  for (const [name, values] of fields) {
    if (RESERVED.has(name) || /^nats-/i.test(name)) continue;
    const read = values.map(parsedValue);
    headers.push([name, read.length === 1 && read[0] !== undefined ? read[0] : read]);
  }
  const others = parsedValue(text(WIRE.others));
  if (typeof others === 'object' && others !== null && !Array.isArray(others)) {
    for (const [name, value] of Object.entries(others)) if (value !== undefined) headers.push([name, value]);
  }
  return {
    raw: {
      id: id === '' ? null : idOf(id),
      topic: copy ? text(WIRE.topic) || carried.subject : carried.subject,
      headers: Object.fromEntries(headers),
      content: carried.data,
    },
    retries: copy ? count(text(WIRE.retries)) : 0,
    due: copy ? dueOf(text(WIRE.due), text(WIRE.wait)) : AT_ONCE,
  };
}

/** Reads a message that is in a stream. One without an id gets one from its place, the same for whoever looks. */
export function decodeStored(
  raw: RawMessage,
  stream: string,
  seq: number,
  storedMs: number,
): Result<Message, Undecodable> {
  return decode(raw, placeId(stream, seq, storedMs));
}

export function placeId(stream: string, seq: number, storedMs: number): string {
  return derivedId('nats', stream, String(seq), String(storedMs));
}

/** Headers that the client can't read (a name that is none) are left out as a whole: the body is what counts. */
function fieldsOf({ headers }: Carried): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, readonly string[]>();
  try {
    for (const [name, values] of headers ?? []) fields.set(name, values);
  } catch {
    fields.clear();
  }
  return fields;
}

/** Whether NATS carries a header's name, and gives it back as it was. */
function isCarried(name: string): boolean {
  return /^[!-9;-~]+$/.test(name) && !RESERVED.has(name) && !/^nats-/i.test(name) && name !== '__proto__';
}

function valueText(value: HeaderValue): string {
  return typeof value === 'string' && isPlain(value) && !isJson(value) ? value : JSON.stringify(value);
}

/** Whether a text comes back from a header's line as it was. */
function isPlain(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text === text.trim() && !/[\u0000-\u001f\u007f]/.test(text) && !/\p{Surrogate}/u.test(text);
}

/** Only what begins like JSON is tried. */
const JSON_START = /^[-0-9"[{tfn]/;

function isJson(text: string): boolean {
  if (!JSON_START.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parsedValue(text: string): Json {
  if (!JSON_START.test(text) || text.length > 2 * LIMITS.headerBytes) return text;
  try {
    const value = JSON.parse(text) as Json;
    return isDeeper(value, MAX_DEPTH) ? text : value;
  } catch {
    return text;
  }
}

function isDeeper(value: Json, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member ?? null, levels - 1));
}

function safeId(id: string): string {
  return isPlain(id) && !id.startsWith('"') ? id : JSON.stringify(id);
}

function idOf(text: string): string {
  if (!text.startsWith('"')) return text;
  const value = parsedValue(text);
  return typeof value === 'string' ? value : text;
}

/** A copy without a wait is of an older program: only its time counts. */
function dueOf(at: string, wait: string): Due {
  return { at: count(at), waitMs: wait === '' ? Number.POSITIVE_INFINITY : count(wait) };
}

function count(text: string): number {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;
}
