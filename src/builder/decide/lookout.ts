/** What is looked at before each step that must not be wrong: claim, catch up, then look (design, section 6). */
import type { BuildRow } from '../../ledger/index.js';
import { type Successor, sentenceOf } from './supersede.js';

/** Milliseconds until a request whose build another process holds is looked at again. */
export const CLAIM_TAKEN_RETRY_MS = 5_000;

/** The part of a row that decides. */
export type LookedAt = Pick<BuildRow, 'state' | 'ended' | 'attempt' | 'startedAttempt' | 'cancel'>;

export interface StartFacts {
  readonly attempt: number;
  /** True when this process holds the build's claim. */
  readonly claimed: boolean;
  /** The build's row after catching up; null when the ledger does not know it. */
  readonly row: LookedAt | null;
  /** The build of the same component and target that takes its place; null when there is none. */
  readonly successor: Successor | null;
  /** True when the build's commit is the branch's head as the host shows it now. */
  readonly isHead: boolean;
  /** True when names of its component stand for its image, by the log. */
  readonly hasNames: boolean;
  /** True when an earlier attempt has tagged its image: it can't be called off any more. */
  readonly tagged: boolean;
}

export type StartDecision =
  | { readonly kind: 'run' }
  /** The build has ended well and its commit is the head, or names are its: put the tags right, publish nothing. */
  | { readonly kind: 'tags_only' }
  | { readonly kind: 'ack'; readonly reason: 'ended' | 'begun' | 'superseded' }
  | { readonly kind: 'retry'; readonly afterMs: number }
  | Canceled;

export type Canceled =
  | { readonly kind: 'canceled'; readonly code: 'requested'; readonly message: string; readonly successor: null }
  | { readonly kind: 'canceled'; readonly code: 'superseded'; readonly message: string; readonly successor: string };

/** Steps 1 and 2. `begun`: this attempt's `started` is on the log, so the sweeper answers for it, not this delivery. */
export function beforeStart({ attempt, claimed, row, successor, isHead, hasNames, tagged }: StartFacts): StartDecision {
  const begun = row !== null && (row.ended || row.startedAttempt >= attempt);
  if (!claimed) return begun ? ack(row.ended ? 'ended' : 'begun') : { kind: 'retry', afterMs: CLAIM_TAKEN_RETRY_MS };
  if (row?.ended === true)
    return row.state === 'completed' && (isHead || hasNames) ? { kind: 'tags_only' } : ack('ended');
  if (begun) return ack('begun');
  if (tagged) return { kind: 'run' };
  if (row !== null && row.cancel !== null) return canceledByRequest(row.cancel);
  if (row !== null && row.state === 'canceled' && row.attempt >= attempt) return ack('superseded');
  if (successor !== null)
    return { kind: 'canceled', code: 'superseded', message: sentenceOf(successor), successor: successor.id };
  return { kind: 'run' };
}

export interface TagFacts {
  readonly mode: 'build' | 'tags_only';
  readonly kind: BuildRow['kind'];
  readonly row: LookedAt | null;
  /** A newer build of the same component and target that has *completed*; null when there is none. */
  readonly newerCompleted: { readonly id: string } | null;
  /** What `verify()` of the build's claim says. */
  readonly holdsClaim: boolean;
  /** True when the primary tag stands for the image already. */
  readonly tagged: boolean;
}

export type TagDecision =
  /** `floating: false`: a newer build has them, or the kind has none. Neither: the unique tag is all. */
  | { readonly kind: 'tag'; readonly primary: boolean; readonly floating: boolean }
  /** The claim is lost or the build has ended elsewhere: touch nothing more, publish nothing. */
  | Abandon
  | Canceled;

export interface Abandon {
  readonly kind: 'abandon';
  readonly reason: 'claim_lost' | 'ended';
}

/**
 * Step 9. A newer build that is only asked for does not stop this one: it may fail, and then the floating tags stand
 * here. A cancel is heeded until here; once a tag is moved, in an earlier attempt too, it comes too late.
 */
export function beforeTags({ mode, kind, row, newerCompleted, holdsClaim, tagged }: TagFacts): TagDecision {
  if (!holdsClaim) return { kind: 'abandon', reason: 'claim_lost' };
  const endedOtherwise = row?.ended === true && (mode === 'build' || row.state !== 'completed');
  if (endedOtherwise) return { kind: 'abandon', reason: 'ended' };
  if (mode === 'build' && !tagged && row !== null && row.cancel !== null) return canceledByRequest(row.cancel);
  switch (kind) {
    case 'scratch':
      return { kind: 'tag', primary: false, floating: false };
    case 'isolated':
      return { kind: 'tag', primary: true, floating: false };
    case 'official':
      return { kind: 'tag', primary: true, floating: newerCompleted === null };
  }
}

export interface CompletedFacts {
  readonly row: LookedAt | null;
  readonly holdsClaim: boolean;
}

export type CompletedDecision = { readonly kind: 'publish' } | Abandon;

/** Step 10: `completed` is published once, by the holder of an unbroken claim, and never after another end. */
export function beforeCompleted({ row, holdsClaim }: CompletedFacts): CompletedDecision {
  if (!holdsClaim) return { kind: 'abandon', reason: 'claim_lost' };
  return row?.ended === true ? { kind: 'abandon', reason: 'ended' } : { kind: 'publish' };
}

function ack(reason: 'ended' | 'begun' | 'superseded'): StartDecision {
  return { kind: 'ack', reason };
}

/** What a `build.canceled` says when somebody asked for it. */
export function canceledByRequest(cancel: NonNullable<LookedAt['cancel']>): Canceled {
  const who = cancel.agent === null ? '' : ` by ${cancel.agent}`;
  const why = cancel.reason === null || cancel.reason === '' ? '' : `: ${cancel.reason}`;
  return { kind: 'canceled', code: 'requested', message: `Called off${who}${why}.`, successor: null };
}
