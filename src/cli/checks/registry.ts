import { abilitiesOf } from '../../keeper/index.js';
import { ServiceError } from '../../kernel/service-error.js';
import type { Registry } from '../../registry/index.js';
import { type Finding, faultOf, warn, well } from './finding.js';

/** Any name does: what is asked to go is never there. */
const REPOSITORY = 'layerwright-doctor';

/** A registry answers and lets us in. */
export async function checkRegistry(registry: Registry): Promise<Finding> {
  const name = `registry ${registry.name}`;
  try {
    await registry.ping();
    const login = await registry.login();
    return well(name, `${registry.url}, ${login === null ? 'without a login' : `as ${login.username}`}`);
  } catch (thrown) {
    const denied = thrown instanceof ServiceError && thrown.code === 'registry_denied';
    return faultOf(
      name,
      thrown,
      denied
        ? `Check \`registries.${registry.name}.credentials\`, and the rights that they carry.`
        : `Start it, or correct \`registries.${registry.name}.url\` (now ${registry.url}).`,
    );
  }
}

/** Whether old tags can go. Builds work without: it is never a fault. */
export async function checkRetirement(registry: Registry): Promise<Finding> {
  const name = `old tags of ${registry.name}`;
  try {
    const { tags, manifests } = await abilitiesOf(registry, REPOSITORY);
    if (tags) return well(name, 'can be taken away one by one');
    if (manifests) return well(name, 'can be taken away with their image; those that share one with another tag stay');
    return warn(
      name,
      'the registry deletes nothing: they stay for ever',
      'Let it delete (for distribution: REGISTRY_STORAGE_DELETE_ENABLED=true) and collect garbage now and then.',
    );
  } catch (thrown) {
    if (!(thrown instanceof ServiceError) || thrown.code !== 'registry_denied') return faultOf(name, thrown);
    return warn(
      name,
      'we may not delete there: they stay for ever',
      `Give the credentials of \`registries.${registry.name}\` the right to delete, or retire tags by the registry’s own rules.`,
    );
  }
}
