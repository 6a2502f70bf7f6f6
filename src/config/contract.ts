/** The configuration in its normal form: milliseconds, bytes, absolute paths, defaults filled in. */
export interface Config {
  /** The file it came from, absolute. */
  readonly file: string;
  /** Of the part that all processes must agree on: 16 hex digits. */
  readonly hash: string;
  readonly prefix: string;
  /** Folder of mirrors, ledger, logs; and of the embedded bus's file unless that is elsewhere. */
  readonly state: string;
  readonly bus: BusConfig;
  readonly http: { readonly host: string; readonly port: number };
  readonly gitTopics: readonly string[];
  readonly gitLog: { readonly maxAgeMs: number; readonly maxBytes: number };
  readonly sources: readonly SourceConfig[];
  readonly targets: readonly TargetConfig[];
  readonly components: readonly ComponentConfig[];
  readonly engines: readonly EngineConfig[];
  readonly registries: readonly RegistryConfig[];
  readonly build: { readonly maxAttempts: number; readonly supersede: boolean; readonly sourcePatienceMs: number };
  readonly rebuilds: {
    readonly quietMs: number;
    readonly deadlineMs: number;
    /** Null: never by itself. */
    readonly reconcileMs: number | null;
    /** Null: images that are not ours are not asked for. */
    readonly pollMs: number | null;
    readonly pollsPerMinute: number;
  };
  readonly keep: KeepConfig;
}

/** What stays of what can be made again; each machine's own affair. */
export interface KeepConfig {
  readonly everyMs: number;
  /** Of each component and target. */
  readonly builds: number;
  readonly ageMs: number;
  readonly mirrorBytes: number;
  readonly logBytes: number;
}

/** Where messages travel. The same as the settings of `bus`, which this room does not know. */
export type BusConfig = EmbeddedBusConfig | AmqpBusConfig | NatsBusConfig;

export interface EmbeddedBusConfig {
  readonly kind: 'embedded';
  readonly path: string;
}

export interface AmqpBusConfig {
  readonly kind: 'amqp';
  /** May hold passwords: shown by `withoutSecrets` only. */
  readonly urls: readonly string[];
  readonly credentials: BusUserFiles | null;
  readonly tls: BusTlsFiles | null;
  readonly passiveDeclares: boolean;
  /** May hold a password too. */
  readonly managementUrl: string | null;
}

export interface NatsBusConfig {
  readonly kind: 'nats';
  /** May hold passwords and tokens. */
  readonly servers: readonly string[];
  readonly credentials: BusUserFiles | { readonly tokenFile: string } | { readonly credsFile: string } | null;
  readonly tls: BusTlsFiles | null;
  readonly passiveDeclares: boolean;
  readonly replicas: number;
}

export interface BusUserFiles {
  readonly userFile: string;
  readonly passwordFile: string;
}

export interface BusTlsFiles {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

export interface SourceConfig {
  readonly match: { readonly namespace?: string; readonly repo?: string; readonly host?: string };
  /** URL, or absolute path, with `{namespace}` and `{repo}`. */
  readonly clone: string;
  readonly component: string;
  readonly tokenFile: string | null;
  readonly user: string | null;
  readonly privateAddress: boolean;
}

export interface TargetConfig {
  readonly name: string;
  readonly refs: readonly string[];
  readonly dist: string;
  readonly defaultVersion: string | null;
  readonly repository: string;
  readonly latest: boolean;
  /** Names of registries. */
  readonly candidate: string;
  readonly stable: string | null;
  readonly parents: {
    readonly allow: readonly string[];
    readonly rewrite: readonly { readonly from: string; readonly to: string }[];
  };
  /** Null: the engine's default. */
  readonly network: 'none' | 'host' | null;
  readonly limits: {
    readonly timeMs: number;
    readonly memoryBytes: number | null;
    readonly cpu: number | null;
    readonly contextBytes: number;
    readonly outputBytes: number;
  };
  /** Builds at one time in one process; null: no bound beside the engines'. */
  readonly slots: number | null;
  readonly onBranchCreate: 'build' | 'skip';
  readonly closed: boolean;
  /** Age at which an image is built anew; null: none. */
  readonly scheduleMs: number | null;
  readonly allowSyntax: boolean;
  readonly allowAddUrl: boolean;
}

export interface ComponentConfig {
  readonly component: string;
  readonly repository: string | null;
  readonly path: string;
  readonly watch: readonly string[];
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly retired: boolean;
}

export interface EngineConfig {
  /** An address, or `auto`: to be found. */
  readonly host: string;
  /** Null: what the engine runs on. */
  readonly platform: string | null;
  readonly slots: number;
  readonly keepBytes: number;
}

export interface RegistryConfig {
  readonly name: string;
  /** Without a slash at its end. */
  readonly url: string;
  /** The registry as engines see it; the same as `url` unless said otherwise. */
  readonly engineUrl: string;
  readonly credentials:
    | { readonly kind: 'none' }
    | { readonly kind: 'files'; readonly userFile: string; readonly passwordFile: string }
    | { readonly kind: 'docker_config'; readonly path: string | null };
}

/** One thing that is wrong with a file. */
export interface ConfigFault {
  /** As `targets.f41.limits.time`; empty for the file as a whole. */
  readonly path: string;
  /** From 1; 0 where there is no place to point at. */
  readonly line: number;
  readonly message: string;
  /** What to write instead; empty where there is nothing to add. */
  readonly hint: string;
}

/** A fault as one line for a person. */
export function formatFault({ path, line, message, hint }: ConfigFault): string {
  const place = [line > 0 ? `line ${line}` : '', path].filter((part) => part !== '').join(', ');
  return `${place === '' ? '' : `${place}: `}${message}${hint === '' ? '' : ` (${hint})`}`;
}
