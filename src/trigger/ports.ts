/** What the trigger needs of the outside, in our own words; `adapters/` has what fulfils it. */
import type { PathsQuestion } from './decide/builds.js';

export interface ChangedPaths {
  /** Paths that differ between two commits of a repository of ours; null when that can't be told. Never throws. */
  between(question: PathsQuestion, signal: AbortSignal): Promise<readonly string[] | null>;
}
