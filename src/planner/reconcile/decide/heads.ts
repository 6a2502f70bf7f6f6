/** What the head of a branch asks for, found by looking (design, sections 1.4 and 4): the same build as its push. */
import { isTagRef } from '../../../kernel/git-ref.js';
import type { Build, Source } from '../../../messages/index.js';

/** A ref of a repository as its host shows it now. */
export interface Head {
  /** Clone URL. */
  readonly repository: string;
  /** Short name, `tags/…` for a tag. */
  readonly ref: string;
  readonly commit: string;
}

/** What is known of the push that made a head what it is. */
export interface PushFacts {
  /** True when the ref is new. */
  readonly created: boolean;
  /** Paths that it changed; null: all counts as changed. */
  readonly changed: readonly string[] | null;
}

/** The builds that a push of a head leads to, by the rules of the role that takes pushes. */
export type WantedOf = (head: Head, push: PushFacts) => readonly Build[];

/** An official build on the log, as far as it matters here. */
export interface KnownBuild {
  readonly source: Pick<Source, 'branch' | 'commit'>;
}

/** What git says of the paths between two commits. */
export type Changed =
  | { readonly kind: 'known'; readonly paths: readonly string[] }
  /** Can't be told, now or later. */
  | { readonly kind: 'unknown' }
  /** The git host is away. */
  | { readonly kind: 'away'; readonly reason: string };

export interface HeadFacts {
  readonly head: Head;
  /** The build that a push of the head leads to when all counts as changed. */
  readonly build: Build;
  /** Official builds of its component and target, newest request first. */
  readonly known: readonly KnownBuild[];
  /** Between the branch's last commit that was asked for and the head; null while git was not asked. */
  readonly changed: Changed | null;
}

export type HeadDecision =
  /** `last`: the branch's last commit that was asked for; null when none was. */
  | { readonly kind: 'ask'; readonly last: string | null }
  /** Git is to be asked first for the paths between this commit and the head. */
  | { readonly kind: 'question'; readonly before: string }
  /** Git could not say: nothing is asked for now. */
  | { readonly kind: 'away'; readonly reason: string }
  | { readonly kind: 'settled'; readonly why: Settled };

export type Settled =
  /** A build of this commit is known, whatever became of it. */
  | 'known'
  /** What lies between does not touch the component. */
  | 'untouched'
  /** The branch is new, and its target builds new branches with their next commit. */
  | 'new_branch'
  /** A tag that no build is known of: one that was lost can't be told from one that is older than the service. */
  | 'tag';

/** Whoever decides it decides the same: nothing but the log, git and the configuration has a say. */
export function decideHead({ head, build, known, changed }: HeadFacts, wantedOf: WantedOf): HeadDecision {
  if (known.some(({ source }) => source.commit === head.commit)) return settled('known');
  const wants = (push: PushFacts): boolean => wantedOf(head, push).some(({ id }) => id === build.id);
  const last = known.find(({ source }) => source.branch === head.ref)?.source.commit ?? null;
  if (last === null) {
    if (isTagRef(head.ref)) return settled('tag');
    return wants({ created: true, changed: null }) ? { kind: 'ask', last } : settled('new_branch');
  }
  // What is made of the whole repository is touched by whatever it was.
  if (wants({ created: false, changed: [] })) return { kind: 'ask', last };
  if (changed === null) return { kind: 'question', before: last };
  if (changed.kind === 'away') return changed;
  const paths = changed.kind === 'known' ? changed.paths : null;
  return wants({ created: false, changed: paths }) ? { kind: 'ask', last } : settled('untouched');
}

function settled(why: Settled): HeadDecision {
  return { kind: 'settled', why };
}
