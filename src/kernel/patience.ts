/** Milliseconds between two questions to who is away: soon after a moment's fault, seldom in a long one. */
const AGAIN_MS = { least: 1_000, most: 15_000 } as const;

/** Whole milliseconds until who has waited so long asks again; null when that was long enough. */
export function againMs(waitedMs: number, patienceMs: number): number | null {
  if (waitedMs >= patienceMs) return null;
  return Math.min(AGAIN_MS.most, Math.max(AGAIN_MS.least, Math.ceil(waitedMs / 2)));
}
