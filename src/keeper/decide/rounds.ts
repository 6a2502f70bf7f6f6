import { LEFTOVER_GRACE_MS } from './images.js';

/** Milliseconds over which the first rounds of processes that were started together are spread. */
const SPREAD_MS = 15_000;

/**
 * Milliseconds from a keeper's begin to its first round. Not sooner than leftovers have had their grace: what a process
 * left that was killed, and started again at once, goes in this round and not in the next. `share`: from 0 to 1, by chance.
 */
export function firstRoundMs(everyMs: number, share: number): number {
  return Math.min(everyMs, LEFTOVER_GRACE_MS + share * SPREAD_MS);
}

/**
 * Milliseconds from the end of a round to the next. One in which something failed that passes by itself is soon followed by
 * another, later each time that this fails too: `failed` counts them, in a row. `share` as above.
 */
export function nextRoundMs(everyMs: number, failed: number, share: number): number {
  if (failed === 0) return everyMs;
  return Math.min(everyMs, firstRoundMs(everyMs, share) * 2 ** (failed - 1));
}
