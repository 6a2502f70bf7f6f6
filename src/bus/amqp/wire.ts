/** Our messages as AMQP 0-9-1 carries them, and back. The rules are in docs/wire-format.md. Pure. */
import { hash } from 'node:crypto';
import type { Message as AmqpMessage, MessageProperties, Options } from 'amqplib';
import { derivedId } from '../../kernel/ids.js';
import { isJsonObject } from '../../kernel/json.js';
import { HEADER, type Headers, type HeaderValue, type RawMessage } from '../../messages/index.js';
import { TOPIC_EXCHANGE } from './names.js';

/** Headers of our own, on what goes straight to a queue or stream of ours; never shown to anybody. */
export const OWN_HEADER = {
  /** On a message that a reader puts into a log to find its end: the marker's id. */
  marker: 'x-layerwright-marker',
  /** The topic of a message that comes back, or is dead: the routing key names a queue. */
  topic: 'x-layerwright-topic',
  retries: 'x-layerwright-retries',
  /** Milliseconds that a copy must wait once more when it comes back: no wait queue is as long as it should wait. */
  wait: 'x-layerwright-wait',
  /** Lists and tables among the headers, as one JSON object: RabbitMQ's streams leave those out. */
  nested: 'x-layerwright-headers',
} as const;

/** What the broker writes into headers for itself. */
const BROKER_HEADERS = /^x-(?:stream-offset|delivery-count|death|first-death-.*|last-death-.*|acquired-count)$/;
const OWN_HEADERS: ReadonlySet<string> = new Set(Object.values(OWN_HEADER));

/** RabbitMQ routes by these (sender-selected distribution): a message can't carry them as its own. */
export const ROUTING_HEADERS: readonly string[] = ['CC', 'BCC'];
/** The driver's name for a type, where a value has to say its own. */
const TYPE = '!';

const PERSISTENT = 2;
/** Highest priority that the protocol carries in its octet. */
const MAX_PRIORITY = 255;

/** The properties of a message, as fedora-messaging has them. `now` in milliseconds. */
export function propertiesOf(id: string | null, headers: Headers, now: number): Options.Publish {
  const priority = headers[HEADER.priority];
  return {
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: PERSISTENT,
    timestamp: Math.floor(now / 1_000),
    headers: { ...tableOf(headers), ...nestedOf(headers) },
    ...(id === null ? {} : { messageId: id }),
    ...(isPriority(priority) ? { priority } : {}),
  };
}

/** Headers as a table for the driver, so that each value comes out at the other end as it went in. */
export function tableOf(headers: Headers): Record<string, unknown> {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, fieldOf(value)]));
}

function nestedOf(headers: Headers): Record<string, string> {
  const nested = Object.entries(headers).filter(([, value]) => typeof value === 'object' && value !== null);
  return nested.length === 0 ? {} : { [OWN_HEADER.nested]: JSON.stringify(Object.fromEntries(nested)) };
}

function fieldOf(value: HeaderValue): unknown {
  // The driver sends what it takes for an integer in 64 bits, and fails where that is too few.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : { [TYPE]: 'double', value };
  if (Array.isArray(value)) return value.map(fieldOf);
  if (typeof value !== 'object' || value === null) return value;
  const table = tableOf(value as Headers);
  return Object.hasOwn(table, TYPE) ? { [TYPE]: 'object', value: table } : table;
}

/** Whether a message came over our own exchange: only then are headers of ours believed. */
export function isOwnCopy({ fields }: Pick<AmqpMessage, 'fields'>): boolean {
  return fields.exchange !== TOPIC_EXCHANGE;
}

/** A message as it came, without what the broker and we have written into its headers. */
export function rawOf(carried: AmqpMessage): RawMessage {
  const headers = Object.entries<unknown>(carried.properties.headers ?? {}).filter(
    ([name]) => !OWN_HEADERS.has(name) && !BROKER_HEADERS.test(name),
  );
  return {
    id: givenId(carried),
    topic: topicOf(carried),
    headers: { ...nestedIn(carried), ...Object.fromEntries(headers.map(([name, value]) => [name, jsonOf(value)])) },
    content: carried.content,
  };
}

