import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { BuilderSettings, BuilderTarget } from '../builder/index.js';
import { type BusSettings, type Topology, topology } from '../bus/index.js';
import { type Config, type ConfigFault, formatFault, loadConfig, MAX_FAULTS, parseConfig } from '../config/index.js';
import type { GitSettings } from '../git/index.js';
import type { KeeperSettings } from '../keeper/index.js';
import type { ProcessIdentity } from '../kernel/process.js';
import { ServiceError } from '../kernel/service-error.js';
import type { RegistrySettings } from '../registry/index.js';
import type { TriggerSettings } from '../trigger/index.js';
import type { CliContext } from './context.js';
import { type ConfigPlace, findConfig } from './find-config.js';
import { findEngine } from './find-engine.js';

/** The configuration as each room wants it. */
export interface RoomSettings {
  readonly config: Config;
  readonly place: ConfigPlace;
  readonly hash: string;
  readonly prefix: string;
  /** Folder of all that can be deleted. */
  readonly state: string;
  readonly process: ProcessIdentity;
  readonly bus: BusSettings;
  readonly topology: Topology;
  readonly trigger: TriggerSettings;
  readonly builder: BuilderSettings;
  readonly git: GitSettings;
  readonly keeper: KeeperSettings;
  readonly registries: readonly RegistrySettings[];
}

/** Finds, reads and checks the configuration. Throws `usage` (a named file is not there) and `config_file_invalid` with all faults. */
export async function readConfig(
  context: CliContext,
  command: Command,
): Promise<{ readonly config: Config; readonly place: ConfigPlace }> {
  const { config: named } = command.optsWithGlobals<{ config?: string }>();
  const place = findConfig(named, context.env, context.cwd);
  const read = place.path === null ? await builtIn(context) : await loadConfig(place.path, context.env);
  if (!read.ok) throw invalid(place, read.error);
  return { config: read.value, place };
}

/** The configuration for the rooms. Says so when it is the built-in one. */
export async function loadSettings(context: CliContext, command: Command): Promise<RoomSettings> {
  const { config, place } = await readConfig(context, command);
  if (place.path === null) {
    context.terminal.note(
      'layerwright: no configuration found; the built-in default holds (`layerwright config show`)',
    );
  }
  const identity = { id: randomUUID(), host: hostname(), pid: process.pid, version: context.version };
  return roomSettings(config, place, identity, context.env);
}

/** Paths of the built-in default are relative to the working folder, as if its file were there. */
async function builtIn({ cwd, env }: CliContext): ReturnType<typeof loadConfig> {
  const bytes = await readFile(new URL('../../config/default.yaml', import.meta.url));
  return parseConfig(bytes, join(cwd, 'layerwright.yaml'), env);
}

function invalid(place: ConfigPlace, faults: readonly ConfigFault[]): ServiceError {
  const told = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
  const count = faults.length > MAX_FAULTS ? `more than ${MAX_FAULTS} faults` : told;
  const detail = faults.map(formatFault).join('\n');
  return new ServiceError('config_file_invalid', `the configuration ${place.path ?? 'built in'} has ${count}`, {
    detail,
  });
}

/** Maps the configuration to each room's settings. Pure but for `auto`, which looks for an engine's socket. */
export function roomSettings(
  config: Config,
  place: ConfigPlace,
  identity: ProcessIdentity,
  env: CliContext['env'],
): RoomSettings {
  const { prefix, state, gitTopics, gitLog } = config;
  const builder = builderSettings(config, identity, env);
  return {
    config,
    place,
    hash: config.hash,
    prefix,
    state,
    process: identity,
    bus: config.bus,
    topology: topology({ prefix, git: gitTopics, gitLog }),
    trigger: triggerSettings(config),
    builder,
    git: gitSettings(config),
    keeper: keeperSettings(config, builder),
    registries: config.registries.map(({ name, url, credentials }) => ({ name, url, credentials })),
  };
}

function triggerSettings({ prefix, sources, targets, components, build }: Config): TriggerSettings {
  return {
    prefix,
    sources: sources.map(({ match, clone, component }) => ({ match, clone, component })),
    targets: targets.map(({ name, refs, onBranchCreate, closed }) => ({ name, refs, onBranchCreate, closed })),
    components,
    sourcePatienceMs: build.sourcePatienceMs,
  };
}

function gitSettings({ state, sources }: Config): GitSettings {
  return {
    mirrors: join(state, 'mirrors'),
    access: sources.map(({ clone, tokenFile, user, privateAddress }) => ({
      pattern: clone,
      tokenFile,
      user,
      privateAddress,
    })),
  };
}

function builderSettings(config: Config, identity: ProcessIdentity, env: CliContext['env']): BuilderSettings {
  const targets = config.targets.map((target): [string, BuilderTarget] => {
    const {
      stable: _stable,
      refs: _refs,
      onBranchCreate: _create,
      closed: _closed,
      scheduleMs: _schedule,
      ...rest
    } = target;
    return [target.name, rest];
  });
  const hosts = config.registries.map(({ name, engineUrl }): [string, string] => [name, new URL(engineUrl).host]);
  return {
    prefix: config.prefix,
    process: identity,
    targets: Object.fromEntries(targets),
    engines: config.engines.map(({ host, platform, slots, keepBytes }) => ({
      host: host === 'auto' ? findEngine(env) : host,
      platform: platform ?? NATIVE_PLATFORM,
      slots,
      keepBytes,
    })),
    engineRegistryHosts: Object.fromEntries(hosts),
    supersede: config.build.supersede,
    logs: join(config.state, 'logs'),
    maxTries: config.build.maxAttempts,
    sourcePatienceMs: config.build.sourcePatienceMs,
  };
}

/** Nothing local is touched for so long after its last use, beside the longest build. */
const KEEPER_GRACE_MS = 3_600_000;

function keeperSettings({ keep, targets }: Config, { engines }: BuilderSettings): KeeperSettings {
  return {
    ...keep,
    graceMs: KEEPER_GRACE_MS + Math.max(...targets.map(({ limits }) => limits.timeMs)),
    engines: Object.fromEntries(engines.map(({ host, keepBytes }) => [host, keepBytes])),
    targets: Object.fromEntries(targets.map(({ name, candidate, repository }) => [name, { candidate, repository }])),
  };
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', arm: 'arm/v7' };
/** What an engine is taken to run on until it says so: this machine's architecture. */
const NATIVE_PLATFORM = `linux/${ARCHITECTURES[process.arch] ?? process.arch}`;
