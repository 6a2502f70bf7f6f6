/** The three outsides of a builder: registry, engine, git. Each call is one step of the scheduler. */
import type { Engine } from '../../src/builder/index.js';
import type { FetchedRef } from '../../src/git/index.js';
import type { Digest } from '../../src/kernel/digest.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import type { Descriptor, Manifest } from '../../src/registry/index.js';
import { MemoryGit, MemoryRegistry } from '../support/builder-world.js';
import { SAMPLE_ENGINE } from '../support/sample-engine.js';
import type { Faults, Side } from './faults.js';
import type { Life, PerformOptions, Scheduler, What } from './scheduler.js';

/** What every port of one process is made of. */
export interface Wire {
  readonly life: Life;
  readonly scheduler: Scheduler;
  readonly faults: Faults;
}

const AWAY = { registry: 'registry_unavailable', engine: 'engine_unavailable', git: 'source_unavailable' } as const;

function call<T>(
  { life, scheduler, faults }: Wire,
  side: Exclude<Side, 'bus'>,
  what: What,
  work: () => T,
  options: PerformOptions = {},
): Promise<Awaited<T>> {
  return scheduler.perform(
    life,
    what,
    () => {
      const glitch = faults.glitch(side);
      if (glitch && !faults.afterAll()) throw away(side);
      const result = work();
      if (glitch) throw away(side);
      return result;
    },
    options,
  );
}

function away(side: keyof typeof AWAY): ServiceError {
  return new ServiceError(AWAY[side], `The ${side} did not answer.`, { transient: true, away: side === 'git' });
}

/** The one registry's content, and all that ever was under each tag. */
export class RegistryStore extends MemoryRegistry {
  readonly history = new Map<string, Digest[]>();

  note(repository: string, tag: string): void {
    const digest = this.at(repository, tag);
    if (digest === undefined) return;
    const key = `${repository}:${tag}`;
    const before = this.history.get(key) ?? [];
    if (before[before.length - 1] !== digest) this.history.set(key, [...before, digest]);
  }
}

/** A process's client of the registry. What never changes (blobs) is read without a step. */
export class SimulatedRegistry extends MemoryRegistry {
  readonly #wire: Wire;
  readonly #store: RegistryStore;

  constructor(wire: Wire, store: RegistryStore) {
    super();
    this.#wire = wire;
    this.#store = store;
  }

  override head(repository: string, reference: string): Promise<Descriptor | null> {
    return this.#call(
      () => `HEAD ${nameOf(repository, reference)}`,
      () => this.#store.head(repository, reference),
    );
  }

  override getManifest(repository: string, reference: string): Promise<Manifest | null> {
    return this.#call(
      () => `GET ${nameOf(repository, reference)}`,
      () => this.#store.getManifest(repository, reference),
    );
  }

  override putManifest(repository: string, reference: string, type: string, bytes: Uint8Array): Promise<Digest> {
    return this.#call(
      () => `PUT ${nameOf(repository, reference)}`,
      () => {
        const put = this.#store.putManifest(repository, reference, type, bytes);
        this.#store.note(repository, reference);
        return put;
      },
    );
  }

  override getBlob(repository: string, digest: Digest): Promise<Buffer | null> {
    return this.#store.getBlob(repository, digest);
  }

  override async ping(): Promise<void> {
    if (this.#wire.faults.away.has('registry')) throw away('registry');
  }

  #call<T>(what: What, work: () => T): Promise<Awaited<T>> {
    return call(this.#wire, 'registry', what, work);
  }
}

type EngineBuild = Parameters<Engine['build']>[0];

/** What an engine holds; it outlives the processes that speak to it. */
export interface EngineStore {
  readonly images: Map<string, Readonly<Record<string, string>>>;
  built: number;
}

export interface EngineOptions {
  /** Milliseconds that a build takes. */
  readonly takes: () => number;
  /** True when the build is one that fails for good. */
  readonly fails: (build: EngineBuild) => boolean;
}

