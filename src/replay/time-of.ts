import { HEADER, type Message } from '../messages/index.js';

/** When a message was sent, by its header or, in old fedmsg envelopes, its body; null where it does not say. */
export function timeOf({ headers, body }: Message): Date | null {
  return readTime(headers[HEADER.sentAt]) ?? readTime(body['timestamp']);
}

/** An ISO time, or seconds since 1970; null for anything else. */
export function readTime(value: unknown): Date | null {
  if (typeof value === 'string') return valid(new Date(value));
  return typeof value === 'number' ? valid(new Date(value * 1_000)) : null;
}

function valid(time: Date): Date | null {
  return Number.isNaN(time.getTime()) ? null : time;
}
