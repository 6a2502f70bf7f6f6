import type { Readable } from 'node:stream';
import { type Digest, digestOf } from '../kernel/digest.js';
import { nonsense, uploadFault } from './faults.js';
import type { Call, Session } from './session.js';
import { type Answer, bodyFault, checkedStream, discard, readAll } from './transport.js';

/** Blobs of one registry: the distribution specification's "Pulling blobs", "Pushing blobs" and "Mounting". */
export class Blobs {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async has(repository: string, digest: Digest): Promise<boolean> {
    const call = pull('HEAD', repository, digest);
    const answer = await this.#session.ask(call);
    await discard(answer);
    if (answer.status === 404) return false;
    if (answer.status !== 200) throw await this.#session.unexpected(call, answer);
    return true;
  }

  async get(repository: string, digest: Digest, maxBytes: number): Promise<Buffer | null> {
    const answer = await this.#open(repository, digest);
    if (answer === null) return null;
    const bytes = await readAll(this.#session.registry, answer, maxBytes);
    const found = digestOf(bytes);
    if (found !== digest) throw bodyFault(this.#session.registry, answer, `sent ${found} when asked for ${digest}`);
    return bytes;
  }

  async stream(repository: string, digest: Digest): Promise<Readable | null> {
    const answer = await this.#open(repository, digest);
    return answer && checkedStream(this.#session.registry, answer, digest);
  }

  async put(repository: string, bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    const begin = push('POST', repository, `/v2/${repository}/blobs/uploads/`);
    const begun = await this.#session.ask(begin);
    if (begun.status !== 202) throw await this.#session.unexpected(begin, begun);
    const to = this.#session.resolve(begun.headers.location ?? '');
    await discard(begun);
    to.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream' };
    const finish = { ...push('PUT', repository, to), headers, body: bytes };
    const finished = await this.#session.ask(finish);
    if (finished.status !== 201)
      throw uploadFault(this.#session.registry, await this.#session.refusal(finish, finished));
    await discard(finished);
    const said = finished.headers['docker-content-digest'];
    if (said !== undefined && said !== digest)
      throw nonsense(this.#session.registry, `stored ${String(said).slice(0, 100)} when given ${digest}`);
    return digest;
  }

  async mount(repository: string, digest: Digest, from: string): Promise<boolean> {
    const query = new URLSearchParams({ mount: digest, from });
    const scopes = [`repository:${repository}:pull,push`, `repository:${from}:pull`];
    const call: Call = { method: 'POST', to: `/v2/${repository}/blobs/uploads/?${query}`, scopes };
    const answer = await this.#session.ask(call);
    if (answer.status === 202) {
      await discard(answer);
      await this.#giveUp(repository, answer.headers.location);
      return false;
    }
    if (answer.status === 201) {
      await discard(answer);
      return true;
    }
    if ([404, 405].includes(answer.status)) {
      await discard(answer);
      return false;
    }
    throw await this.#session.unexpected(call, answer);
  }

  /** A registry that would not mount has opened an upload instead; it is closed, and forgotten when that fails. */
  async #giveUp(repository: string, location: string | undefined): Promise<void> {
    try {
      await discard(await this.#session.ask(push('DELETE', repository, this.#session.resolve(location ?? ''))));
    } catch {
      // Registries purge uploads that nobody finishes.
    }
  }

  async #open(repository: string, digest: Digest): Promise<Answer | null> {
    const call = pull('GET', repository, digest);
    const answer = await this.#session.ask(call);
    if (answer.status === 200) return answer;
    if (answer.status !== 404) throw await this.#session.unexpected(call, answer);
    await discard(answer);
    return null;
  }
}

function pull(method: 'GET' | 'HEAD', repository: string, digest: Digest): Call {
  return { method, to: `/v2/${repository}/blobs/${digest}`, scopes: [`repository:${repository}:pull`] };
}

function push(method: 'POST' | 'PUT' | 'DELETE', repository: string, to: string | URL): Call {
  return { method, to, scopes: [`repository:${repository}:pull,push`] };
}
