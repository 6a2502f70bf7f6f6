import { derivedId } from '../kernel/ids.js';
import { HEADER, type Message } from '../messages/index.js';

const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The trace that a push belongs to: its own, or a new one (W3C Trace Context). A new one is computed from the message's
 * id, so that two processes that handle one push publish the same message.
 */
export function traceOf(message: Message): string {
  const carried = message.headers[HEADER.traceparent];
  if (typeof carried === 'string' && TRACEPARENT.test(carried)) return carried;
  const hex = (kind: string): string => derivedId(kind, message.id).replaceAll('-', '');
  return `00-${hex('trace')}-${hex('span').slice(0, 16)}-01`;
}
