import type { ProcessIdentity } from '../kernel/process.js';

/** What the builder needs of the configuration. */
export interface BuilderSettings {
  readonly prefix: string;
  readonly process: ProcessIdentity;
  readonly targets: Readonly<Record<string, BuilderTarget>>;
  readonly engines: readonly EngineSettings[];
  /** Registry name → `host:port` as the engines reach it; where it is missing, the registry's own host. */
  readonly engineRegistryHosts: Readonly<Record<string, string>>;
  /**
   * True: a push's build waits while one of an earlier push to its component goes on, and is called off when a newer commit
   * was asked for before it began; a rebuild when a newer build has completed on the same parents.
   */
  readonly supersede: boolean;
  /** Folder of the logs of running and lately finished builds. */
  readonly logs: string;
  /** Tries of a step that fails for a passing reason (not counting waits for a dependency that is away). */
  readonly maxTries: number;
  /** Milliseconds that a build waits for a git host that is away. */
  readonly sourcePatienceMs: number;
}

/** Where a branch's images live and what its builds may do. */
export interface BuilderTarget {
  readonly name: string;
  /** Suffix of releases, as `.f41`; may be empty. */
  readonly dist: string;
  readonly defaultVersion: string | null;
  /** Repository with `{component}`. */
  readonly repository: string;
  /** True when this target owns the tag `latest` of its repositories. */
  readonly latest: boolean;
  /** Name of the candidate registry. */
  readonly candidate: string;
  readonly parents: {
    /** Registries, or registries with a beginning of a path, that parents may come from. */
    readonly allow: readonly string[];
    /** As written → where it is looked up; `{path}` is the rest. `to` begins with a registry's name or host. */
    readonly rewrite: readonly { readonly from: string; readonly to: string }[];
  };
  /** Null: the engine's default. */
  readonly network: 'none' | 'host' | null;
  readonly limits: BuildLimits;
  /** Its builds that one process runs at a time, counted as an engine's slots are; null: as many as its engines have slots. */
  readonly slots: number | null;
  /** Allows `# syntax=` other than none, and `ADD <url>`. */
  readonly allowSyntax: boolean;
  readonly allowAddUrl: boolean;
}

/** Bounds of one build; null means none of ours. */
export interface BuildLimits {
  readonly timeMs: number;
  readonly memoryBytes: number | null;
  /** Cores, fractions allowed. */
  readonly cpu: number | null;
  readonly contextBytes: number;
  readonly outputBytes: number;
}

export interface EngineSettings {
  /** As `unix:///var/run/docker.sock` or `tcp://127.0.0.1:2375`. */
  readonly host: string;
  /** As `linux/amd64`. */
  readonly platform: string;
  /** Builds at one time, but for those that are pushed and come to their end. */
  readonly slots: number;
  /** Bytes of images and cache that may stay. */
  readonly keepBytes: number;
}
