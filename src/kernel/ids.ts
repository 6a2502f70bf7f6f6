import { hash } from 'node:crypto';
import { parse, stringify } from 'uuid';

/** Root of all our computed ids; never change it, or every id changes. */
const NAMESPACE = parse('b8a3a1de-50a6-5bfb-9f6c-3f2b2f6f6c1e');

export type BuildKind = 'official' | 'isolated' | 'scratch';

export interface BuildIdentity {
  readonly component: string;
  readonly target: string;
  readonly commit: string;
  readonly kind: BuildKind;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** What makes this build another one than the push's own: empty for a push (design, section 4, "Identity"). */
  readonly causeKey: string;
}

/**
 * An id computed from parts (UUID version 5, RFC 9562, 5.5). No two lists of parts give the same text: each is prefixed by
 * its length. As bytes, since JSON may carry half of a surrogate pair, which is no text. Here and not by the library: its
 * hash is an object for each id, and these objects were a tenth of the time in which a ledger reads a long log.
 */
function nameBased(parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${part.length}:${part}`;
  const bytes = hash('sha1', Buffer.concat([NAMESPACE, Buffer.from(text)]), 'buffer');
  bytes[VERSION_AT] = ((bytes[VERSION_AT] ?? 0) & 0x0f) | 0x50;
  bytes[VARIANT_AT] = ((bytes[VARIANT_AT] ?? 0) & 0x3f) | 0x80;
  return stringify(bytes);
}

const [VERSION_AT, VARIANT_AT] = [6, 8] as const;

/** A build's id: the same inputs give the same id in every process, for ever. */
export function buildId(identity: BuildIdentity): string {
  const { component, target, commit, kind, causeKey, buildArgs } = identity;
  const parts = ['build', component, target, commit, kind, causeKey];
  for (const name of Object.keys(buildArgs).sort()) parts.push(name, buildArgs[name] ?? '');
  return nameBased(parts);
}

/** Id of a message about a build. `topic` is ours without the prefix (`container.build.started`). */
export function messageId(build: string, topic: string, attempt: number): string {
  return nameBased(['message', build, topic, String(attempt)]);
}

/** The one id of a build's end, whatever the end and the attempt: a build has one terminal message. */
export function endMessageId(build: string): string {
  return nameBased(['message', build, 'end']);
}

/** An id computed from any parts; for messages that are not about one build. */
export function derivedId(kind: string, ...parts: readonly string[]): string {
  return nameBased([kind, ...parts]);
}
