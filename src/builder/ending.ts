import { type Failure, failure } from '../kernel/failure.js';
import { againMs } from '../kernel/patience.js';
import { isOwnPartAway, ServiceError } from '../kernel/service-error.js';
import { toFailure } from './decide/retry.js';
import { BuildFailed, BuildWaits, Interruption, type Job } from './job.js';
import type { SourceWaits } from './source-waits.js';

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

/** As `endingOf`, for a build in hand: one whose git host is away goes back to wait, while its patience lasts. */
export function endingInHand(
  thrown: unknown,
  job: Pick<Job, 'build' | 'log' | 'signal' | 'watch'>,
  sources: SourceWaits,
): Ending {
  const ending = endingOf(thrown, job.signal, job.watch.step);
  if (ending.kind !== 'failed' || job.signal.aborted || !(thrown instanceof ServiceError && thrown.away)) return ending;
  const waitedMs = sources.met(job.build, thrown.message, job.log);
  return againMs(waitedMs, sources.patienceMs) === null ? ending : { kind: 'hand_back' };
}
