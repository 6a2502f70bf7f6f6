import {
  type Builder,
  type DependencyState,
  openBuilder,
  openBuildLogs,
  openEngine,
  type PooledEngine,
} from '../builder/index.js';
import type { Bus } from '../bus/index.js';
import { type Git, openGit } from '../git/index.js';
import type { Ledger } from '../ledger/index.js';
import type { Logger, Metrics } from '../observability/index.js';
import { openPlanner } from '../planner/index.js';
import { openRegistry, type Registry } from '../registry/index.js';
import type { Clock } from '../runtime/clock.js';
import type { Releasers } from '../runtime/releasers.js';
import { gitPaths, openTrigger } from '../trigger/index.js';
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
  /** Builds in hand. */
  busy(): number;
}

/** Opens the roles asked for; what they opened is released last in, first out, each role before what it stands on. */
export async function openRoles(parts: RoleParts, releasers: Releasers): Promise<Roles> {
  const { settings, roles, bus, ledger, clock, logger, metrics } = parts;
  const git = openGit(settings.git);
  releasers.push('git', () => git.close());
  if (roles.includes('trigger')) {
    const trigger = await openTrigger({
      bus,
      settings: settings.trigger,
      paths: gitPaths(git, logger.child({ role: 'trigger' })),
      clock,
      log: logger.child({ role: 'trigger' }),
      onDecision: (code) => metrics.pushDecided(code),
    });
    releasers.push('the trigger', () => trigger.stop());
  }
  const builder = roles.includes('builder') ? await openBuilderRole(parts, git, releasers) : null;
  if (roles.includes('planner')) {
    const planner = await openPlanner({
      bus,
      ledger,
      clock,
      prefix: settings.prefix,
      process: settings.process,
      log: logger.child({ role: 'planner' }),
    });
    releasers.push('the planner', () => planner.stop());
  }
  return {
    dependencies: () => builder?.dependencies() ?? [],
    busy: () => builder?.busy() ?? 0,
  };
}

async function openBuilderRole(
  { settings, bus, ledger, clock, logger, metrics }: RoleParts,
  git: Git,
  releasers: Releasers,
): Promise<Builder> {
  const registries = new Map<string, Registry>();
  for (const each of settings.registries) {
    const registry = openRegistry(each);
    releasers.push(`the registry ${each.name}`, () => registry.close());
    registries.set(each.name, registry);
  }
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
  return builder;
}
