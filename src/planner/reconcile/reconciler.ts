import { toError } from '../../kernel/service-error.js';
import type { Logger } from '../../observability/index.js';
import type { Graph } from '../../rebuilds/index.js';
import { pause } from '../../runtime/clock.js';
import type { Finding } from './findings.js';
import { noMemory, type PassParts } from './parts.js';
import { reconcile } from './pass.js';
import { ALL } from './scope.js';

/** Milliseconds until a pass that failed is tried again, when the next one is not due sooner. */
const AGAIN_MS = 60_000;
/** How far from the interval the pause between two passes may be, so that several services do not ask a host together. */
const JITTER = 0.1;
/** Timers take no more; milliseconds. */
const MAX_PAUSE_MS = 2_000_000_000;

/** Looks at once and every so often, until `stop` ends. Never throws: what fails is told of and tried again. */
export async function keepReconciling(
  parts: PassParts & { readonly log: Logger },
  everyMs: number,
  graph: () => Graph,
  stop: AbortSignal,
): Promise<void> {
  const { log } = parts;
  const memory = noMemory();
  const onFinding = (finding: Finding): void => tell(log, finding);
  while (!stop.aborted) {
    let nextMs = everyMs * (1 + JITTER * (2 * Math.random() - 1));
    try {
      const tally = await reconcile(parts, { scope: ALL, dryRun: false, memory, signal: stop, graph, onFinding });
      if (!stop.aborted) log.info({ ...tally }, 'reconciled: what no message had told');
    } catch (thrown) {
      nextMs = Math.min(nextMs, AGAIN_MS);
      if (!stop.aborted) log.warn({ err: toError(thrown) }, 'could not reconcile, trying again');
    }
    await pause(Math.min(nextMs, MAX_PAUSE_MS), stop);
  }
}

function tell(log: Logger, { kind, ...finding }: Finding): void {
  switch (kind) {
    case 'head':
      log.info(finding, 'a head whose push nobody heard');
      return;
    case 'names':
      log.info(finding, 'names that stand for another image');
      return;
    case 'gone':
      log.warn(finding, 'an image is gone from its registry; a build of its component makes another');
      return;
    case 'fault':
      log.warn(finding, 'a place could not be looked at');
  }
}
