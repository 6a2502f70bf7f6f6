import type { RegistryLogin } from '../../registry/index.js';
import type { BuiltImage, Engine, EngineBuild, EngineInfo, OtherBuilds } from '../ports.js';
import type { EngineSettings } from '../settings.js';
import { BuildTranscript, faultOf } from './build-transcript.js';
import { CacheBasis } from './cache-basis.js';
import { runBuild, watchContext } from './docker-build.js';
import { type DockerClient, openClient, orAborted } from './docker-client.js';
import { addName, removeContainers, removeDangling, removeDanglingOf, removeName } from './engine-cleanup.js';
import { classify, engineError, sentenceOf } from './engine-errors.js';
import { EngineEvents, NO_EVENTS } from './engine-events.js';
import { askEngine, INFO_MS, type KnownEngine } from './engine-inquiry.js';
import { enforceable, unenforced } from './engine-limits.js';
import type { EngineWays } from './engine-ways.js';
import type { Listed } from './image-list.js';
import { removeStepContainers } from './step-containers.js';
import { endStepProcesses } from './step-processes.js';
import type { StepReader } from './step-reader.js';

/** Milliseconds for which what an engine is (not: that it answers) is remembered. */
const INFO_AGE_MS = 60_000;
/** Builds whose leftovers are remembered until `cleanUp`. */
const REMEMBERED_BUILDS = 200;
/**
 * Milliseconds between two looks at what an engine has, while builds go on in it: a list of its images takes Podman
 * milliseconds for each of them. And the share of the time that looking may take, where the list is long.
 */
const LOOK_MS = 10_000;
const LOOK_SHARE = 0.05;
/** Milliseconds in which no step of a broken build has begun: none will. */
const QUIET_MS = 500;

/** An engine that speaks Docker's API (1.41 and later). Opens no connection before it is asked something. */
export function openEngine(settings: Pick<EngineSettings, 'host'>): Engine {
  return new DockerEngine(openClient(settings.host));
}

