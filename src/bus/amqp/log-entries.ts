import type { ConsumeMessage } from 'amqplib';
import { decode, type Headers } from '../../messages/index.js';
import type { LogEntry, LogName, LogPosition } from '../contract.js';
import type { logOf } from '../topology.js';
import type { Link } from './link.js';
import type { Names } from './names.js';
import { offsetOf } from './streams.js';
import { idOf, isOwnCopy, OWN_HEADER, rawOf, storedAtOf } from './wire.js';

/** What the logs of one open bus stand on. */
export interface LogSource {
  readonly link: Pick<Link, 'model'>;
  readonly names: Names;
  /** The bus, for people. */
  readonly place: string;
  readonly logOf: ReturnType<typeof logOf>;
  /** Puts a message into one queue or stream, past the exchanges that others bind to; resolves when it is stored. */
  readonly publish: (queue: string, headers: Headers, content: Buffer) => Promise<void>;
}

/** Puts a marker into a log; resolves when it is stored. Everything stored before the call is before it. */
export function putMarker(source: LogSource, log: LogName, id: string): Promise<void> {
  return source.publish(source.names.log(log), { [OWN_HEADER.marker]: id }, Buffer.alloc(0));
}

/** A marker's id; null for everything else. */
export function markerOf(raw: ConsumeMessage): string | null {
  const marker: unknown = isOwnCopy(raw) ? raw.properties.headers?.[OWN_HEADER.marker] : null;
  return typeof marker === 'string' ? marker : null;
}

/** Where a message of a log is; for markers and what is no entry too. */
export function placeOfRaw(raw: ConsumeMessage): LogPosition {
  return { at: String(offsetOf(raw)), id: markerOf(raw) ?? idOf(raw) };
}

/** A message of the stream as an entry; null when this log does not keep its topic, or when it is no message. */
export function entryOf(source: Pick<LogSource, 'logOf'>, log: LogName, raw: ConsumeMessage): LogEntry | null {
  const message = rawOf(raw);
  // Bindings are patterns: they take in more than a log keeps.
  if (log !== 'dead' && source.logOf(message.topic) !== log) return null;
  const decoded = decode(message, idOf(raw));
  if (!decoded.ok) return null;
  return { position: placeOfRaw(raw), storedAt: storedAtOf(raw), message: decoded.value };
}
