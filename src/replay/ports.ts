/** What a replay needs of the outside, in our own words. */
import type { BuildRow } from '../ledger/index.js';
import type { Build, Message } from '../messages/index.js';

/** A message of the past, and where it was found. */
export interface Found {
  readonly message: Message;
  /** Line of a dump, from 1; null elsewhere. */
  readonly line: number | null;
  /** When it was stored or sent; null where nobody says. */
  readonly at: Date | null;
}

/** Messages of the past in their order, in batches. Ends: what is stored later does not come. */
export type Source = AsyncIterable<readonly Found[]>;

/** What a source tells beside its messages. */
export interface SourceTold {
  /** A line of a dump or a row of an archive that is no message; `where` as `line 7`. */
  bad(where: string, reason: string): void;
  /** Something odd that loses nothing. */
  note(text: string): void;
}

/** What a message that tells of a push would lead to. */
export type Foreseen =
  | { readonly kind: 'no_push' }
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  | {
      readonly kind: 'decided';
      readonly builds: readonly Build[];
      readonly refused: readonly (Pick<Build, 'component' | 'target'> & {
        readonly commit: string;
        readonly code: string;
        readonly reason: string;
      })[];
      /** What makes the forecast unsure, in words; else null. */
      readonly unsure: string | null;
    };

/** The trigger's own decision. */
export interface Foresight {
  foresee(message: Message): Promise<Foreseen>;
}

/** Which of two commits of a branch is newer (design, section 4, "Newer"). Never throws. */
export interface Lineage {
  newer(duel: Duel): Promise<Verdict>;
}

export interface Duel {
  readonly source: Build['source'];
  readonly a: string;
  readonly b: string;
}

/** `unknown`: neither, or git can't be asked. */
export type Verdict = 'a' | 'b' | 'unknown';

/** What is asked of the ledger. */
export interface LedgerView {
  build(id: string): BuildRow | null;
  builds(filter: { readonly component: string; readonly target: string }): readonly BuildRow[];
}
