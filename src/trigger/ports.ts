/** What the trigger needs of the outside, in our own words; `adapters/` has what fulfils it. */
import type { PathsQuestion } from './decide/builds.js';

export interface ChangedPaths {
  /** Paths that differ between two commits of a repository of ours. Never throws. */
  between(question: PathsQuestion, signal: AbortSignal): Promise<PathsAnswer>;
}

export type PathsAnswer =
  | { readonly kind: 'known'; readonly paths: readonly string[] }
  /** Can't be told, now or later. */
  | { readonly kind: 'unknown' }
  /** The git host is away: asking again later may help. */
  | { readonly kind: 'away'; readonly reason: string };
