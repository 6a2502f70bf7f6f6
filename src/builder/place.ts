import type { Build } from '../messages/index.js';
import { repositoryOf } from './decide/naming.js';
import type { Place } from './job.js';
import type { BuilderParts } from './parts.js';
import type { BuilderSettings } from './settings.js';

/** Where a build's image goes; null when its target or the target's registry is not in the configuration. */
export function placeOf(settings: BuilderSettings, registries: BuilderParts['registries'], build: Build): Place | null {
  const target = settings.targets[build.target];
  const registry = target === undefined ? undefined : registries.get(target.candidate);
  if (target === undefined || registry === undefined) return null;
  const engineHost = settings.engineRegistryHosts[target.candidate] ?? registry.host;
  return { build, target, repository: repositoryOf(target, build.component), registry, engineHost };
}
