import type { Cause, Parent } from '../../messages/index.js';

/** What takes a build's place. */
export type Successor =
  /** A newer commit. */
  | { readonly kind: 'commit'; readonly id: string; readonly commit: string }
  /** A newer build that stands on a rebuild's parents already; `name` is its NVR. */
  | { readonly kind: 'parents'; readonly id: string; readonly name: string };

/** Whether a build stands on all that a rebuild was to stand on. Nothing pinned: no. */
export function standsOn(
  parents: readonly Pick<Parent, 'resolved' | 'digest'>[],
  pins: NonNullable<Cause['parents']>,
): boolean {
  return (
    pins.length > 0 &&
    pins.every(({ name, digest }) => parents.some((parent) => parent.resolved === name && parent.digest === digest))
  );
}

/** Why a build is called off, as one sentence. */
export function sentenceOf(successor: Successor): string {
  return successor.kind === 'commit'
    ? `A newer commit, ${successor.commit.slice(0, 7)}, is built in its place.`
    : `A newer build, ${successor.name}, stands on the same parents already.`;
}