function nestedIn({ properties }: AmqpMessage): Headers {
  const text: unknown = properties.headers?.[OWN_HEADER.nested];
  if (typeof text !== 'string') return {};
  try {
    const nested: unknown = JSON.parse(text);
    return isJsonObject(nested) ? nested : {};
  } catch {
    // A stranger's, of another meaning.
    return {};
  }
}

/** The id of a message; one without gets it from what it says, the same for whoever looks. */
export function idOf(carried: AmqpMessage): string {
  const given = givenId(carried);
  if (given !== null) return given;
  const { topic, headers, content } = rawOf(carried);
  // Not all headers: a stream gives them in another order, and not all of them.
  const sent = String(headers[HEADER.sentAt] ?? '');
  return derivedId('amqp', topic, sent, String(carried.properties.timestamp ?? ''), hash('sha256', content));
}

function givenId({ properties }: AmqpMessage): string | null {
  const id: unknown = properties.messageId;
  return typeof id === 'string' && id !== '' ? id : null;
}

/** Counted retries so far. */
export function retriesOf(carried: AmqpMessage): number {
  return ownNumber(carried, OWN_HEADER.retries);
}

/** How long a copy of ours still has to wait, in milliseconds; 0: not at all. A span, since clocks of machines differ. */
export function waitLeft(carried: AmqpMessage): number {
  return ownNumber(carried, OWN_HEADER.wait);
}

function ownNumber(carried: AmqpMessage, header: string): number {
  const value: unknown = isOwnCopy(carried) ? carried.properties.headers?.[header] : 0;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** When a message was stored, to the second: by its publisher's clock, or by the broker's where it writes that down. */
export function storedAtOf({ properties }: { readonly properties: MessageProperties }): Date {
  const { timestamp, headers } = properties as { timestamp: unknown; headers: Record<string, unknown> | undefined };
  const brokers = headers?.['timestamp_in_ms'];
  const sent = headers?.[HEADER.sentAt];
  const candidates = [
    typeof timestamp === 'number' ? timestamp * 1_000 : Number.NaN,
    typeof brokers === 'number' ? brokers : Number.NaN,
    typeof sent === 'string' ? Date.parse(sent) : Number.NaN,
  ];
  const found = candidates.map((ms) => new Date(ms)).find((date) => !Number.isNaN(date.getTime()));
  return found ?? new Date(0);
}

function topicOf(carried: AmqpMessage): string {
  const { routingKey } = carried.fields;
  const topic: unknown = isOwnCopy(carried) ? carried.properties.headers?.[OWN_HEADER.topic] : routingKey;
  return typeof topic === 'string' ? topic : routingKey;
}

function isPriority(value: HeaderValue | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_PRIORITY;
}

/** A header's value in JSON: bytes become base64, numbers that JSON lacks text, times seconds, decimals numbers. */
function jsonOf(value: unknown): HeaderValue {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (Array.isArray(value)) return value.map((member) => jsonOf(member) ?? null);
  if (typeof value === 'object' && value !== null) {
    const special = specialOf(value as DriverValue);
    if (special !== null) return special;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonOf(member)]));
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  return value === null || value === undefined ? null : String(value);
}

/** A time or a decimal, as the driver gives them. */
interface DriverValue {
  readonly [TYPE]?: unknown;
  readonly value?: unknown;
}

function specialOf({ [TYPE]: type, value }: DriverValue): number | null {
  if (type === 'timestamp' && typeof value === 'number') return value;
  if (type !== 'decimal' || typeof value !== 'object' || value === null) return null;
  const { digits, places } = value as { readonly digits?: unknown; readonly places?: unknown };
  return Number(digits) / 10 ** Number(places);
}
