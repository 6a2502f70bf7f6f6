import { isDigest } from '../kernel/digest.js';
import { isRepository } from '../kernel/image-ref.js';
import { ServiceError } from '../kernel/service-error.js';
import { Authorizer } from './authorizer.js';
import { Blobs } from './blobs.js';
import type { Registry, RegistrySettings } from './contract.js';
import { CredentialSource } from './credentials.js';
import { nonsense } from './faults.js';
import { unlessHalfWritten } from './half-written.js';
import { Manifests } from './manifests.js';
import { readPages } from './pages.js';
import { type Call, Session } from './session.js';
import { discard, Transport } from './transport.js';

const DEFAULT_TIMEOUT_MS = 15_000;
/** Docker Hub is named by one host and answers at another. */
const HUB = 'docker.io';
const HUB_NAMES: ReadonlySet<string> = new Set([HUB, 'index.docker.io', 'registry-1.docker.io']);
const HUB_API = 'https://registry-1.docker.io';
/** Statuses by which registries refuse their list of repositories. */
const NO_CATALOG: readonly number[] = [400, 404, 405];

/**
 * Opens a registry; no request is made yet. `env` is for docker's config file and its credential helpers. Throws
 * `config_invalid` for a URL that is not `http://host[:port]` or `https://host[:port]`.
 */
export function openRegistry(settings: RegistrySettings, env: NodeJS.ProcessEnv = process.env): Registry {
  const { base, host } = addressOf(settings);
  const transport = new Transport(settings.name, settings.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const credentials = new CredentialSource(settings.credentials, host, env);
  const session = new Session(base, transport, new Authorizer(transport, credentials, base.protocol === 'https:'));
  const manifests = new Manifests(session);
  const blobs = new Blobs(session);
  const over = async <T>(repositories: readonly string[], work: () => Promise<T>): Promise<T> => {
    for (const name of repositories) checkRepository(name);
    return session.repeat(work);
  };
  const tags = async (repository: string): Promise<readonly string[]> =>
    (await readPages(session, tagList(repository), 'tags', [404])) ?? [];
  const standing = <T>(repository: string, reference: string, ask: () => Promise<T | null>): Promise<T | null> => {
    const hasManifest = async (digest: string): Promise<boolean> => (await manifests.head(repository, digest)) !== null;
    return over([repository], unlessHalfWritten(reference, { tags: () => tags(repository), hasManifest }, ask));
  };
  return {
    name: settings.name,
    url: settings.url,
    host,
    head: (repository, reference) => standing(repository, reference, () => manifests.head(repository, reference)),
    getManifest: (repository, reference) => standing(repository, reference, () => manifests.get(repository, reference)),
    putManifest: (repository, reference, mediaType, bytes) =>
      over([repository], () => manifests.put(repository, reference, mediaType, bytes)),
    hasBlob: (repository, digest) => over([repository], () => blobs.has(repository, checkDigest(digest))),
    getBlob: (repository, digest, maxBytes) =>
      over([repository], () => blobs.get(repository, checkDigest(digest), maxBytes)),
    streamBlob: (repository, digest) => over([repository], () => blobs.stream(repository, checkDigest(digest))),
    putBlob: (repository, bytes) => over([repository], () => blobs.put(repository, bytes)),
    mountBlob: (repository, digest, from) =>
      over([repository, from], () => blobs.mount(repository, checkDigest(digest), from)),
    tags: (repository) => over([repository], () => tags(repository)),
    repositories: () => session.repeat(() => repositories(session)),
    deleteTag: (repository, tag) => over([repository], () => manifests.deleteTag(repository, tag)),
    deleteManifest: (repository, digest) =>
      over([repository], () => manifests.deleteManifest(repository, checkDigest(digest))),
    ping: () => session.repeat(() => ping(session)),
    login: () => credentials.login(),
    close: async () => transport.close(),
  };
}

function addressOf({ name, url }: RegistrySettings): { readonly base: URL; readonly host: string } {
  const given = URL.canParse(url) ? new URL(url) : null;
  const plain =
    given !== null &&
    (given.protocol === 'http:' || given.protocol === 'https:') &&
    `${given.username}${given.password}${given.search}${given.hash}` === '' &&
    given.pathname === '/';
  if (!plain)
    throw new ServiceError(
      'config_invalid',
      `The registry ${name} needs a URL like https://registry.example.org:5000.`,
    );
  if (HUB_NAMES.has(given.hostname)) return { base: new URL(HUB_API), host: HUB };
  return { base: given, host: given.host };
}

function tagList(repository: string): Call {
  return { method: 'GET', to: `/v2/${repository}/tags/list`, scopes: [`repository:${repository}:pull`] };
}

async function repositories(session: Session): Promise<readonly string[] | null> {
  try {
    const call: Call = { method: 'GET', to: '/v2/_catalog?n=1000', scopes: ['registry:catalog:*'] };
    return await readPages(session, call, 'repositories', NO_CATALOG);
  } catch (thrown) {
    if (thrown instanceof ServiceError && thrown.code === 'registry_denied') return null;
    throw thrown;
  }
}

async function ping(session: Session): Promise<void> {
  const call: Call = { method: 'GET', to: '/v2/', scopes: [] };
  const answer = await session.ask(call);
  if (answer.status === 404) {
    await discard(answer);
    throw nonsense(session.registry, 'has no /v2/: it is not a registry of the distribution specification');
  }
  if (answer.status !== 200) throw await session.unexpected(call, answer);
  await discard(answer);
}

function checkRepository(name: string): void {
  if (!isRepository(name)) throw new ServiceError('internal', `${JSON.stringify(name)} is not a repository name.`);
}

/** Types end at the edge: digests come out of messages and manifests too. */
function checkDigest<T extends string>(digest: T): T {
  if (!isDigest(digest)) throw new ServiceError('internal', `${JSON.stringify(digest)} is not a digest.`);
  return digest;
}
