import type { Git } from '../../git/index.js';
import { toError } from '../../kernel/service-error.js';
import type { Logger } from '../../observability/index.js';
import type { ChangedPaths } from '../ports.js';

/** Milliseconds that a decision may wait for git. The delivery is unacknowledged so long, so it must be short. */
const PATIENCE_MS = 20_000;

/** Asks the mirrors. What git can't tell, in time or at all, is null: the push is then built whole. */
export function gitPaths(git: Pick<Git, 'fetch'>, log: Logger): ChangedPaths {
  return {
    async between({ url, ref, before, after }, signal) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
      try {
        const fetched = await git.fetch({ url, ref }, patience);
        return await fetched.changedPaths(before, after);
      } catch (thrown) {
        log.warn({ repository: url, ref, err: toError(thrown) }, 'changed paths unknown, everything is built');
        return null;
      }
    },
  };
}
