import { digestOf } from '../kernel/digest.js';
import type { Registry } from '../registry/index.js';

/** What a registry can take away. */
export interface TagAbilities {
  /** A tag alone. Without it, only a manifest with all of its tags. */
  readonly tags: boolean;
  readonly manifests: boolean;
}

/** Names that nothing has: asking for their removal tells whether the registry removes at all, and removes nothing. */
const NO_TAG = 'layerwright-no-such-tag';
const NO_DIGEST = digestOf('layerwright: no such manifest');

/** Asks a registry what it can take away. Throws `registry_denied`, `registry_unavailable`. */
export async function abilitiesOf(registry: Registry, repository: string): Promise<TagAbilities> {
  const tags = await registry.deleteTag(repository, NO_TAG);
  return { tags, manifests: await registry.deleteManifest(repository, NO_DIGEST) };
}
