/**
 * A builder on a bus in memory, with an engine, a registry and a git host that are programmed by the test: for what the
 * worker decides and says. What the real ones do is tested in `test/integration` and `test/flows`.
 */
import { Readable } from 'node:stream';
import tar from 'tar-stream';
import { type Builder, type BuilderSettings, type Engine, openBuilder } from '../../src/builder/index.js';
import type { FetchedRef, Git } from '../../src/git/index.js';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import { type Ledger, openLedger } from '../../src/ledger/index.js';
import type { Message } from '../../src/messages/index.js';
import { silentLogger, silentMetrics } from '../../src/observability/index.js';
import { type Manifest, MEDIA_TYPE, type Registry } from '../../src/registry/index.js';
import { systemClock } from '../../src/runtime/clock.js';
import { type FakeBus, fakeBus } from './fake-bus.js';
import { SAMPLE_ENGINE } from './sample-engine.js';
import { PREFIX, SAMPLE_PROCESS } from './samples.js';

const HOST = 'candidate.example.org';
const CREATED = '2026-11-23T17:15:00Z';

/** A target of the registry `HOST`. */
export const SAMPLE_TARGET = {
  name: 'f41',
  dist: '.f41',
  defaultVersion: null,
  repository: 'f41/{component}',
  latest: true,
  candidate: 'candidate',
  parents: { allow: [HOST], rewrite: [] },
  network: 'none' as const,
  slots: null,
  limits: { timeMs: 60_000, memoryBytes: null, cpu: null, contextBytes: 1_000_000, outputBytes: 1_000_000 },
  allowSyntax: false,
  allowAddUrl: false,
};

/** Images by `repository:tag`. */
export class MemoryRegistry implements Registry {
  readonly name = 'candidate';
  readonly url = `https://${HOST}`;
  readonly host = HOST;
  readonly #manifests = new Map<string, Manifest>();
  readonly #blobs = new Map<string, Buffer>();
  /** Why it does not answer; null while it does. */
  away: string | null = null;

  /** What a tag stands for; undefined when there is no such tag. */
  at(repository: string, tag: string): Digest | undefined {
    return this.#manifests.get(`${repository}:${tag}`)?.digest;
  }

  /** Puts an image as an engine's push does. */
  putImage(repository: string, tag: string, labels: Readonly<Record<string, string>>, content: string): Digest {
    const config = Buffer.from(
      JSON.stringify({
        os: 'linux',
        architecture: 'amd64',
        created: CREATED,
        config: { Labels: labels },
        rootfs: { type: 'layers', diff_ids: [digestOf(content)] },
      }),
    );
    this.#blobs.set(digestOf(config), config);
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.dockerManifest,
        config: { digest: digestOf(config), size: config.length },
        layers: [{ digest: digestOf(content), size: content.length }],
      }),
    );
    return this.#store(repository, tag, MEDIA_TYPE.dockerManifest, manifest);
  }

  async head(repository: string, reference: string) {
    const found = await this.getManifest(repository, reference);
    return found === null ? null : { mediaType: found.mediaType, digest: found.digest, size: found.bytes.length };
  }

  async getManifest(repository: string, reference: string): Promise<Manifest | null> {
    this.#check();
    return this.#manifests.get(`${repository}:${reference}`) ?? null;
  }

  async putManifest(repository: string, reference: string, mediaType: string, bytes: Uint8Array): Promise<Digest> {
    this.#check();
    return this.#store(repository, reference, mediaType, Buffer.from(bytes));
  }

  async hasBlob(_repository: string, digest: Digest): Promise<boolean> {
    return this.#blobs.has(digest);
  }

  async getBlob(_repository: string, digest: Digest): Promise<Buffer | null> {
    this.#check();
    return this.#blobs.get(digest) ?? null;
  }

  async streamBlob(_repository: string, digest: Digest): Promise<Readable | null> {
    const bytes = this.#blobs.get(digest);
    return bytes === undefined ? null : Readable.from(bytes);
  }

  async putBlob(_repository: string, bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    this.#blobs.set(digest, Buffer.from(bytes));
    return digest;
  }

  async mountBlob(): Promise<boolean> {
    return false;
  }

  async tags(repository: string): Promise<readonly string[]> {
    return [...this.#manifests.keys()]
      .filter((key) => key.startsWith(`${repository}:`) && !key.includes('sha256:'))
      .map((key) => key.slice(repository.length + 1))
      .sort();
  }

  async repositories(): Promise<null> {
    return null;
  }

  async deleteTag(repository: string, tag: string): Promise<boolean> {
    return this.#manifests.delete(`${repository}:${tag}`);
  }

  async deleteManifest(repository: string, digest: Digest): Promise<boolean> {
    const gone = [...this.#manifests].filter(
      ([key, found]) => key.startsWith(`${repository}:`) && found.digest === digest,
    );
    for (const [key] of gone) this.#manifests.delete(key);
    return gone.length > 0;
  }

  async ping(): Promise<void> {
    this.#check();
  }

  async login(): Promise<null> {
    return null;
  }

  async close(): Promise<void> {}

  #store(repository: string, reference: string, mediaType: string, bytes: Buffer): Digest {
    const manifest = { digest: digestOf(bytes), mediaType, bytes };
    this.#manifests.set(`${repository}:${reference}`, manifest);
    this.#manifests.set(`${repository}:${manifest.digest}`, manifest);
    return manifest.digest;
  }

  #check(): void {
    if (this.away !== null) throw new ServiceError('registry_unavailable', this.away, { transient: true });
  }
}

