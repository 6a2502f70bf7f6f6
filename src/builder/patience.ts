import { ServiceError, toError } from '../kernel/service-error.js';
import type { Logger } from '../observability/index.js';
import { type Clock, pause } from '../runtime/clock.js';
import type { RetryPolicy } from '../runtime/retry.js';
import type { DependencyWatch } from './dependencies.js';

/** Milliseconds before the second try of a step; doubles with each, up to the most. */
const FIRST_PAUSE_MS = 1_000;
const MOST_PAUSE_MS = 15_000;
/** Longest that a step rests, in milliseconds, because who can't answer now asked for it. */
const MOST_REST_MS = 60_000;
/** Milliseconds for which a step waits in hand, with its slot, for a git host that is away; one try may take longer. */
const AWAY_IN_HAND_MS = 30_000;

/** How long the bus is tried when a build ends: its end is told, the log is asked for it; then the sweeper finds it. */
export const TELLING: RetryPolicy = { retries: 8, minDelayMs: 200, maxDelayMs: 10_000 };

export interface Patience {
  readonly dependencies: DependencyWatch;
  /** Asked after each try. */
  readonly maxTries: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * Runs a step of a build until it succeeds or fails for good. A passing fault is tried again `maxTries` times; a wait
 * for a dependency that is away is not a try: it lasts until the dependency is back or the signal ends. Of a git host
 * that is away little is waited for here: the build has a better place to wait (`begin.ts`).
 */
export async function patiently<T>(patience: Patience, step: string, work: () => Promise<T>): Promise<T> {
  const { dependencies, clock, signal, log } = patience;
  const began = clock.monotonic();
  for (let tries = 1; ; ) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (thrown) {
      signal.throwIfAborted();
      const error = toError(thrown);
      if (!(error instanceof ServiceError && error.transient)) throw error;
      await dependencies.suspect();
      const away = dependencies.states().find((state) => !state.ok);
      log.warn(
        { step, code: error.code, reason: error.message, away: away?.name ?? null },
        'a step failed, trying again',
      );
      if (away !== undefined) {
        await dependencies.ready(signal);
        continue;
      }
      if (tries >= patience.maxTries || (error.away && clock.monotonic() - began > AWAY_IN_HAND_MS)) throw error;
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), MOST_PAUSE_MS);
      await pause(Math.max(pauseMs, Math.min(error.restMs, MOST_REST_MS)), signal);
      tries += 1;
    }
  }
}
