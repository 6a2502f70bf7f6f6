/** Which of two builds of one component and target is newer (design, section 4, "Newer"). */

export interface Contender {
  readonly commit: string;
  /** Place of the build's first request on the log. */
  readonly requestedSeq: number;
}

/** What git says of two commits; null where it could not be found out, which is never taken for "no". */
export interface Ancestry {
  readonly aIsAncestorOfB: boolean | null;
  readonly bIsAncestorOfA: boolean | null;
  /** Reachable from the branch's head as the host shows it now. */
  readonly aIsOnBranch: boolean | null;
  readonly bIsOnBranch: boolean | null;
}

/** `neither`: unrelated commits, both on the branch or both off it. `unknown`: git could not say; ask again later. */
export type Newer = 'a' | 'b' | 'neither' | 'unknown';

/** Versions, releases and clocks never decide. Swapping the two swaps the answer. */
export function newer(a: Contender, b: Contender, facts: Ancestry): Newer {
  if (a.commit === b.commit) {
    if (a.requestedSeq === b.requestedSeq) return 'neither';
    return a.requestedSeq > b.requestedSeq ? 'a' : 'b';
  }
  if (facts.aIsAncestorOfB === true) return 'b';
  if (facts.bIsAncestorOfA === true) return 'a';
  if (facts.aIsAncestorOfB === null || facts.bIsAncestorOfA === null) return 'unknown';
  if (facts.aIsOnBranch === null || facts.bIsOnBranch === null) return 'unknown';
  if (facts.aIsOnBranch === facts.bIsOnBranch) return 'neither';
  return facts.aIsOnBranch ? 'a' : 'b';
}
