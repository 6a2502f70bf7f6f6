import type { PushKind } from '../../kernel/git-topics.js';
import type { Result } from '../../kernel/result.js';

/** A *no* and its reason: a code to count by, a sentence for a person. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly reason: string;
}

export type RefusalCode =
  /** The message tells of no push. */
  | 'not_a_push'
  /** It should, but lacks what a push must have. */
  | 'push_invalid'
  /** No source rule takes the repository. */
  | 'stranger'
  | 'ref_invalid'
  /** A ref that is neither a branch nor a tag: a pull request's, notes. */
  | 'ref_other'
  | 'ref_deleted'
  /** The message names no full commit. */
  | 'commit_missing'
  /** No target has this ref. */
  | 'no_target'
  | 'target_closed'
  | 'branch_created_skip'
  | 'paths_unchanged'
  /** The repository's name can't be a component's. */
  | 'component_invalid';

/** A push as all messages tell it. What can't be used is an error value in its place, for the decision to explain. */
export interface Push {
  readonly kind: PushKind;
  /** The forge, lower case; null where the message names none. */
  readonly host: string | null;
  /** Null where the repository has none. A fork on Pagure has `forks/<user>` and then the namespace. */
  readonly namespace: string | null;
  readonly repo: string;
  /** True for a fork that has the name of its parent: only its namespace tells them apart. */
  readonly fork: boolean;
  /** Short name, `tags/…` for a tag. */
  readonly ref: Result<string, Refusal>;
  /** Full object name, lower case. An error `ref_deleted` where the ref is gone. */
  readonly commit: Result<string, Refusal>;
  /** What the ref was before; null where it is new or the message does not say. */
  readonly before: string | null;
  /** Null where the message does not say. */
  readonly created: boolean | null;
  /** Paths that changed, complete; null where the list is missing or may be cut. */
  readonly paths: readonly string[] | null;
  /** Who pushed. */
  readonly agent: string | null;
  /** What the message should have and has not, for logs. */
  readonly missing: readonly string[];
}
