import { type Digest, digestOf } from '../../kernel/digest.js';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/json.js';
import { err, ok, type Result } from '../../kernel/result.js';

/** Members of an image config that say when and how, not what. `Hostname` and `Image` are the classic builder's. */
const NOT_CONTENT = new Set([
  'created',
  'history',
  'container',
  'container_config',
  'docker_version',
  'id',
  'parent',
  'moby.buildkit.buildinfo.v1',
  'moby.buildkit.cache.v0',
]);
const NOT_SETTINGS = new Set(['Hostname', 'Domainname', 'Image', 'Labels']);

/** Labels that change with each build though the image stays the same; all of `io.layerwright.` with them. */
const BUILD_LABELS = new Set([
  'release',
  'build-date',
  'vcs-ref',
  'org.opencontainers.image.created',
  'org.opencontainers.image.revision',
  'org.opencontainers.image.base.digest',
]);
const OUR_LABELS = 'io.layerwright.';

/**
 * An identity of what an image holds, times and build labels aside: the digest of its config (image-spec, config.md)
 * without `created`, `history` and the labels of one build, and with the digests of its unpacked layers. Two builds
 * whose every layer came out the same have one identity. Layers that differ in file times alone differ here too.
 */
export function contentIdentity(config: unknown): Result<Digest, string> {
  if (!isJsonObject(config)) return err('the image config is not an object');
  const rootfs = config['rootfs'];
  const layers = isJsonObject(rootfs) ? rootfs['diff_ids'] : undefined;
  if (!Array.isArray(layers) || !layers.every((layer) => typeof layer === 'string'))
    return err('the image config names no layers (rootfs.diff_ids)');
  const kept = without(config, NOT_CONTENT);
  const settings = kept['config'];
  const content = isJsonObject(settings) ? { ...kept, config: contentOfSettings(settings) } : kept;
  const text = canonical(content);
  return text === null ? err('the image config is nested too deep') : ok(digestOf(text));
}

function contentOfSettings(settings: JsonObject): JsonObject {
  const labels = settings['Labels'];
  const kept = isJsonObject(labels)
    ? Object.fromEntries(
        Object.entries(labels).filter(([name]) => !BUILD_LABELS.has(name) && !name.startsWith(OUR_LABELS)),
      )
    : {};
  return { ...present(without(settings, NOT_SETTINGS)), Labels: kept };
}

/** Null, false, empty text and empty lists say the same as an absent member; engines differ in which they write. */
function present(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter(
      ([, value]) => value !== null && value !== false && value !== '' && !(Array.isArray(value) && value.length === 0),
    ),
  );
}

function without(object: JsonObject, names: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.has(name)));
}

/**
 * JSON with sorted members, so that the order in which an engine writes them does not count. Null for what is nested
 * beyond all reason: JSON can be read to any depth, but not written.
 */
function canonical(value: Json): string | null {
  try {
    return JSON.stringify(value, (_key, member: unknown) =>
      isJsonObject(member) ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))) : member,
    );
  } catch (thrown) {
    if (thrown instanceof RangeError) return null;
    throw thrown;
  }
}
