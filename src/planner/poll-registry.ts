/** What a registry says of images that no build of ours makes. */
import { isDigest } from '../kernel/digest.js';
import { parseImageRef } from '../kernel/image-ref.js';
import { isJsonObject, type Json } from '../kernel/json.js';
import type { Outside } from '../rebuilds/index.js';
import { MEDIA_TYPE, type Registry } from '../registry/index.js';

/** The part of a registry that is asked. */
export type PolledRegistry = Pick<Registry, 'name' | 'host' | 'head' | 'getManifest'>;

/** Where a name is asked for. */
export interface PollPlace {
  readonly registry: PolledRegistry;
  readonly repository: string;
  readonly tag: string;
}

/** Where a name is asked for; a sentence that says why nowhere. Hosts are compared as the builder does it. */
export function pollPlace(name: string, registries: readonly PolledRegistry[]): PollPlace | string {
  const parsed = parseImageRef(name);
  if (!parsed.ok) return parsed.error;
  const { registry: host, repository, tag, digest } = parsed.value;
  if (digest !== null || tag === null) return 'it is given by its digest and never changes';
  const registry = registries.find((one) => hubOr(one.host) === hubOr(host));
  return registry === undefined ? `no registry with the host ${host} is configured` : { registry, repository, tag };
}

/** Docker Hub has three names. */
function hubOr(host: string): string {
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

/** What stands under a name. */
export interface Found {
  readonly digest: string;
  /** As `Sighting` has it. */
  readonly same: readonly string[];
  /** The digests that it was compared with. */
  readonly compared: ReadonlySet<string>;
}

const INDEXES: readonly string[] = [MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerList];
/** Digests of one name that others are built on whose platforms are compared; more of them are taken for other images. */
const MAX_COMPARED = 10;

/**
 * Asks for a name; null where the registry has no such image. An index that not all stand on is read, and so are those that they stand
 * on: of one that was made anew for other platforms, ours are what they were. `known`: what was found before, so that it is read once.
 * `spend` is called before each request. Throws what `Registry` throws.
 */
export async function askFor(
  { registry, repository, tag }: PollPlace,
  { digests, platforms }: Outside,
  known: Found | null,
  spend: () => void,
): Promise<Found | null> {
  spend();
  const head = await registry.head(repository, tag);
  if (head === null) return null;
  const { digest, mediaType } = head;
  const others = [...digests].filter((one) => one !== digest);
  if (known?.digest === digest && others.every((one) => known.compared.has(one))) return known;
  const compared = new Set(others);
  if (others.length === 0 || !INDEXES.includes(mediaType)) return { digest, same: [], compared };
  const read = async (reference: string): Promise<ReadonlyMap<string, string> | null> => {
    spend();
    const manifest = await registry.getManifest(repository, reference);
    return manifest !== null && INDEXES.includes(manifest.mediaType) ? platformsOf(manifest.bytes) : null;
  };
  const now = await read(digest);
  if (now === null) return { digest, same: [], compared };
  const same = [...now.values()];
  for (const other of others.slice(0, MAX_COMPARED)) {
    if (same.includes(other)) continue;
    const then = await read(other);
    if (then !== null && holdTheSameFor(platforms, now, then)) same.push(other);
  }
  return { digest, same, compared };
}

/** Whether two indexes have the same images for all these platforms, at least one of which they have. */
export function holdTheSameFor(
  platforms: ReadonlySet<string>,
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): boolean {
  const wanted = [...platforms].map(plainPlatform);
  return wanted.length > 0 && wanted.every((each) => one.has(each) && one.get(each) === other.get(each));
}

/** Digests in an index by platform, as `linux/arm/v7`. What is no image, as an attestation, has the platform `unknown/unknown`. */
export function platformsOf(bytes: Buffer): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let index: Json;
  try {
    index = JSON.parse(bytes.toString('utf8')) as Json;
  } catch {
    return found;
  }
  const manifests =
    isJsonObject(index) && Array.isArray(index['manifests']) ? (index['manifests'] as readonly Json[]) : [];
  for (const entry of manifests) {
    const platform = isJsonObject(entry) ? entry['platform'] : null;
    if (!isJsonObject(entry) || !isJsonObject(platform ?? null)) continue;
    const { os, architecture, variant } = platform as Readonly<Record<string, Json>>;
    const { digest } = entry;
    if (typeof digest !== 'string' || !isDigest(digest) || typeof os !== 'string' || os === 'unknown') continue;
    const words = [os, architecture, variant].filter((word) => typeof word === 'string' && word !== '');
    const name = plainPlatform(words.join('/'));
    if (!found.has(name)) found.set(name, digest);
  }
  return found;
}

/** The v8 of arm64 is what it always is; engines leave it out. */
function plainPlatform(name: string): string {
  return name === 'linux/arm64/v8' ? 'linux/arm64' : name;
}
