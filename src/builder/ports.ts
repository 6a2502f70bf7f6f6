/** What the builder needs of the outside, in our own words; `adapters/` has what fulfils it. */
import type { Readable } from 'node:stream';
import type { Digest } from '../kernel/digest.js';
import type { Stream } from '../ledger/index.js';
import type { Registry, RegistryLogin } from '../registry/index.js';

/** One container engine. Throws ServiceError with a code of the failure table, classified from what the engine said. */
export interface Engine {
  readonly host: string;
  /** Asks who answers. Throws `engine_unavailable`. */
  info(): Promise<EngineInfo>;
  /**
   * Builds an image. Resolves when the engine has it under `reference`. Throws `build_failed` (detail: the last
   * lines), `dockerfile_invalid`, `out_of_memory` (by the engine's own events), `parent_missing`, `disk_full`,
   * `engine_unavailable`, `registry_denied`; ends with the signal's reason when that ends. Leaves no container behind.
   */
  build(request: EngineBuild, signal: AbortSignal): Promise<BuiltImage>;
  /** Pushes `reference`. Throws `registry_denied`, `registry_unavailable`, `disk_full`, `engine_unavailable`. */
  push(reference: string, login: RegistryLogin | null, signal: AbortSignal): Promise<void>;
  /**
   * Takes the name from an image and gives it `cacheName` instead, so that its layers stay as cache for the next build;
   * the image that had `cacheName` goes, but for the layers that others stand on. Where both are the same as cache, the
   * new one may go instead.
   */
  keepAsCache(reference: string, cacheName: string): Promise<void>;
  /** Takes a name away; layers that nothing else names go too. An absent one is fine. */
  removeReference(reference: string): Promise<void>;
  /**
   * Removes the containers that calls of this very client have left of a build: nobody else knows them. Spares what runs.
   * What `cleanUp` has left to a later call goes too, when no build goes on any more.
   */
  removeContainers(build: string): Promise<void>;
  /**
   * As `removeContainers`, and the dangling images that carry the label `io.layerwright.build` = `build`; those of builds
   * that have ended too, as far as nothing stands on them any more, and what they have left of containers and steps. While
   * other builds of this client go on, images are left to a later call, which comes when theirs have ended.
   */
  cleanUp(build: string, others?: Partial<OtherBuilds>): Promise<void>;
  close(): Promise<void>;
}

/** What the log says of others, for who cleans an engine after a build. */
export interface OtherBuilds {
  readonly hasEnded: (build: string) => boolean;
  /** True when there were builds of a component and target, and none is asked for or runs. */
  readonly isIdle: (stream: Stream) => boolean;
  /** True when no build at all is asked for or runs. */
  readonly isQuiet: () => boolean;
}

export interface EngineInfo {
  readonly kind: 'docker' | 'podman';
  readonly version: string;
  readonly apiVersion: string;
  /** As `linux/amd64`. */
  readonly platform: string;
  /** True when the engine enforces a build's memory limit. */
  readonly limitsMemory: boolean;
  /** True when it enforces a build's limit of processor time. */
  readonly limitsCpu: boolean;
}

export interface EngineBuild {
  /** A tar stream; its end is awaited. An error of it ends the build with that error. */
  readonly context: Readable;
  /** Path of the Dockerfile inside the context. */
  readonly dockerfile: string;
  /** What its maintainer knows it as: this stands in what the engine says of it. */
  readonly dockerfileName: string;
  /** Local name of the result, as `127.0.0.1:5000/f41/httpd:build-….1`. */
  readonly reference: string;
  /** Id of the build; what it leaves is found by it. */
  readonly build: string;
  /** Labels that are not in the Dockerfile already. The classic builder makes a step of each. */
  readonly labels: Readonly<Record<string, string>>;
  /** Steps at the end of the Dockerfile that are ours and not the maintainer's. */
  readonly ownSteps: number;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly network: 'none' | 'host' | null;
  readonly memoryBytes: number | null;
  readonly cpu: number | null;
  readonly useCache: boolean;
  readonly platform: string;
  /** Logins by registry host, for parents that the engine pulls. */
  readonly logins: Readonly<Record<string, RegistryLogin>>;
  /** Called with each line of output, in order, without its line end. */
  readonly onLine: (line: string) => void;
}

export interface BuiltImage {
  /** The engine's id (a config digest on Docker). */
  readonly id: string;
}

/** The log of one attempt: lines in, a file at once, an artifact in the end. */
export interface BuildLog {
  /** Adds a line; what goes over `limits.output` is counted, not kept, and said so in one line. */
  line(text: string): void;
  /** The last lines, for a failure's detail. */
  tail(): string;
  /** Bytes taken so far, dropped ones included. */
  readonly bytes: number;
  /** Closes the file, compresses it and pushes it as an OCI artifact beside the image. Null when the registry is away: the file stays. */
  finish(into: LogDestination): Promise<Digest | null>;
}

export interface LogDestination {
  readonly registry: Registry;
  readonly repository: string;
  /** The image that the log is of; null for a build that made none. */
  readonly subject: { readonly digest: Digest; readonly mediaType: string; readonly size: number } | null;
}

export interface BuildLogs {
  /** Begins the log of an attempt. `publish` gets batches of new lines for the live topic, at most ten a second. */
  open(
    build: string,
    attempt: number,
    maxBytes: number,
    publish: (first: number, lines: readonly string[]) => void,
  ): Promise<BuildLog>;
}
