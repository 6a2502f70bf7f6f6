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
    return faultOf(name, thrown);
  }
}