const no = (): boolean => false;

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
  /** Host names of ended containers, by id. */
  readonly #hosts = new Map<string, readonly string[]>();
  /** Builds that were begun here, did not fail, and are not cleaned up after yet. */
  readonly #going = new Set<string>();
  /** From when on it is looked at though some do. */
  #lookAt = 0;
  /** What the log said to the last who did not look; null when somebody has looked since. */
  #owed: OtherBuilds | null = null;
  readonly #cacheBasis = new CacheBasis(() => performance.now());
  #known: { readonly until: number; readonly asked: Promise<KnownEngine> } | null = null;

  constructor(client: DockerClient) {
    this.host = client.host;
    this.#client = client;
    this.#events = new EngineEvents(client);
  }

  async info(): Promise<EngineInfo> {
    const { docker } = this.#client;
    try {
      if (this.#isKnown())
        await this.#client.ask('other', (abortSignal) => docker.ping({ abortSignal }), { timeoutMs: INFO_MS });
    } catch (thrown) {
      this.#known = null; // What comes back may be another.
      throw thrown;
    }
    return (await this.#whatItIs()).info;
  }

  async build(asked: EngineBuild, signal: AbortSignal): Promise<BuiltImage> {
    const context = watchContext(asked.context);
    this.#going.add(asked.build);
    try {
      signal.throwIfAborted();
      const ways = await this.#waysOf(signal);
      const request = enforceable(asked, ways.limits);
      const notice = unenforced(asked, ways.limits);
      if (notice !== null) asked.onLine(notice);
      const transcript = new BuildTranscript(ways.steps(request), request.onLine);
      // Of an attempt whose process was killed.
      await this.#endSteps(ways, request.build, 0);
      const watch = ways.tellsOutOfMemory ? this.#events.watch() : NO_EVENTS;
      try {
        const image = await runBuild(this.#client, ways, request, transcript, context, watch, signal);
        this.#cacheBasis.made(request.reference, transcript.steps.basis);
        return image;
      } catch (thrown) {
        if (transcript.fault === null) await this.#endSteps(ways, request.build, QUIET_MS);
        await removeContainers(this.#client, transcript.steps.leftContainers, watch).catch(() => undefined);
        if (transcript.imageId !== null) await this.removeReference(request.reference).catch(() => undefined);
        throw thrown;
      } finally {
        watch.release();
        this.#remember(request.build, transcript.steps);
      }
    } catch (thrown) {
      this.#going.delete(asked.build);
      throw thrown;
    } finally {
      asked.context.destroy();
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
    // The old cache keeps a name until the new one has its own: the new image may be in another engine, and what both
    // share is still stood on when the old one goes. By name, not by id, as somebody may have named the old one too.
    const before = `${cacheName}-before`;
    const ways = await this.#waysOf();
    if (this.#cacheBasis.isSame(reference, cacheName)) return removeName(this.#client, ways, reference);
    this.#cacheBasis.put(cacheName, null);
    // Of a process that was killed in between.
    await removeName(this.#client, ways, before);
    await addName(this.#client, cacheName, before);
    await addName(this.#client, reference, cacheName);
    this.#cacheBasis.put(cacheName, reference);
    await removeName(this.#client, ways, before);
    await removeName(this.#client, ways, reference);
  }

  async removeReference(reference: string): Promise<void> {
    await removeName(this.#client, await this.#waysOf(), reference);
  }

  async removeContainers(build: string): Promise<void> {
    this.#going.delete(build);
    await this.#removeContainers(build);
    const owed = this.#owed;
    if (owed === null || !this.#looks) return;
    await this.#look(async () => this.#cleanAfterOthers(await this.#waysOf(), build, owed, null));
  }

  async cleanUp(build: string, others: Partial<OtherBuilds> = {}): Promise<void> {
    this.#going.delete(build);
    const { hasEnded = no, isIdle = no, isQuiet = no } = others;
    const ways = await this.#waysOf();
    await this.#endSteps(ways, build, 0);
    await this.#removeContainers(build);
    if (!this.#looks) {
      // Whoever ends later looks after all that have ended.
      this.#owed = { hasEnded, isIdle, isQuiet };
      return;
    }
    await this.#look(async () => {
      if (ways.leavesStepContainers) {
        const isOver = (of: string): boolean => of === build || hasEnded(of);
        await removeStepContainers(this.#client, isOver, this.#hosts);
      }
      const seen = this.#leftovers.get(build)?.images ?? new Set<string>();
      const dangling = await removeDangling(this.#client, ways, build, seen, isQuiet);
      // Only now: an engine that is away keeps what it has, and the next attempt's clean-up gets it.
      this.#leftovers.delete(build);
      await this.#cleanAfterOthers(ways, build, { hasEnded, isIdle, isQuiet }, dangling);
    });
  }

  async #removeContainers(build: string): Promise<void> {
    await removeContainers(this.#client, this.#leftovers.get(build)?.containers ?? new Set(), null);
  }

  /** Whether what an engine has is to be listed for what builds left. */
  get #looks(): boolean {
    return this.#going.size === 0 || performance.now() >= this.#lookAt || this.#leftovers.size > REMEMBERED_BUILDS / 2;
  }

  async #look(work: () => Promise<void>): Promise<void> {
    const [began, owed] = [performance.now(), this.#owed];
    this.#owed = null;
    try {
      await work();
    } catch (thrown) {
      this.#owed ??= owed;
      throw thrown;
    } finally {
      const now = performance.now();
      this.#lookAt = now + Math.max(LOOK_MS, (now - began) / LOOK_SHARE);
    }
  }

  /** What attempts here made of builds that have ended, but `build`, is known to nobody else, and they don't come back. */
  async #cleanAfterOthers(
    ways: EngineWays,
    build: string,
    others: OtherBuilds,
    dangling: readonly Listed[] | null,
  ): Promise<void> {
    const hasEnded = (other: string): boolean => other !== build && others.hasEnded(other);
    const ended = [...this.#leftovers].filter(([other]) => hasEnded(other));
    for (const [other] of ended) await this.#removeContainers(other);
    const seen = new Set(ended.flatMap(([, { images }]) => [...images]));
    await removeDanglingOf(this.#client, ways, { ...others, hasEnded }, seen, dangling);
    for (const [other] of ended) this.#leftovers.delete(other);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #waysOf(signal?: AbortSignal): Promise<EngineWays> {
    const asked = this.#whatItIs();
    return (await (signal === undefined ? asked : orAborted(asked, signal))).ways;
  }

  #isKnown(): boolean {
    return this.#known !== null && this.#known.until > performance.now();
  }

  async #whatItIs(): Promise<KnownEngine> {
    if (!this.#isKnown()) this.#known = null;
    this.#known ??= { until: performance.now() + INFO_AGE_MS, asked: askEngine(this.#client) };
    const known = this.#known;
    try {
      return await known.asked;
    } catch (thrown) {
      if (this.#known === known) this.#known = null;
      throw thrown;
    }
  }

  async #endSteps(ways: EngineWays, build: string, quietMs: number): Promise<void> {
    const mark = ways.stepMark(build);
    if (mark !== null) await endStepProcesses(mark, quietMs);
  }

  #remember(build: string, { images, leftContainers }: StepReader): void {
    if (images.size + leftContainers.size === 0) return;
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
