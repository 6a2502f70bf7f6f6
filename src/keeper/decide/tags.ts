/**
 * Which tags of a candidate registry are retired. Ours alone are looked at: the unique tag of a build, those of its
 * attempts and of their logs. Primary and floating tags are people's, and stay.
 */

export interface TagBuild {
  readonly ended: boolean;
  /** Milliseconds since 1970; null while it has not ended. */
  readonly endedAt: number | null;
  /** True for the newest builds of its component and target, as many as the policy keeps. */
  readonly amongNewest: boolean;
  /** Why its image must stay, whatever its age; null when nothing needs it. */
  readonly need: TagNeed | null;
}

/** `newest`: of its component and target the newest that completed. `parent`: such a one stands on it. */
export type TagNeed = 'newest' | 'parent';

export interface TagPolicy {
  /** Milliseconds after its build's end for which a tag stays. */
  readonly keepMs: number;
  readonly now: number;
}

export type TagVerdict =
  | { readonly tag: string; readonly goes: true; readonly what: 'image' | 'log'; readonly build: string }
  | { readonly tag: string; readonly goes: false; readonly reason: TagStays };

export type TagStays = 'not_ours' | 'unknown_build' | 'not_ended' | 'among_newest' | 'young' | TagNeed;

const OURS = /^(?:build|(log))-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.\d{1,9})?$/;

/** A tag goes when its build ended long ago, is not among the newest, and nothing needs its image. */
export function judgeTag(tag: string, buildOf: (id: string) => TagBuild | null, policy: TagPolicy): TagVerdict {
  const [, log, id] = OURS.exec(tag) ?? [];
  if (id === undefined) return { tag, goes: false, reason: 'not_ours' };
  const build = buildOf(id);
  if (build === null) return { tag, goes: false, reason: 'unknown_build' };
  if (!build.ended || build.endedAt === null) return { tag, goes: false, reason: 'not_ended' };
  if (build.need !== null) return { tag, goes: false, reason: build.need };
  if (build.amongNewest) return { tag, goes: false, reason: 'among_newest' };
  if (policy.now - build.endedAt <= policy.keepMs) return { tag, goes: false, reason: 'young' };
  return { tag, goes: true, what: log === undefined ? 'image' : 'log', build: id };
}

/** All tags of a repository that stand for one manifest. */
export interface Retirement {
  readonly digest: string;
  /** Those that go. */
  readonly tags: readonly string[];
  /** True when no other tag stands for the manifest: it may go as a whole. */
  readonly whole: boolean;
}

/** `digests`: of every tag of the repository, ours or not. A tag whose digest is not known is left alone. */
export function retirements(
  going: readonly string[],
  digests: ReadonlyMap<string, string>,
  needed: ReadonlySet<string>,
): readonly Retirement[] {
  const goes = new Set(going);
  const byDigest = new Map<string, { readonly tags: string[]; whole: boolean }>();
  for (const [tag, digest] of digests) {
    const known = byDigest.get(digest) ?? { tags: [], whole: true };
    if (goes.has(tag)) known.tags.push(tag);
    else known.whole = false;
    byDigest.set(digest, known);
  }
  return [...byDigest]
    .filter(([digest, { tags }]) => tags.length > 0 && !needed.has(digest))
    .map(([digest, { tags, whole }]) => ({ digest, tags, whole }));
}
