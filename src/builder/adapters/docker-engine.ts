import type { RegistryLogin } from '../../registry/index.js';
import type { BuiltImage, Engine, EngineBuild, EngineInfo } from '../ports.js';
import type { EngineSettings } from '../settings.js';
import { BuildTranscript, faultOf } from './build-transcript.js';
import { runBuild, watchContext } from './docker-build.js';
import { type DockerClient, openClient } from './docker-client.js';
import { addName, removeContainers, removeDangling, removeName } from './engine-cleanup.js';
import { classify, engineError, sentenceOf } from './engine-errors.js';
import { EngineEvents } from './engine-events.js';

/** Milliseconds that `info` may take. */
const INFO_MS = 10_000;
/** Milliseconds for which what an engine is (not: that it answers) is remembered. */
const INFO_AGE_MS = 60_000;
/** Builds whose leftovers are remembered until `cleanUp`. */
const REMEMBERED_BUILDS = 200;

/** An engine that speaks Docker's API (1.41 and later). Opens no connection before it is asked something. */
export function openEngine(settings: Pick<EngineSettings, 'host'>): Engine {
  return new DockerEngine(openClient(settings.host));
}

/** Short ids, as the engine's output has them. */
interface Leftovers {
  readonly containers: ReadonlySet<string>;
  readonly images: ReadonlySet<string>;
}

class DockerEngine implements Engine {
  readonly host: string;
  readonly #client: DockerClient;
  readonly #events: EngineEvents;
  /** By build id: what its attempts have made and the engine may still have. */
  readonly #leftovers = new Map<string, Leftovers>();
  #info: { readonly until: number; readonly asked: Promise<EngineInfo> } | null = null;

  constructor(client: DockerClient) {
    this.host = client.host;
    this.#client = client;
    this.#events = new EngineEvents(client);
  }

  async info(): Promise<EngineInfo> {
    const known = this.#info !== null && this.#info.until > performance.now() ? this.#info.asked : null;
    const { docker } = this.#client;
    try {
      if (known === null) this.#info = { until: performance.now() + INFO_AGE_MS, asked: askInfo(this.#client) };
      else await this.#client.ask('other', (abortSignal) => docker.ping({ abortSignal }), { timeoutMs: INFO_MS });
      return await (this.#info?.asked ?? askInfo(this.#client));
    } catch (thrown) {
      this.#info = null;
      throw thrown;
    }
  }

  async build(request: EngineBuild, signal: AbortSignal): Promise<BuiltImage> {
    const transcript = new BuildTranscript(Object.keys(request.labels).length + request.ownSteps, request.onLine);
    const context = watchContext(request.context);
    try {
      signal.throwIfAborted();
      const watch = this.#events.watch();
      try {
        return await runBuild(this.#client, request, transcript, context, watch, signal);
      } catch (thrown) {
        await removeContainers(this.#client, transcript.leftContainers, watch).catch(() => undefined);
        if (transcript.imageId !== null) await this.removeReference(request.reference).catch(() => undefined);
        throw thrown;
      } finally {
        watch.release();
      }
    } finally {
      request.context.destroy();
      this.#remember(request.build, transcript);
    }
  }

  async push(reference: string, login: RegistryLogin | null, signal: AbortSignal): Promise<void> {
    const { docker } = this.#client;
    const authconfig = login === null ? {} : { ...login, serveraddress: reference.split('/', 1)[0] ?? '' };
    const call = (abortSignal: AbortSignal) => docker.getImage(reference).push({ authconfig, abortSignal });
    for await (const object of this.#client.progress('push', call, signal)) {
      const fault = faultOf(object);
      if (fault === null) continue;
      const code = classify('push', { message: fault.message, status: null, exitCode: null });
      throw engineError(code, sentenceOf(code, this.host, fault.message));
    }
  }

  async keepAsCache(reference: string, cacheName: string): Promise<void> {
    // The old cache goes first: what the new image shares with it has the new one standing on it, and stays.
    await removeName(this.#client, cacheName);
    await addName(this.#client, reference, cacheName);
    await removeName(this.#client, reference);
  }

  async removeReference(reference: string): Promise<void> {
    await removeName(this.#client, reference);
  }

  async cleanUp(build: string): Promise<void> {
    const { containers, images } = this.#leftovers.get(build) ?? {
      containers: new Set<string>(),
      images: new Set<string>(),
    };
    await removeContainers(this.#client, containers, null);
    await removeDangling(this.#client, build, images);
    // Only now: an engine that is away keeps what it has, and the next attempt's clean-up gets it.
    this.#leftovers.delete(build);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #remember(build: string | undefined, { images, leftContainers }: BuildTranscript): void {
    if (build === undefined || images.size + leftContainers.size === 0) return;
    const known = this.#leftovers.get(build);
    this.#leftovers.delete(build);
    this.#leftovers.set(build, {
      images: new Set([...(known?.images ?? []), ...images]),
      containers: new Set([...(known?.containers ?? []), ...leftContainers]),
    });
    const oldest = this.#leftovers.keys().next().value;
    if (this.#leftovers.size > REMEMBERED_BUILDS && oldest !== undefined) this.#leftovers.delete(oldest);
  }
}

async function askInfo(client: DockerClient): Promise<EngineInfo> {
  const options = { timeoutMs: INFO_MS };
  const [version, info] = await Promise.all([
    client.ask('other', (abortSignal) => client.docker.version({ abortSignal }), options),
    client.ask('other', (abortSignal) => client.docker.info({ abortSignal }), options),
  ]);
  const podman = JSON.stringify(version.Components ?? []).includes('Podman');
  return {
    kind: podman ? 'podman' : 'docker',
    version: version.Version,
    apiVersion: version.ApiVersion,
    platform: `${version.Os}/${version.Arch}`,
    limitsMemory: info.MemoryLimit === true,
  };
}
