import type { FetchedRef } from '../git/index.js';
import { lastTold } from '../kernel/last-told.js';
import type { BuildFilter, BuildRow, Ledger } from '../ledger/index.js';
import { newer } from './decide/newer.js';

/** Rows looked at: builds of one component and target that far back can't be newer than one asked for now. */
const LOOK_BACK = 50;

interface Contestant {
  readonly id: string;
  readonly component: string;
  readonly target: string;
  readonly commit: string;
  readonly requestedSeq: number;
}

/**
 * Other official builds of the component and target that stand in for a commit, of these states where some are named;
 * newest request first.
 */
export function rivalsOf(
  ledger: Ledger,
  own: Pick<Contestant, 'id' | 'component' | 'target'>,
  of: Pick<BuildFilter, 'states'> = {},
): readonly BuildRow[] {
  return ledger
    .builds({ ...of, component: own.component, target: own.target, limit: LOOK_BACK })
    .filter((row) => row.id !== own.id && row.kind === 'official' && row.state !== 'canceled');
}

/**
 * True when `own` is the branch's head and nothing of its component and target was asked for later: no rival is newer then,
 * and none need be read.
 */
export function isNewest(ledger: Ledger, own: Contestant, { head }: Pick<FetchedRef, 'head'>): boolean {
  const { component, target } = own;
  return head === own.commit && ledger.builds({ component, target, limit: 1 })[0]?.id === own.id;
}

/**
 * The first of `rivals` that is newer than `own` (design, section 4, "Newer"); null when there is none. Asks the
 * mirror only where the commits differ and `own` is not the branch's head.
 */
export async function newerOf(
  own: Contestant,
  rivals: readonly BuildRow[],
  fetched: FetchedRef,
): Promise<BuildRow | null> {
  for (const rival of rivals) {
    const other = { commit: rival.source.commit, requestedSeq: rival.requestedSeq };
    if (other.commit !== own.commit && fetched.head === own.commit) continue;
    const verdict = newer(own, other, await ancestry(fetched, own.commit, other.commit));
    if (verdict === 'b') return rival;
  }
  return null;
}

/**
 * True when names of a component stand for an official build's image, by the log: no build of it that completed later has
 * been given one of them.
 */
export function hasNames(ledger: Ledger, own: BuildRow): boolean {
  const names = own.kind === 'official' ? (own.image?.references ?? []) : [];
  if (names.length === 0) return false;
  const completedAt = (row: BuildRow): number => lastTold(row, 'completed')?.seq ?? -1;
  const later = rivalsOf(ledger, own).filter((row) => completedAt(row) > completedAt(own));
  return !later.some(({ image }) => image?.references.some((name) => names.includes(name)) === true);
}

/**
 * The newest of `rivals` that are newer than `own`, whatever was asked for first; null when none is. Of one commit that
 * which was asked for last.
 */
export async function newestOf(
  own: Contestant,
  rivals: readonly BuildRow[],
  fetched: FetchedRef,
): Promise<BuildRow | null> {
  // Nothing is newer than the head.
  const head = own.commit === fetched.head ? undefined : rivals.find(({ source }) => source.commit === fetched.head);
  if (head !== undefined) return head;
  let newest: BuildRow | null = null;
  for (const rival of rivals) {
    const than: Contestant = newest === null ? own : { ...newest, commit: newest.source.commit };
    newest = (await newerOf(than, [rival], fetched)) ?? newest;
  }
  return newest;
}

/** As `newerOf` where git can't be asked: the build that was asked for later is newer. */
export function laterThan(own: Pick<Contestant, 'requestedSeq'>, rivals: readonly BuildRow[]): BuildRow | null {
  return rivals.find(({ requestedSeq }) => requestedSeq > own.requestedSeq) ?? null;
}

/** A commit that a fresh mirror does not have is not on the branch, and nothing there descends from it. */
async function ancestry(fetched: FetchedRef, a: string, b: string): Promise<Parameters<typeof newer>[2]> {
  if (a === b) return { aIsAncestorOfB: null, bIsAncestorOfA: null, aIsOnBranch: null, bIsOnBranch: null };
  const [hasA, hasB] = await Promise.all([fetched.has(a), fetched.has(b)]);
  const both = hasA && hasB;
  const [ab, ba, onA, onB] = await Promise.all([
    both ? fetched.isAncestor(a, b) : false,
    both ? fetched.isAncestor(b, a) : false,
    hasA ? fetched.isOnRef(a) : false,
    hasB ? fetched.isOnRef(b) : false,
  ]);
  return { aIsAncestorOfB: ab, bIsAncestorOfA: ba, aIsOnBranch: onA, bIsOnBranch: onB };
}
