import { ServiceError } from '../../kernel/service-error.js';
import type { Registry } from '../../registry/index.js';
import { type Finding, faultOf, well } from './finding.js';

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
