import { lastTold } from '../kernel/last-told.js';
import { requestOf } from '../rebuilds/index.js';
import { isDue } from './decide/waiting.js';
import type { WorkerParts } from './parts.js';

/** Builds that one look considers, the newest. */
const MAX_LOOKED_AT = 1_000;

/** Asks again for builds whose parents have come (design, section 6, step 6). Throws what bus and ledger throw. */
export async function askForWaiting(parts: WorkerParts, stop: AbortSignal): Promise<void> {
  const { bus, ledger, log } = parts;
  for (const row of ledger.builds({ states: ['skipped'], limit: MAX_LOOKED_AT })) {
    if (stop.aborted) return;
    const due = isDue(row, (component) => {
      const [latest] = ledger.builds({ component, target: row.target, states: ['completed'], limit: 1 });
      return latest === undefined ? null : lastTold(latest, 'completed');
    });
    if (!due) continue;
    log.info({ build: row.id, waitedFor: row.skipped?.waitingFor }, 'the parents of a build have come');
    await bus.publish(requestOf(row, row.attempt + 1, parts));
  }
}
