import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { isJsonObject, type JsonObject } from '../kernel/json.js';
import { LIMITS } from '../kernel/limits.js';
import { err, ok, type Result } from '../kernel/result.js';
import { ServiceError } from '../kernel/service-error.js';
import { CATALOG, type MessageName, nameOfTopic, topicOf } from './catalog.js';
import { HEADER, type Headers, type HeaderValue, type Message, SEVERITY, sentAt } from './envelope.js';
import type { MessageBodies } from './generated/bodies.js';
import { SCHEMAS } from './generated/schemas.js';
import { MAX_LENGTH } from './max-length.js';

/** A message as a broker hands it over, before anyone has looked inside. */
export interface RawMessage {
  readonly id: string | null;
  readonly topic: string;
  readonly headers: Headers;
  readonly content: Uint8Array;
}

/** Why bytes are no message; the dead letter's code and reason. */
export interface Undecodable {
  readonly code:
    | 'message_too_large'
    | 'message_too_deep'
    | 'message_not_utf8'
    | 'message_not_json'
    | 'message_not_object';
  readonly reason: string;
}

/** Levels of objects and arrays in a body. Real messages have some ten; a hundred thousand end whoever walks them. */
const MAX_DEPTH = 100;

/** Whether a JSON text nests deeper than any message of good will. Looks at brackets outside strings alone. */
export function nestsTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (inString) {
      if (char === BACKSLASH) at += 1;
      else if (char === QUOTE) inString = false;
    } else if (char === QUOTE) inString = true;
    else if (char === OPEN_BRACKET || char === OPEN_BRACE) {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (char === CLOSE_BRACKET || char === CLOSE_BRACE) depth -= 1;
  }
  return false;
}

const [QUOTE, BACKSLASH, OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/** Reads a message's bytes. An absent id is replaced by `fallbackId`. */
export function decode(raw: RawMessage, fallbackId: string): Result<Message, Undecodable> {
  if (raw.content.byteLength > LIMITS.messageBytes) {
    return err({
      code: 'message_too_large',
      reason: `the body has ${raw.content.byteLength} bytes, more than ${LIMITS.messageBytes}`,
    });
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(raw.content);
  } catch {
    return err({ code: 'message_not_utf8', reason: 'the body is not UTF-8' });
  }
  if (nestsTooDeep(text)) {
    return err({ code: 'message_too_deep', reason: `the body is nested deeper than ${MAX_DEPTH} levels` });
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    return err({
      code: 'message_not_json',
      reason: `the body is not JSON: ${cause instanceof Error ? cause.message.slice(0, 200) : ''}`,
    });
  }
  if (!isJsonObject(body)) return err({ code: 'message_not_object', reason: 'the body is JSON, but not an object' });
  return ok({ id: raw.id ?? fallbackId, topic: raw.topic, headers: raw.headers, body });
}

/** A message's body as bytes. Throws `message_too_large`. */
export function encode(message: Message): Buffer {
  const content = Buffer.from(JSON.stringify(message.body), 'utf8');
  if (content.byteLength > LIMITS.messageBytes) {
    throw new ServiceError(
      'message_too_large',
      `a message to ${message.topic} has ${content.byteLength} bytes, more than ${LIMITS.messageBytes}`,
    );
  }
  return content;
}

/** Longest name of a header, in bytes (AMQP 0-9-1, 4.2.5.3: a short string). */
const MAX_HEADER_NAME = 255;

/** What `compose` needs beside the body. */
export interface Composed<Name extends MessageName> {
  readonly prefix: string;
  readonly name: Name;
  readonly id: string;
  readonly body: MessageBodies[Name];
  readonly now: Date;
  /** Components the message is about; consumers of fedora-messaging filter by them. */
  readonly containers?: readonly string[];
  readonly users?: readonly string[];
  readonly traceparent?: string | null;
}

/** Makes a message of ours, headers included. Throws `message_invalid` when the body does not fit its schema. */
export function compose<Name extends MessageName>(parts: Composed<Name>): Message {
  const body = parts.body as unknown as JsonObject;
  const fault = faultOf(parts.name, body);
  if (fault !== null) throw new ServiceError('message_invalid', `a ${parts.name} of ours is invalid: ${fault}`);
  const headers: Record<string, HeaderValue> = {
    [HEADER.schema]: parts.name,
    [HEADER.severity]: SEVERITY[CATALOG[parts.name].severity],
    [HEADER.sentAt]: sentAt(parts.now),
    [HEADER.priority]: 0,
  };
  const flags = [
    ...(parts.containers ?? []).map((name) => HEADER.containerPrefix + name),
    ...(parts.users ?? []).map((name) => HEADER.userPrefix + name),
  ];
  // A name that is too long for AMQP would close the channel; it is only there to filter by.
  for (const flag of flags) if (Buffer.byteLength(flag, 'utf8') <= MAX_HEADER_NAME) headers[flag] = true;
  if (parts.traceparent) headers[HEADER.traceparent] = parts.traceparent;
  return { id: parts.id, topic: topicOf(parts.prefix, parts.name), headers, body };
}

/** A message of ours, read strictly. */
export type Ours = { [Name in MessageName]: { readonly name: Name; readonly body: MessageBodies[Name] } }[MessageName];

/** Reads a message of ours strictly: null when the topic is not ours, an error when the body does not fit its schema. */
export function parseOurs(prefix: string, message: Message): Result<Ours, string> | null {
  const name = nameOfTopic(prefix, message.topic);
  if (name === null) return null;
  const fault = faultOf(name, message.body);
  return fault === null ? ok({ name, body: message.body } as unknown as Ours) : err(fault);
}

let validators: Map<string, ValidateFunction> | null = null;

/** Compiled on first use, so that importing costs nothing. */
function validator(name: MessageName): ValidateFunction {
  if (validators === null) {
    const ajv = new Ajv2020({ allErrors: false, strict: true, allowUnionTypes: true });
    ajv.removeKeyword('maxLength').addKeyword(MAX_LENGTH).addSchema(Object.values(SCHEMAS));
    validators = new Map();
    for (const [key, schema] of Object.entries(SCHEMAS)) {
      const compiled = ajv.getSchema(String(schema['$id']));
      if (compiled) validators.set(key, compiled);
    }
  }
  const found = validators.get(name);
  if (found === undefined) throw new Error(`no schema for ${name}`);
  return found;
}

function faultOf(name: MessageName, body: JsonObject): string | null {
  const validate = validator(name);
  return validate(body) ? null : sentence(validate.errors?.[0]);
}

function sentence(error: ErrorObject | undefined): string {
  if (error === undefined) return 'invalid';
  return `${error.instancePath === '' ? 'the body' : error.instancePath} ${error.message ?? 'is invalid'}`;
}