/** One repository with one branch: commits, oldest first, each with its Dockerfile. */
export class MemoryGit implements Git {
  /** By URL. A commit's ancestors are those before it. */
  readonly histories = new Map<string, { readonly commit: string; readonly files: Record<string, string> }[]>();
  away: string | null = null;

  push(url: string, commit: string, dockerfile: string, others: Record<string, string> = {}): void {
    const history = this.histories.get(url) ?? [];
    history.push({ commit, files: { Dockerfile: dockerfile, ...others } });
    this.histories.set(url, history);
  }

  async refusal(): Promise<null> {
    return null;
  }

  async lsRemote(): Promise<ReadonlyMap<string, string>> {
    return new Map();
  }

  async close(): Promise<void> {}

  async fetch({ url }: { readonly url: string }): Promise<FetchedRef> {
    if (this.away !== null) throw new ServiceError('source_unavailable', this.away, { away: true });
    const history = [...(this.histories.get(url) ?? [])];
    const at = (commit: string): number => history.findIndex((one) => one.commit === commit);
    const files = (commit: string): Record<string, string> => history[at(commit)]?.files ?? {};
    return {
      head: history.at(-1)?.commit ?? null,
      has: async (commit) => at(commit) >= 0,
      isOnRef: async (commit) => at(commit) >= 0,
      isAncestor: async (ancestor, descendant) => at(ancestor) >= 0 && at(ancestor) <= at(descendant),
      countCommits: async (commit) => at(commit) + 1,
      committedAt: async () => new Date(CREATED),
      tree: async (commit) =>
        Object.entries(files(commit)).map(([path, text]) => ({ path, kind: 'file' as const, size: text.length })),
      readFile: async (commit, path) => {
        const text = files(commit)[path];
        return text === undefined ? null : Buffer.from(text);
      },
      changedPaths: async () => null,
      archive: () => Readable.from([]),
    };
  }
}

/** What happens when the engine is asked to build; may wait, may throw. */
export type EngineStep = (build: Parameters<Engine['build']>[0], signal: AbortSignal) => Promise<void>;

export interface World {
  readonly bus: FakeBus;
  readonly ledger: Ledger;
  readonly registry: MemoryRegistry;
  readonly git: MemoryGit;
  readonly builder: Builder;
  /** References that the engine was asked to build. */
  readonly built: string[];
  /** Builds whose logs were opened, attempt by attempt. */
  readonly logs: readonly string[];
  /** By the names that the engine has: the labels of its images. */
  readonly images: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** Set to make the next builds do something. */
  onBuild: EngineStep;
  /** Set to make the next pushes do something before they push. */
  onPush: () => Promise<void>;
  /** What the layer of a pushed image is told apart by. An engine may pack one layer in another way the next time. */
  layerOf: (reference: string) => string;
  engineAway: string | null;
  /** Our messages so far, by the last word of their topic. */
  said(): readonly { readonly what: string; readonly message: Message }[];
  close(): Promise<void>;
}

