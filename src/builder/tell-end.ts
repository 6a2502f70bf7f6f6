import { toError } from '../kernel/service-error.js';
import type { Build, Parent } from '../messages/index.js';
import { retry } from '../runtime/retry.js';
import type { Announcer } from './announce.js';
import { endingInHand } from './ending.js';
import type { Job } from './job.js';
import type { BuilderParts } from './parts.js';
import { TELLING } from './patience.js';
import type { SourceWaits } from './source-waits.js';

/** What is known of a build that did not come to its image. */
export interface Unfinished {
  readonly build: Build;
  readonly parents: readonly Parent[];
  /** What ended it. */
  readonly thrown: unknown;
}

/** Says what became of a build that did not come to its image; hands it back where it is to go on elsewhere. */
export async function tellEnd(
  { metrics }: Pick<BuilderParts, 'metrics'>,
  announcer: Announcer,
  sources: SourceWaits,
  job: Job,
  { build, parents, thrown }: Unfinished,
): Promise<void> {
  const { log, traceparent } = job;
  const ending = endingInHand(thrown, job, sources);
  metrics.buildEnded(ending.kind, ending.kind === 'failed' ? ending.failure.code : '');
  const told = (tell: () => Promise<void>): Promise<void> => retry(TELLING, tell);
  switch (ending.kind) {
    case 'leave':
      log.warn({ reason: ending.reason }, 'a build is left to others');
      return;
    case 'hand_back':
      log.info({}, 'a build is handed back');
      await told(() => announcer.handBack(job.build, traceparent, job.cascade));
      return;
    case 'waits':
      log.info({ waitingFor: ending.waitingFor }, 'a build waits for its parents');
      await told(() =>
        announcer.skipped(build, traceparent, { code: 'waiting_for', message: ending.message }, ending.waitingFor),
      );
      return;
    case 'canceled':
      log.info({}, 'build canceled');
      await told(() => announcer.canceled(build, traceparent, { code: 'requested', message: ending.message }, null));
      return;
    case 'failed': {
      const { failure: why } = ending;
      const detail = why.detail === '' && why.code !== 'internal' ? job.output.tail() : why.detail;
      log.info({ code: why.code, step: why.step, reason: why.message }, 'build failed');
      if (why.code === 'internal') log.error({ err: toError(thrown) }, 'a fault of ours ended a build');
      const facts = { parents, timings: job.watch.timings(), log: await job.finishLog(null) };
      if (await job.claim.verify()) await told(() => announcer.failed(build, traceparent, { ...why, detail }, facts));
    }
  }
}
