import { parse, v5 as uuidV5 } from 'uuid';

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
 * Joins parts so that no two lists give the same text: each part is prefixed by its length. As bytes, since JSON may carry
 * half of a surrogate pair, which is no text.
 */
function unambiguous(parts: readonly string[]): Uint8Array {
  return Buffer.from(parts.map((part) => `${part.length}:${part}`).join(''));
}

/** A build's id: the same inputs give the same id in every process, for ever. */
export function buildId(identity: BuildIdentity): string {
  const args = Object.entries(identity.buildArgs)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .flat();
  return uuidV5(
    unambiguous([
      'build',
      identity.component,
      identity.target,
      identity.commit,
      identity.kind,
      identity.causeKey,
      ...args,
    ]),
    NAMESPACE,
  );
}

/** Id of a message about a build. `topic` is ours without the prefix (`container.build.started`). */
export function messageId(build: string, topic: string, attempt: number): string {
  return uuidV5(unambiguous(['message', build, topic, String(attempt)]), NAMESPACE);
}

/** The one id of a build's end, whatever the end and the attempt: a build has one terminal message. */
export function endMessageId(build: string): string {
  return uuidV5(unambiguous(['message', build, 'end']), NAMESPACE);
}

/** An id computed from any parts; for messages that are not about one build. */
export function derivedId(kind: string, ...parts: readonly string[]): string {
  return uuidV5(unambiguous([kind, ...parts]), NAMESPACE);
}
