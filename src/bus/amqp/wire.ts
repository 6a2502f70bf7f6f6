import { createHash } from 'node:crypto';
import type { ConsumeMessage, Options } from 'amqplib';
import { derivedId } from '../../kernel/ids.js';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/json.js';
import { LIMITS } from '../../kernel/limits.js';
import { ServiceError } from '../../kernel/service-error.js';
import { HEADER, type Headers, type HeaderValue, type RawMessage } from '../../messages/index.js';
import { TOPIC_EXCHANGE } from './names.js';

/** Headers between our own queues; no handler sees them. */
export const INNER = {
  /** The topic of a message that came through our direct exchange. */
  topic: 'x-layerwright-topic',
  /** Counted retries so far. */
  retries: 'x-layerwright-retries',
  /** Milliseconds that a message still has to wait after this rung. */
  wait: 'x-layerwright-wait',
  /** Marks the end of a log for a reader. */
  marker: 'x-layerwright-marker',
} as const;

const INNER_NAMES: ReadonlySet<string> = new Set(Object.values(INNER));
/** What brokers add on the way: dead lettering, quorum queues, streams. */
const BROKERS_OWN = /^x-(?:death|first-death-|last-death-|delivery-count$|acquired-count$|stream-offset$)/;
/** RabbitMQ routes by them (sender-selected distribution), so that they can't be carried. */
const ROUTING_HEADERS = ['CC', 'BCC'] as const;
/** Longest short string of AMQP 0-9-1 (4.2.5.3), in bytes: topics, ids, names of headers. */
const SHORT_BYTES = 255;
/** Beyond it an integer is sent as a double: the driver's 64-bit integers end soon after, and a number is exact up to here. */
const LARGEST_INTEGER = Number.MAX_SAFE_INTEGER;

/**
 * The properties of a message as fedora-messaging writes them, and the time of publishing in seconds. Throws
 * `message_too_large`, `message_invalid`.
 */
export function propertiesOf(
  raw: RawMessage,
  options: { readonly now: number; readonly persistent: boolean },
): Options.Publish {
  check(raw);
  const priority = raw.headers[HEADER.priority];
  return {
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: options.persistent,
    ...(raw.id === null ? {} : { messageId: raw.id }),
    priority:
      typeof priority === 'number' && Number.isInteger(priority) && priority >= 0 && priority <= 255 ? priority : 0,
    timestamp: Math.floor(options.now / 1_000),
    headers: tableOf(raw.headers),
  };
}

function check({ id, topic, headers }: RawMessage): void {
  if (isLong(topic)) {
    throw new ServiceError('message_invalid', `a topic has more than ${SHORT_BYTES} bytes: ${topic.slice(0, 80)}…`);
  }
  if (id !== null && isLong(id)) {
    throw new ServiceError('message_invalid', `the id of a message to ${topic} has more than ${SHORT_BYTES} bytes`);
  }
  const headerBytes = Buffer.byteLength(JSON.stringify(headers));
  if (headerBytes > LIMITS.headerBytes) {
    throw new ServiceError(
      'message_too_large',
      `the headers of a message to ${topic} have ${headerBytes} bytes, more than ${LIMITS.headerBytes}`,
    );
  }
  for (const name in headers) {
    if (isLong(name)) {
      throw new ServiceError(
        'message_invalid',
        `a message to ${topic} has a header whose name is longer than ${SHORT_BYTES} bytes`,
      );
    }
  }
  const routing = ROUTING_HEADERS.find((name) => Object.hasOwn(headers, name));
  if (routing !== undefined) {
    throw new ServiceError(
      'message_invalid',
      `a message to ${topic} has the header ${routing}, by which RabbitMQ would route it`,
    );
  }
}

function isLong(text: string): boolean {
  // A character has three bytes at the most here: most texts need no counting.
  return text.length > SHORT_BYTES / 3 && Buffer.byteLength(text) > SHORT_BYTES;
}

/** Headers as a table for the driver, so that each value comes out on the other side as it went in. */
export function tableOf(headers: JsonObject): Record<string, unknown> {
  const table: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) table[name] = fieldOf(value);
  return table;
}

