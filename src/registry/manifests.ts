import { type Digest, digestOf, isDigest } from '../kernel/digest.js';
import { isTag } from '../kernel/image-ref.js';
import { isJsonObject, type Json } from '../kernel/json.js';
import { LIMITS } from '../kernel/limits.js';
import { ServiceError } from '../kernel/service-error.js';
import { type Descriptor, type Manifest, MEDIA_TYPE } from './contract.js';
import { nonsense } from './faults.js';
import type { Call, Session } from './session.js';
import { type Answer, bodyFault, discard, readAll } from './transport.js';

const KNOWN: readonly string[] = [
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.ociIndex,
  MEDIA_TYPE.dockerManifest,
  MEDIA_TYPE.dockerList,
];
const ACCEPT = { accept: KNOWN.join(', ') };

/** Manifests of one registry: the distribution specification's "Pulling" and "Pushing manifests". */
export class Manifests {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async head(repository: string, reference: string): Promise<Descriptor | null> {
    const call = this.#call('HEAD', repository, reference);
    const answer = await this.#session.ask(call);
    await discard(answer);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw await this.#session.unexpected(call, answer);
    const digest = headerOf(answer, 'docker-content-digest');
    const mediaType = mediaTypeOf(answer);
    const size = Number(answer.headers['content-length']);
    if (digest === '' || !KNOWN.includes(mediaType) || !Number.isInteger(size)) {
      // The specification only recommends these headers: read it, then.
      const manifest = await this.get(repository, reference);
      return manifest && { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.length };
    }
    return { mediaType, digest: this.#claimed(digest, reference), size };
  }

  async get(repository: string, reference: string): Promise<Manifest | null> {
    const call = this.#call('GET', repository, reference);
    const answer = await this.#session.ask(call);
    if (answer.status === 404) {
      await discard(answer);
      return null;
    }
    if (answer.status !== 200) throw await this.#session.unexpected(call, answer);
    const bytes = await readAll(this.#session.registry, answer, LIMITS.manifestBytes);
    const digest = digestOf(bytes);
    const mediaType = this.#manifestType(answer, bytes);
    for (const said of [headerOf(answer, 'docker-content-digest'), reference])
      if (isDigest(said) && said !== digest)
        throw bodyFault(this.#session.registry, answer, `sent a manifest with ${digest} as ${said}`);
    return { digest, mediaType, bytes };
  }

  async put(repository: string, reference: string, mediaType: string, bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    if (isDigest(reference) && reference !== digest)
      throw new ServiceError('internal', `A manifest with ${digest} was to be put as ${reference}.`);
    const call = {
      ...this.#call('PUT', repository, reference),
      headers: { 'content-type': mediaType },
      body: bytes,
    };
    const answer = await this.#session.ask(call);
    if (answer.status !== 201) throw await this.#session.unexpected(call, answer);
    await discard(answer);
    const said = headerOf(answer, 'docker-content-digest');
    return said === '' ? digest : this.#claimed(said, digest);
  }

  /** Takes the tag alone away. A registry that knows only deletion by digest would take its siblings too: false. */
  async deleteTag(repository: string, tag: string): Promise<boolean> {
    if (!isTag(tag)) throw new ServiceError('internal', `${JSON.stringify(tag)} is not a tag.`);
    return this.#delete(repository, tag);
  }

  /** Takes the manifest away, and with it all of its tags. */
  async deleteManifest(repository: string, digest: Digest): Promise<boolean> {
    return this.#delete(repository, digest);
  }

  /** True when it is gone, by us or before; false when the registry does not do it. */
  async #delete(repository: string, reference: string): Promise<boolean> {
    const call = { ...this.#call('DELETE', repository, reference), scopes: [`repository:${repository}:delete`] };
    const answer = await this.#session.ask(call);
    await discard(answer);
    if ([200, 202, 204].includes(answer.status)) return true;
    if (answer.status === 404) return (await this.head(repository, reference)) === null;
    if ([400, 405].includes(answer.status)) return false;
    throw await this.#session.unexpected(call, answer);
  }

  #call(method: 'HEAD' | 'GET' | 'PUT' | 'DELETE', repository: string, reference: string): Call {
    if (!isTag(reference) && !isDigest(reference))
      throw new ServiceError('internal', `${JSON.stringify(reference)} is neither a tag nor a digest.`);
    const actions = method === 'PUT' ? 'pull,push' : 'pull';
    return {
      method,
      to: `/v2/${repository}/manifests/${reference}`,
      scopes: [`repository:${repository}:${actions}`],
      headers: ACCEPT,
    };
  }

  #claimed(said: string, expected: string): Digest {
    if (isDigest(said) && (!isDigest(expected) || said === expected)) return said;
    throw nonsense(
      this.#session.registry,
      `speaks of ${JSON.stringify(said.slice(0, 100))} when asked for ${expected}`,
    );
  }

  /** The header's type, or else the manifest's own. */
  #manifestType(answer: Answer, bytes: Buffer): string {
    const header = mediaTypeOf(answer);
    let parsed: Json;
    try {
      parsed = JSON.parse(bytes.toString('utf8')) as Json;
    } catch {
      throw bodyFault(this.#session.registry, answer, 'sent a manifest that is not JSON');
    }
    if (!isJsonObject(parsed)) throw nonsense(this.#session.registry, 'sent a manifest that is not a JSON object');
    const mediaType = KNOWN.includes(header) ? header : parsed['mediaType'];
    if (typeof mediaType !== 'string' || !KNOWN.includes(mediaType))
      throw nonsense(this.#session.registry, `sent a manifest of an unknown type (${header.slice(0, 100) || 'none'})`);
    return mediaType;
  }
}

function mediaTypeOf(answer: Answer): string {
  return (answer.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

function headerOf(answer: Answer, name: string): string {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : '';
}
