import { type Digest, digestOf } from '../../kernel/digest.js';
import { MEDIA_TYPE } from '../../registry/index.js';
import type { LogDestination } from '../ports.js';

/** What a log's artifact and its one layer are: text in UTF-8, gzip (RFC 1952). */
export const LOG_MEDIA_TYPE = 'application/vnd.layerwright.build.log.v1+gzip';

/** The empty JSON object that artifacts have as their config (OCI image-spec, "Guidance for an Empty Descriptor"). */
export const EMPTY_CONFIG = Buffer.from('{}');
const EMPTY_DIGEST = digestOf(EMPTY_CONFIG);

/** Tag under which the log of an attempt is found without its digest. */
export function logTag(build: string, attempt: number): string {
  return `log-${build}.${attempt}`;
}

/**
 * Pushes a compressed log as an OCI artifact and gives its manifest's digest. The same log gives the same digest, so
 * that pushing again is harmless. Throws what the registry throws.
 */
export async function pushLog(into: LogDestination, tag: string, title: string, packed: Buffer): Promise<Digest> {
  const { registry, repository, subject } = into;
  const [digest] = await Promise.all([registry.putBlob(repository, packed), putEmpty(into)]);
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType: LOG_MEDIA_TYPE,
    config: { mediaType: MEDIA_TYPE.ociEmpty, digest: EMPTY_DIGEST, size: EMPTY_CONFIG.length },
    layers: [
      {
        mediaType: LOG_MEDIA_TYPE,
        digest,
        size: packed.length,
        annotations: { 'org.opencontainers.image.title': title },
      },
    ],
    ...(subject === null
      ? {}
      : { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } }),
  };
  return registry.putManifest(repository, tag, MEDIA_TYPE.ociManifest, Buffer.from(JSON.stringify(manifest)));
}

async function putEmpty({ registry, repository }: LogDestination): Promise<void> {
  if (!(await registry.hasBlob(repository, EMPTY_DIGEST))) await registry.putBlob(repository, EMPTY_CONFIG);
}
