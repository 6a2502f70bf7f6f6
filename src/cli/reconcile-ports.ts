import type { Git } from '../git/index.js';
import type { Cause } from '../messages/index.js';
import type { Logger } from '../observability/index.js';
import type { ReconcilePorts } from '../planner/index.js';
import { buildOf, explainPush, findRepository, gitPaths } from '../trigger/index.js';
import type { RoomSettings } from './settings.js';

/** Of a build that the head of a branch asks for. The key is a push's, so that both are one build. */
const CAUSE: Cause = {
  type: 'reconcile',
  key: '',
  message: null,
  wave: null,
  agent: null,
  reason: 'The head of its branch, found by looking',
  parents: null,
};

/** What reconcile needs of the outside: of pushes it decides as the role does that takes them. */
export function reconcilePorts(
  { trigger, config }: Pick<RoomSettings, 'trigger'> & { readonly config: Pick<RoomSettings['config'], 'components'> },
  git: Pick<Git, 'lsRemote' | 'fetch'>,
  registries: ReconcilePorts['registries'],
  log: Logger,
): ReconcilePorts {
  const configured = config.components.flatMap(({ component, repository, retired }) => {
    const found = repository === null || retired ? null : findRepository(trigger, repository);
    return found?.ok === true ? [{ component, repository: found.value.repository.url }] : [];
  });
  return {
    git,
    registries,
    configured,
    changes: gitPaths(git, log),
    wantedOf: (head, push) => {
      const decision = explainPush(trigger, head, push);
      if (!decision.ok) return [];
      return decision.value.builds.map((each) => buildOf(each, { kind: 'official', release: null, cause: CAUSE }));
    },
  };
}