export class SimulatedEngine implements Engine {
  readonly host: string;
  readonly #wire: Wire;
  readonly #store: EngineStore;
  readonly #registry: RegistryStore;
  readonly #options: EngineOptions;

  constructor(wire: Wire, host: string, store: EngineStore, registry: RegistryStore, options: EngineOptions) {
    this.#wire = wire;
    this.host = host;
    this.#store = store;
    this.#registry = registry;
    this.#options = options;
  }

  async info(): ReturnType<Engine['info']> {
    if (this.#wire.faults.away.has('engine')) throw away('engine');
    return SAMPLE_ENGINE;
  }

  async build(build: EngineBuild, signal: AbortSignal): Promise<{ readonly id: string }> {
    build.context.on('error', () => undefined).destroy();
    const work = (): { readonly id: string } => {
      if (this.#options.fails(build)) throw new ServiceError('build_failed', 'Step 2 of 3 ended with exit code 1.');
      this.#store.built += 1;
      this.#store.images.set(build.reference, { ...build.labels, content: String(this.#store.built) });
      return { id: 'sha256:0' };
    };
    return call(this.#wire, 'engine', () => `build ${tagOf(build.reference)}`, work, {
      takes: this.#options.takes(),
      signal,
    });
  }

  async push(reference: string, _login: null, signal: AbortSignal): Promise<void> {
    const slash = reference.indexOf('/');
    const colon = reference.lastIndexOf(':');
    const [repository, tag] = [reference.slice(slash + 1, colon), reference.slice(colon + 1)];
    const work = (): void => {
      const labels = this.#store.images.get(reference);
      if (labels === undefined) throw new ServiceError('internal', `The engine has no ${reference}.`);
      this.#registry.putImage(repository, tag, labels, `${this.host} ${reference} ${labels['content']}`);
      this.#registry.note(repository, tag);
    };
    await call(this.#wire, 'engine', () => `push ${tagOf(reference)}`, work, { signal });
  }

  async keepAsCache(reference: string, cacheName: string): Promise<void> {
    await call(
      this.#wire,
      'engine',
      () => `keep ${tagOf(reference)}`,
      () => {
        const labels = this.#store.images.get(reference);
        if (labels !== undefined) this.#store.images.set(cacheName, labels);
        this.#store.images.delete(reference);
      },
    );
  }

  async removeReference(reference: string): Promise<void> {
    await call(
      this.#wire,
      'engine',
      () => `remove ${tagOf(reference)}`,
      () => this.#store.images.delete(reference),
    );
  }

  async removeContainers(): Promise<void> {}

  async cleanUp(): Promise<void> {}

  async close(): Promise<void> {}
}

export class SimulatedGit extends MemoryGit {
  readonly #wire: Wire;
  readonly #host: MemoryGit;

  constructor(wire: Wire, host: MemoryGit) {
    super();
    this.#wire = wire;
    this.#host = host;
  }

  override fetch(source: { readonly url: string }, signal?: AbortSignal): Promise<FetchedRef> {
    return call(
      this.#wire,
      'git',
      () => `fetch ${source.url.split('/').pop()}`,
      async () => ({ ...(await this.#host.fetch(source)), changedPaths: async () => ['Dockerfile'] }),
      { signal },
    );
  }
}

function nameOf(repository: string, reference: string): string {
  return `${repository.split('/').pop()}:${shortTag(reference)}`;
}

function tagOf(reference: string): string {
  return nameOf(reference.slice(0, reference.lastIndexOf(':')), reference.slice(reference.lastIndexOf(':') + 1));
}

function shortTag(tag: string): string {
  return tag.replace(/build-([0-9a-f]{6})[0-9a-f-]*/, 'build-$1').replace(/sha256:([0-9a-f]{6})[0-9a-f]*/, '$1');
}
