import type { JsonObject } from '../kernel/json.js';

/** A header's value. Strangers send tables and arrays; they are kept as they came. */
export type HeaderValue = JsonObject[string];
export type Headers = { readonly [name: string]: HeaderValue };

/**
 * A message as every room sees it, whatever bus it came over. Messages of others have ids and headers of any shape;
 * ours follow `docs/wire-format.md`.
 */
export interface Message<Body = JsonObject> {
  readonly id: string;
  readonly topic: string;
  readonly headers: Headers;
  readonly body: Body;
}

/** Names of the headers that fedora-messaging defines, and of the two that are ours. */
export const HEADER = {
  schema: 'fedora_messaging_schema',
  severity: 'fedora_messaging_severity',
  sentAt: 'sent-at',
  priority: 'priority',
  containerPrefix: 'fedora_messaging_container_',
  userPrefix: 'fedora_messaging_user_',
  traceparent: 'traceparent',
  /** On a copy that replay sent: the id of the replay. */
  replay: 'x-layerwright-replay',
} as const;

/** Severities as fedora-messaging numbers them. */
export const SEVERITY = { debug: 10, info: 20, warning: 30, error: 40 } as const;
export type Severity = keyof typeof SEVERITY;

/** `sent-at` as the field writes it: UTC with offset, no fraction. */
export function sentAt(time: Date): string {
  return `${time.toISOString().slice(0, 19)}+00:00`;
}
