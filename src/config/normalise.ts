import { hash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { GIT_TOPICS, NATS_GIT_TOPICS } from '../kernel/git-topics.js';
import { busOf } from './bus-form.js';
import type { Config, RegistryConfig, SourceConfig, TargetConfig } from './contract.js';
import type { RawConfig } from './generated/raw.js';
import { type Paths, pathsFrom } from './paths.js';
import { parseBytes, parseDuration } from './units.js';

/** Brings a valid configuration into its normal form. `home` stands for `~`. */
export function normalise(raw: RawConfig, file: string, home: string | null): Config {
  const path = pathsFrom(dirname(file), home);
  const state = path(raw.state);
  const config: Omit<Config, 'hash'> = {
    file,
    prefix: raw.prefix,
    state,
    bus: busOf(raw.bus, path, join(state, 'bus.db')),
    http: raw.http,
    gitTopics: gitTopicsOf(raw),
    gitLog: { maxAgeMs: ms(raw.git_log.max_age), maxBytes: bytes(raw.git_log.max_bytes) },
    sources: raw.sources.map((source) => sourceOf(source, path)),
    targets: Object.entries(raw.targets).map(([name, target]) => targetOf(name, target)),
    components: Object.entries(raw.components).map(([component, { build_args, ...rest }]) => ({
      component,
      ...rest,
      buildArgs: build_args,
    })),
    engines: raw.engines.map(({ keep_bytes, ...rest }) => ({ ...rest, keepBytes: bytes(keep_bytes) })),
    registries: Object.entries(raw.registries).map(([name, registry]) => registryOf(name, registry, path)),
    build: {
      maxAttempts: raw.build.max_attempts,
      supersede: raw.build.supersede,
      sourcePatienceMs: ms(raw.build.source_patience),
    },
    rebuilds: {
      quietMs: ms(raw.rebuilds.quiet),
      deadlineMs: ms(raw.rebuilds.deadline),
      reconcileMs: msOrOff(raw.rebuilds.reconcile),
      pollMs: msOrOff(raw.rebuilds.poll),
      pollsPerMinute: raw.rebuilds.polls_per_minute,
    },
    keep: {
      everyMs: ms(raw.keep.every),
      builds: raw.keep.builds,
      ageMs: ms(raw.keep.age),
      mirrorBytes: bytes(raw.keep.mirror_bytes),
      logBytes: bytes(raw.keep.log_bytes),
    },
  };
  return { ...config, hash: hashOf(config) };
}

/** The default list, as the bus can carry it; a list of the user's own is taken as it is. */
function gitTopicsOf({ bus, git_topics }: RawConfig): readonly string[] {
  const isDefault = git_topics.length === GIT_TOPICS.length && GIT_TOPICS.every((topic) => git_topics.includes(topic));
  return isDefault && bus.kind === 'nats' ? NATS_GIT_TOPICS : git_topics;
}

function sourceOf(source: RawConfig['sources'][number], path: Paths): SourceConfig {
  const { match, clone, component, credentials, allow_private } = source;
  return {
    match,
    clone: /^(\/|\.{1,2}\/|~\/)/.test(clone) ? path(clone) : clone,
    component,
    tokenFile: credentials === null ? null : path(credentials.token_file),
    user: credentials?.user ?? null,
    privateAddress: allow_private,
  };
}

function targetOf(name: string, target: RawConfig['targets'][string]): TargetConfig {
  const { limits } = target;
  return {
    name,
    refs: target.refs,
    dist: target.dist,
    defaultVersion: target.default_version,
    repository: target.repository,
    latest: target.latest,
    candidate: target.candidate,
    stable: target.stable,
    parents: target.parents,
    network: target.network === 'default' ? null : target.network,
    limits: {
      timeMs: ms(limits.time),
      memoryBytes: limits.memory === null ? null : bytes(limits.memory),
      cpu: limits.cpu,
      contextBytes: bytes(limits.context),
      outputBytes: bytes(limits.output),
    },
    slots: target.slots,
    onBranchCreate: target.on_branch_create,
    closed: target.closed,
    scheduleMs: target.schedule === null ? null : ms(target.schedule),
    allowSyntax: target.allow.syntax,
    allowAddUrl: target.allow.add_url,
  };
}

function registryOf(name: string, registry: RawConfig['registries'][string], path: Paths): RegistryConfig {
  const url = registry.url.replace(/\/$/, '');
  return {
    name,
    url,
    engineUrl: registry.engine_url?.replace(/\/$/, '') ?? url,
    credentials: credentialsOf(registry.credentials, path),
  };
}

function credentialsOf(
  raw: RawConfig['registries'][string]['credentials'],
  path: Paths,
): RegistryConfig['credentials'] {
  const { user_file, password_file, docker_config } = raw;
  if (user_file !== undefined && password_file !== undefined) {
    return { kind: 'files', userFile: path(user_file), passwordFile: path(password_file) };
  }
  if (docker_config === false) return { kind: 'none' };
  return { kind: 'docker_config', path: docker_config === true ? null : path(docker_config) };
}

/** The part that processes on several machines must agree on; addresses, files and engines are each one's own. */
function hashOf(config: Omit<Config, 'hash'>): string {
  const { prefix, gitTopics, gitLog, sources, targets, components, registries, build } = config;
  const agreed = {
    prefix,
    gitTopics,
    gitLog,
    sources: sources.map(({ match, clone, component }) => ({ match, clone, component })),
    targets: sorted(targets, ({ name }) => name).map(({ slots: _slots, ...rest }) => rest),
    components: sorted(components, ({ component }) => component),
    registries: sorted(registries, ({ name }) => name).map(({ name, url }) => ({ name, url })),
    build: { maxAttempts: build.maxAttempts, supersede: build.supersede },
  };
  return hash('sha256', canonical(agreed)).slice(0, 16);
}

function sorted<T>(items: readonly T[], by: (item: T) => string): readonly T[] {
  return [...items].sort((a, b) => (by(a) < by(b) ? -1 : 1));
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** The schema has checked the form already. */
function ms(text: string): number {
  return checked(parseDuration(text), text);
}

function msOrOff(text: string): number | null {
  return text === 'off' || text === '0' ? null : ms(text);
}

function bytes(text: string): number {
  return checked(parseBytes(text), text);
}

function checked(value: number | null, text: string): number {
  if (value === null) throw new Error(`${text} passed the schema and is no quantity`);
  return value;
}
