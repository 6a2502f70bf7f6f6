/** Counted retries before a message is dead-lettered, where a consumer does not say. */
export const DEFAULT_MAX_RETRIES = 5;

/** Milliseconds before a delivery comes again, by the number of retries before it; the last one holds from then on. */
export const RETRY_LADDER_MS = [1_000, 5_000, 15_000, 60_000, 300_000] as const;

/** Milliseconds before the next delivery of a message that was retried `count` times before. */
export function backoff(count: number): number {
  const last = RETRY_LADDER_MS[RETRY_LADDER_MS.length - 1] ?? 0;
  return RETRY_LADDER_MS[Math.max(0, count)] ?? last;
}