/** The labels that the builder wrote into a Dockerfile of a context. */
async function labelsIn(context: Readable, dockerfile: string): Promise<Record<string, string>> {
  const extract = context.pipe(tar.extract());
  const labels: Record<string, string> = {};
  for await (const entry of extract) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    if (entry.header.name !== dockerfile) continue;
    const text = Buffer.concat(chunks).toString('utf8');
    for (const [, name = '', value = ''] of text.matchAll(/([^ =]+)='([^']*)'/g)) labels[name] = value;
  }
  return labels;
}

/** `slots`: of its engine; `now`: when messages are stored. */
export async function builderWorld(
  settings: Partial<BuilderSettings> = {},
  slots = 2,
  now: () => Date = () => new Date(),
): Promise<World> {
  const bus = fakeBus({ now });
  const ledger = await openLedger({ bus, prefix: PREFIX, path: null });
  const registry = new MemoryRegistry();
  const git = new MemoryGit();
  const built: string[] = [];
  const logs: string[] = [];
  const images = new Map<string, Readonly<Record<string, string>>>();
  const hands = {
    onBuild: (async () => undefined) as EngineStep,
    onPush: async (): Promise<void> => undefined,
    layerOf: (reference: string): string => reference,
    engineAway: null as string | null,
  };
  const engineCheck = (): void => {
    if (hands.engineAway !== null) throw new ServiceError('engine_unavailable', hands.engineAway, { transient: true });
  };
  const engine: Engine = {
    host: 'unix:///engine.sock',
    info: async () => {
      engineCheck();
      return SAMPLE_ENGINE;
    },
    build: async (build, signal) => {
      engineCheck();
      built.push(build.reference);
      const labels = { ...build.labels, ...(await labelsIn(build.context, build.dockerfile)) };
      // Named before it is told: whoever breaks off now has left something.
      images.set(build.reference, labels);
      await hands.onBuild({ ...build, labels }, signal);
      signal.throwIfAborted();
      return { id: 'sha256:0' };
    },
    push: async (reference) => {
      engineCheck();
      await hands.onPush();
      const colon = reference.lastIndexOf(':');
      registry.putImage(
        reference.slice(HOST.length + 1, colon),
        reference.slice(colon + 1),
        images.get(reference) ?? {},
        hands.layerOf(reference),
      );
    },
    keepAsCache: async (reference, cacheName) => {
      engineCheck();
      images.set(cacheName, images.get(reference) ?? {});
      images.delete(reference);
    },
    removeReference: async (reference) => {
      engineCheck();
      images.delete(reference);
    },
    removeContainers: async () => undefined,
    cleanUp: async () => undefined,
    close: async () => undefined,
  };
  const builder = await openBuilder(
    {
      prefix: PREFIX,
      process: SAMPLE_PROCESS,
      targets: { f41: SAMPLE_TARGET },
      engines: [],
      engineRegistryHosts: {},
      supersede: true,
      logs: '/nonexistent',
      maxTries: 2,
      sourcePatienceMs: 3_600_000,
      ...settings,
    },
    {
      bus,
      ledger,
      git,
      registries: new Map([['candidate', registry]]),
      engines: [{ engine, platform: 'linux/amd64', slots }],
      logs: {
        open: async (build) => {
          logs.push(build);
          return {
            line: () => undefined,
            tail: () => 'the last line',
            bytes: 0,
            finish: async () => digestOf('log'),
          };
        },
      },
      clock: systemClock,
      log: silentLogger,
      metrics: silentMetrics,
    },
  );
  return {
    bus,
    ledger,
    registry,
    git,
    builder,
    built,
    logs,
    images,
    get onPush() {
      return hands.onPush;
    },
    set onPush(step) {
      hands.onPush = step;
    },
    get onBuild() {
      return hands.onBuild;
    },
    set onBuild(step) {
      hands.onBuild = step;
    },
    get layerOf() {
      return hands.layerOf;
    },
    set layerOf(content) {
      hands.layerOf = content;
    },
    get engineAway() {
      return hands.engineAway;
    },
    set engineAway(reason) {
      hands.engineAway = reason;
    },
    said: () =>
      bus.published.map((message) => ({ what: message.topic.slice(`${PREFIX}.container.build.`.length), message })),
    close: async () => {
      await builder.stop();
      await ledger.close();
      await bus.close();
    },
  };
}
