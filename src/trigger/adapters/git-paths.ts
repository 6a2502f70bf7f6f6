import type { Git } from '../../git/index.js';
import { ServiceError, toError } from '../../kernel/service-error.js';
import type { Logger } from '../../observability/index.js';
import { withFirst } from '../../runtime/signals.js';
import type { ChangedPaths } from '../ports.js';

/** Milliseconds that a decision may wait for git. The delivery is unacknowledged so long, so it must be short. */
const PATIENCE_MS = 20_000;

/** Asks the mirrors. A host that is slow is not away: it may never be quicker. */
export function gitPaths(git: Pick<Git, 'fetch'>, log: Logger): ChangedPaths {
  return {
    async between({ url, ref, before, after }, signal) {
      try {
        const fetched = await withFirst([signal], PATIENCE_MS, (patience) => git.fetch({ url, ref }, patience));
        const paths = await fetched.changedPaths(before, after);
        return paths === null ? { kind: 'unknown' } : { kind: 'known', paths };
      } catch (thrown) {
        const error = toError(thrown);
        if (error instanceof ServiceError && error.away) return { kind: 'away', reason: error.message };
        log.warn({ repository: url, ref, err: error }, 'changed paths unknown, everything is built');
        return { kind: 'unknown' };
      }
    },
  };
}
