import { type Failure, failure } from '../kernel/failure.js';
import { isOwnPartAway } from '../kernel/service-error.js';
import { toFailure } from './decide/retry.js';
import { BuildFailed, BuildWaits, Interruption } from './job.js';

/** What becomes of a build that did not come to its image. */
export type Ending =
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'canceled'; readonly message: string }
  | { readonly kind: 'waits'; readonly message: string; readonly waitingFor: readonly string[] }
  /** For another process to take up at once. */
  | { readonly kind: 'hand_back' }
  /** Nothing is ours to say: another process has the build, or the bus is away and the sweeper will find it. */
  | { readonly kind: 'leave'; readonly reason: string };

/** Classifies what a step threw. The reason of the build's signal stands above whatever the abort made the step throw. */
export function endingOf(thrown: unknown, signal: AbortSignal, step: string): Ending {
  const cause: unknown = signal.aborted ? signal.reason : thrown;
  if (cause instanceof Interruption) {
    switch (cause.kind) {
      case 'canceled':
        return { kind: 'canceled', message: cause.message };
      case 'shutdown':
        return { kind: 'hand_back' };
      case 'timeout':
        return { kind: 'failed', failure: failure('build_timeout', step, cause.message) };
      case 'claim_lost':
        return { kind: 'leave', reason: cause.message };
    }
  }
  if (cause instanceof BuildFailed) return { kind: 'failed', failure: cause.failure };
  if (cause instanceof BuildWaits) return { kind: 'waits', message: cause.message, waitingFor: cause.waitingFor };
  if (isOwnPartAway(cause)) return { kind: 'leave', reason: 'the bus or the ledger is away' };
  return { kind: 'failed', failure: toFailure(cause, step) };
}
