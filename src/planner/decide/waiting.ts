/** Builds that were not begun because a parent had to come first, and when they are asked for again. */
import type { BuildRow } from '../../ledger/index.js';

/**
 * Milliseconds before the skip from which a parent's completion counts: it may have been told while the builder was
 * already saying that it was missing. What was complete long before and still not found won't be found now either.
 */
const SAME_MOMENT_MS = 60_000;

/** When a component of the build's target was completed last; ISO, null when it never was. */
export type CompletedAt = (component: string) => string | null;

/** True when all that the build waits for is there, and at least one of it came since it was skipped. */
export function isDue(row: Pick<BuildRow, 'state' | 'skipped' | 'messages'>, completedAt: CompletedAt): boolean {
  if (row.state !== 'skipped' || row.skipped === null || row.skipped.waitingFor.length === 0) return false;
  const times = row.skipped.waitingFor.map(completedAt);
  if (times.includes(null)) return false;
  const newest = Math.max(...times.map((time) => Date.parse(time ?? '')));
  return newest >= skippedAt(row) - SAME_MOMENT_MS;
}

function skippedAt({ messages }: Pick<BuildRow, 'messages'>): number {
  const times = messages
    .filter(({ topic }) => topic.endsWith('.build.skipped'))
    .map(({ storedAt }) => Date.parse(storedAt));
  return Math.max(0, ...times);
}
