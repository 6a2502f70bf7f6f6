import { type Digest, digestOf } from '../../kernel/digest.js';
import { ServiceError } from '../../kernel/service-error.js';
import { MEDIA_TYPE } from '../../registry/index.js';
import { Kept } from '../../runtime/kept.js';
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

/** Repositories that are remembered to have the empty config; a service has far fewer. */
const REMEMBERED = 10_000;

/** Pushes logs as OCI artifacts. Where the empty config was seen it is not asked for again: all logs have the same. */
export class LogArtifacts {
  readonly #hasEmpty = new Kept<true>(REMEMBERED);

  /**
   * Pushes a compressed log and gives its manifest's digest. The same log gives the same digest, so that pushing again is
   * harmless. Throws what the registry throws.
   */
  async push(into: LogDestination, tag: string, title: string, packed: Buffer): Promise<Digest> {
    const { registry, repository, subject } = into;
    const place = `${registry.url} ${repository}`;
    const isRemembered = this.#hasEmpty.get(place) === true;
    const [digest] = await Promise.all([registry.putBlob(repository, packed), isRemembered ? null : putEmpty(into)]);
    this.#hasEmpty.set(place, true);
    const manifest = Buffer.from(JSON.stringify(manifestOf(digest, packed.length, title, subject)));
    const put = (): Promise<Digest> => registry.putManifest(repository, tag, MEDIA_TYPE.ociManifest, manifest);
    try {
      return await put();
    } catch (thrown) {
      // A registry whose logs were retired may have collected the config with them.
      if (!isRemembered || !(thrown instanceof ServiceError && thrown.code === 'internal')) throw thrown;
      await putEmpty(into);
      return await put();
    }
  }
}

function manifestOf(digest: Digest, size: number, title: string, subject: LogDestination['subject']): object {
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType: LOG_MEDIA_TYPE,
    config: { mediaType: MEDIA_TYPE.ociEmpty, digest: EMPTY_DIGEST, size: EMPTY_CONFIG.length },
    layers: [{ mediaType: LOG_MEDIA_TYPE, digest, size, annotations: { 'org.opencontainers.image.title': title } }],
    ...(subject === null
      ? {}
      : { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } }),
  };
}

async function putEmpty({ registry, repository }: LogDestination): Promise<void> {
  if (!(await registry.hasBlob(repository, EMPTY_DIGEST))) await registry.putBlob(repository, EMPTY_CONFIG);
}
