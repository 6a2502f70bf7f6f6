import type { Stream } from '../../ledger/index.js';

/** What became of a finding. `waits`: it was asked for a short time ago. */
export type Action = 'asked' | 'would_ask' | 'waits';

/** Something that is not as it should be. */
export type Finding =
  /** A head whose push nobody heard. */
  | (Stream & {
      readonly kind: 'head';
      readonly action: Action;
      readonly build: string;
      readonly repository: string;
      readonly ref: string;
      readonly commit: string;
      /** The branch's last commit that was asked for; null when none was. */
      readonly last: string | null;
    })
  /** Names that stand for another image, or for none. */
  | (Stream & {
      readonly kind: 'names';
      readonly action: Action;
      readonly build: string;
      readonly nvr: string | null;
      readonly digest: string;
      readonly wrong: readonly { readonly reference: string; readonly digest: string | null }[];
    })
  /** An image that its registry has no more; nothing is asked for. */
  | (Stream & { readonly kind: 'gone'; readonly build: string; readonly nvr: string | null; readonly digest: string })
  /** A place that could not be looked at. */
  | {
      readonly kind: 'fault';
      /** A git host, a repository's URL, or the name of a registry. */
      readonly place: string;
      readonly code: string;
      readonly reason: string;
      /** Repositories or images that were not looked at for it. */
      readonly missed: number;
    };

/** What a pass has looked at and found. */
export interface Tally {
  readonly repositories: number;
  readonly heads: number;
  readonly names: number;
  /** Builds of heads that were asked for, or would be. */
  readonly missed: number;
  /** Images with names that were put right, or would be. */
  readonly moved: number;
  readonly gone: number;
  /** Components that are out of date; waves see to them. */
  readonly stale: number;
  /** Builds that nobody works on, and that nobody has begun; the sweeper sees to them. */
  readonly unfinished: number;
  readonly unbegun: number;
  readonly faults: number;
}
