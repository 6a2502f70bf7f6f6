import type { Builder, BuilderParts, DependencyState, PooledEngine } from '../builder/index.js';
import type { Bus } from '../bus/index.js';
import type { Git } from '../git/index.js';
import type { Ledger } from '../ledger/index.js';
import type { Logger, Metrics } from '../observability/index.js';
import type { Registry } from '../registry/index.js';
import type { Clock } from '../runtime/clock.js';
import type { Releasers } from '../runtime/releasers.js';
import { gitPaths, openTrigger } from '../trigger/index.js';
import { leftOut } from './left-out.js';
import { reconcilePorts } from './reconcile-ports.js';
import type { Role } from './role-names.js';
import type { RoomSettings } from './settings.js';

export interface RoleParts {
  readonly settings: RoomSettings;
  readonly roles: readonly Role[];
  readonly bus: Bus;
  readonly ledger: Ledger;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The roles at work in this process. */
export interface Roles {
  /** What is outside and away or not; empty without a builder. */
  dependencies(): readonly DependencyState[];
  /** Builds that wait for a git host that is away, and these hosts; null without a builder. */
  sources(): ReturnType<Builder['sources']> | null;
  /** Builds in hand. */
  busy(): number;
}

/** Opens the role that takes pushes. It needs no ledger and no engine, so it is the first to work. */
export async function openTriggerRole(
  { settings, bus, metrics, logger, clock }: Omit<RoleParts, 'ledger'>,
  git: Git,
  releasers: Releasers,
): Promise<void> {
  const log = logger.child({ role: 'trigger' });
  const trigger = await openTrigger({
    bus,
    settings: settings.trigger,
    paths: gitPaths(git, log),
    clock,
    log,
    onDecision: (code) => metrics.pushDecided(code),
  });
  releasers.push('the trigger', () => trigger.stop());
}

/** Opens the roles that stand on the ledger. Their rooms are loaded here: the container engine's client alone takes longer than all else. */
export async function openLedgerRoles(parts: RoleParts, git: Git, releasers: Releasers): Promise<Roles> {
  const { settings, roles, bus, ledger, clock, logger } = parts;
  const builder = roles.includes('builder') ? await openBuilderRole(parts, git, releasers) : null;
  if (roles.includes('planner')) {
    const { openPlanner } = await import('../planner/index.js');
    const log = logger.child({ role: 'planner' });
    const registries = await openRegistries(settings, releasers);
    const planner = await openPlanner({
      bus,
      ledger,
      clock,
      prefix: settings.prefix,
      process: settings.process,
      settings: settings.config.rebuilds,
      isOut: leftOut(settings.config),
      scheduleMs: scheduleOf(settings.config),
      registries: [...registries.values()],
      reconcile: reconcilePorts(settings, git, [...registries.values()], log),
      log,
    });
    releasers.push('the planner', () => planner.stop());
  }
  return {
    dependencies: () => builder?.dependencies() ?? [],
    sources: () => builder?.sources() ?? null,
    busy: () => builder?.busy() ?? 0,
  };
}

async function openBuilderRole(
  { settings, bus, ledger, clock, logger, metrics }: RoleParts,
  git: Git,
  releasers: Releasers,
): Promise<Builder> {
  const { openBuilder, openBuildLogs, openEngine } = await import('../builder/index.js');
  const registries = await openRegistries(settings, releasers);
  const engines: PooledEngine[] = settings.builder.engines.map(({ host, platform, slots }) => {
    const engine = openEngine({ host });
    releasers.push(`the engine ${host}`, () => engine.close());
    return { engine, platform, slots };
  });
  const log = logger.child({ role: 'builder' });
  const logs = openBuildLogs(settings.builder.logs);
  const parts = { bus, ledger, git, registries, engines, logs, clock, log, metrics };
  const builder = await openBuilder(settings.builder, parts);
  releasers.push('the builder', () => builder.stop());
  await openKeeperBeside(parts, settings, logger, releasers);
  return builder;
}

/** Milliseconds after which the images of a target are made anew though nothing has changed; null: never. */
function scheduleOf({ targets }: RoomSettings['config']): (target: string) => number | null {
  const schedules = new Map(targets.map(({ name, scheduleMs }) => [name, scheduleMs]));
  return (target) => schedules.get(target) ?? null;
}

/** By their names in the configuration; no request is made yet. */
async function openRegistries(settings: RoomSettings, releasers: Releasers): Promise<ReadonlyMap<string, Registry>> {
  const { openRegistry } = await import('../registry/index.js');
  const registries = new Map<string, Registry>();
  for (const each of settings.registries) {
    const registry = openRegistry(each);
    releasers.push(`the registry ${each.name}`, () => registry.close());
    registries.set(each.name, registry);
  }
  return registries;
}

/** Who builds has all that house is kept of: engines, mirrors, logs, registries. */
async function openKeeperBeside(
  { bus, ledger, registries, clock }: BuilderParts,
  settings: RoomSettings,
  logger: Logger,
  releasers: Releasers,
): Promise<void> {
  const [{ openKeeper }, { houseStores }] = await Promise.all([import('../keeper/index.js'), import('./house.js')]);
  const keeper = openKeeper({
    ...(await houseStores(settings, releasers)),
    bus,
    ledger,
    registries,
    clock,
    settings: settings.keeper,
    process: settings.process,
    log: logger.child({ role: 'keeper' }),
  });
  releasers.push('the keeper', () => keeper.stop());
}
