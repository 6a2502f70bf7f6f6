import pRetry, { AbortError } from 'p-retry';
import { ServiceError, toError } from '../kernel/service-error.js';
import { pause } from './clock.js';

export interface RetryPolicy {
  /** Tries after the first. */
  readonly retries: number;
  /** Milliseconds before the second try; doubles each time, up to `maxDelayMs`. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** The longest rest that the other side may ask for before the next try; milliseconds. Default `maxDelayMs`. */
  readonly maxRestMs?: number;
}

/**
 * Runs `work` until it succeeds; only a `ServiceError` that says it is transient is tried again, after the rest that it
 * asks for.
 */
export async function retry<T>(
  policy: RetryPolicy,
  work: (attempt: number) => Promise<T>,
  options: { readonly signal?: AbortSignal; readonly onRetry?: (error: Error, attempt: number) => void } = {},
): Promise<T> {
  return pRetry(
    async (attempt) => {
      try {
        return await work(attempt);
      } catch (thrown) {
        const error = toError(thrown);
        throw error instanceof ServiceError && error.transient ? error : new AbortError(error);
      }
    },
    {
      retries: policy.retries,
      minTimeout: policy.minDelayMs,
      maxTimeout: policy.maxDelayMs,
      factor: 2,
      randomize: true,
      ...(options.signal ? { signal: options.signal } : {}),
      onFailedAttempt: async ({ error, attemptNumber, retriesLeft }) => {
        if (retriesLeft === 0) return;
        options.onRetry?.(error, attemptNumber);
        const restMs = error instanceof ServiceError ? error.restMs : 0;
        if (restMs > 0) await pause(Math.min(restMs, policy.maxRestMs ?? policy.maxDelayMs), options.signal);
      },
    },
  );
}
