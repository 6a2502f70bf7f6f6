/** Builds that were not begun because a parent had to come first, and when they are asked for again. */
import { lastTold } from '../../kernel/last-told.js';
import type { BuildRow } from '../../ledger/index.js';

/**
 * Milliseconds before the skip from which a parent's completion counts: it may have been told while the builder was
 * already saying that it was missing. What was complete long before and still not found won't be found now either.
 */
const SAME_MOMENT_MS = 60_000;

/** A message's place on the log, which decides, and its time, which may have jumped. */
export type Told = Pick<BuildRow['messages'][number], 'seq' | 'storedAt'>;

/** How a component of the build's target was completed last; null when it never was. */
export type CompletedAt = (component: string) => Told | null;

/** True when all that the build waits for is there, and at least one of it came since it was skipped. */
export function isDue(row: Pick<BuildRow, 'state' | 'skipped' | 'messages'>, completedAt: CompletedAt): boolean {
  if (row.state !== 'skipped' || row.skipped === null || row.skipped.waitingFor.length === 0) return false;
  const skip = lastTold(row, 'skipped');
  const ends = row.skipped.waitingFor.map(completedAt);
  return ends.every((end) => end !== null) && ends.some((end) => end !== null && (skip === null || came(end, skip)));
}

function came(end: Told, skip: Told): boolean {
  const before = Date.parse(skip.storedAt) - Date.parse(end.storedAt);
  return end.seq > skip.seq || Math.abs(before) <= SAME_MOMENT_MS;
}