function fieldOf(value: Json): unknown {
  if (typeof value === 'number') {
    return Number.isInteger(value) && Math.abs(value) <= LARGEST_INTEGER ? value : { '!': 'double', value };
  }
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(fieldOf);
  const table = tableOf(value as JsonObject);
  // The driver takes a member `!` for the name of a type.
  return Object.hasOwn(table, '!') ? { '!': 'object', value: table } : table;
}

/** A message as it came, without what travels only between our queues or was added by brokers. */
export function rawOf(raw: ConsumeMessage): RawMessage {
  const { messageId } = raw.properties as { messageId?: unknown };
  return {
    id: typeof messageId === 'string' && messageId !== '' ? messageId : null,
    topic: topicOfRaw(raw),
    headers: headersOf(raw),
    content: raw.content,
  };
}

/** Retries and dead letters pass our direct exchange; strangers can't pretend that, whatever their headers say. */
export function topicOfRaw(raw: ConsumeMessage): string {
  const topic = innerHeader(raw, INNER.topic);
  return typeof topic === 'string' ? topic : raw.fields.routingKey;
}

/** A header of ours; undefined on what came by the exchange that everybody uses. */
export function innerHeader(raw: ConsumeMessage, name: (typeof INNER)[keyof typeof INNER]): unknown {
  return raw.fields.exchange === TOPIC_EXCHANGE ? undefined : raw.properties.headers?.[name];
}

function headersOf(raw: ConsumeMessage): Headers {
  const headers: Record<string, HeaderValue> = {};
  for (const [name, value] of Object.entries(raw.properties.headers ?? {})) {
    if (!INNER_NAMES.has(name) && !BROKERS_OWN.test(name)) headers[name] = jsonOf(value);
  }
  return headers;
}

/** What the driver makes of a field, as JSON: bytes as text (else base64), times as seconds, decimals as numbers. */
function jsonOf(value: unknown): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (Buffer.isBuffer(value)) return textOf(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (!isJsonObject(value)) return value === undefined ? null : String(value);
  if (value['!'] === 'timestamp') return Number(value['value']);
  if (value['!'] === 'decimal' && isJsonObject(value['value'])) {
    return Number(value['value']['digits']) / 10 ** Number(value['value']['places']);
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, jsonOf(member)]));
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes.toString('base64');
  }
}

/** A message's id, or one computed from what everybody sees alike: topic, content and the time of sending. */
export function idOf(raw: ConsumeMessage): string {
  const { messageId, timestamp, headers } = raw.properties as {
    messageId?: unknown;
    timestamp?: unknown;
    headers?: Record<string, unknown>;
  };
  if (typeof messageId === 'string' && messageId !== '') return messageId;
  const digest = createHash('sha256').update(raw.content).digest('hex');
  return derivedId('amqp', topicOfRaw(raw), digest, String(timestamp ?? ''), String(headers?.[HEADER.sentAt] ?? ''));
}

/**
 * When a message was stored, to the second: the time that we, or an interceptor of the broker, put on it; else when its
 * sender says that it was sent.
 */
export function storedAtOf(raw: ConsumeMessage): Date {
  const { timestamp, headers } = raw.properties as { timestamp?: unknown; headers?: Record<string, unknown> };
  if (typeof timestamp === 'number') return timeOr0(timestamp * 1_000);
  const interceptor = headers?.['timestamp_in_ms'];
  if (typeof interceptor === 'number') return timeOr0(interceptor);
  return timeOr0(Date.parse(String(headers?.[HEADER.sentAt])));
}

function timeOr0(ms: number): Date {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? new Date(0) : time;
}

/** The properties of a copy that goes to another queue of ours; throws nothing. `added` are headers of ours. */
export function copyProperties(raw: ConsumeMessage, added: Headers): Options.Publish {
  const { contentType, contentEncoding, priority, correlationId, replyTo, timestamp, type, appId } =
    raw.properties as Options.Publish;
  // The headers that a broker routes by have done it once, and an expiration or a user's name must not be repeated.
  const headers = Object.entries(rawOf(raw).headers).filter(([name]) => !ROUTING_HEADERS.some((one) => one === name));
  const kept = { contentType, contentEncoding, priority, correlationId, replyTo, timestamp, type, appId };
  return {
    ...Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined)),
    messageId: idOf(raw),
    deliveryMode: true,
    headers: tableOf({ ...Object.fromEntries(headers), [INNER.topic]: topicOfRaw(raw), ...added }),
  };
}
