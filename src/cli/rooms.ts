import { join } from 'node:path';
import { type Bus, openBus } from '../bus/index.js';
import { openGit } from '../git/index.js';
import { ServiceError, toError } from '../kernel/service-error.js';
import type { Ledger } from '../ledger/index.js';
import type { Logger, Readiness, ShownMetrics } from '../observability/index.js';
import type { Clock } from '../runtime/clock.js';
import type { Releasers } from '../runtime/releasers.js';
import { ConfigAgreement } from './config-agreement.js';
import type { Role } from './role-names.js';
import { openLedgerRoles, openTriggerRole, type Roles } from './roles.js';
import type { RoomSettings } from './settings.js';

export interface RoomsOptions {
  readonly settings: RoomSettings;
  readonly roles: readonly Role[];
  readonly logger: Logger;
  readonly clock: Clock;
  /** Names for the ledger's file in the state folder; the first that no other process has is taken. */
  readonly ledgerFiles: readonly string[];
}

/** What ends by itself, as a break of a connection, is a line; what does not is told with its trace. */
function tellFault(logger: Logger, error: Error): void {
  if (error instanceof ServiceError && error.transient) {
    logger.warn({ reason: error.message }, 'the bus was disturbed; it comes back by itself');
  } else logger.error({ err: error }, 'a fault on the bus that has no caller');
}

/**
 * Opens the bus and what the roles need, then the roles, the one that consumes pushes first. Checks and gauges come last,
 * so that a try that failed leaves none. Throws `bus_unavailable`, `bus_denied`, `bus_incompatible`, `ledger_unavailable`.
 */
export async function openRooms(
  options: RoomsOptions,
  readiness: Readiness,
  metrics: ShownMetrics,
  releasers: Releasers,
): Promise<void> {
  const { settings, logger } = options;
  const bus = await openBus(settings.bus, settings.topology, { onFault: (error) => tellFault(logger, error) });
  releasers.push('the bus', () => bus.close());
  // Before any role consumes: the first message may be a dead letter already.
  await followDeadLetters(options, bus, metrics, releasers);
  const git = openGit(settings.git);
  releasers.push('git', () => git.close());
  if (options.roles.includes('trigger')) await openTriggerRole({ ...options, bus, metrics }, git, releasers);
  const ledger = await openRoleLedger(options, bus, releasers);
  const roles = await openLedgerRoles({ ...options, bus, ledger, metrics }, git, releasers);
  addChecks(readiness, { bus, roles });
  const agreement = new ConfigAgreement(bus, settings.hash);
  readiness.add('config', () => agreement.check());
  releasers.push('the agreement on the configuration', () => agreement.release());
  addGauges(metrics, { bus, ledger, roles });
}

/** Released before the bus and after the roles that stand on it. */
async function openRoleLedger(options: RoomsOptions, bus: Bus, releasers: Releasers): Promise<Ledger> {
  const { settings, ledgerFiles, logger, clock } = options;
  const { openLedger } = await import('../ledger/index.js');
  let taken: unknown = new ServiceError('ledger_unavailable', 'no file is named for the ledger');
  for (const file of ledgerFiles) {
    try {
      const path = join(settings.state, file);
      const ledger = await openLedger({ bus, prefix: settings.prefix, path, logger, clock });
      releasers.push('the ledger', () => ledger.close());
      return ledger;
    } catch (thrown) {
      if (!(thrown instanceof ServiceError) || thrown.code !== 'ledger_unavailable') throw thrown;
      taken = thrown;
    }
  }
  throw taken;
}

interface Opened {
  readonly bus: Bus;
  readonly ledger: Ledger;
  readonly roles: Roles;
}

function addChecks(readiness: Readiness, { bus, roles }: Pick<Opened, 'bus' | 'roles'>): void {
  readiness.add('bus', async () => {
    const health = await bus.health();
    return health.ok ? { ok: true, detail: health.detail } : health;
  });
  for (const { name } of roles.dependencies()) {
    readiness.add(name, () => {
      const state = roles.dependencies().find((each) => each.name === name);
      return state === undefined || state.ok
        ? { ok: true }
        : { ok: false, reason: state.reason ?? 'it does not answer' };
    });
  }
  // Said, but no reason to be not ready: builds from other hosts are taken, and those that wait hold nothing.
  if (roles.sources() !== null) readiness.add('git', () => ({ ok: true, detail: sourcesText(roles.sources()) }));
}

function sourcesText(sources: ReturnType<Roles['sources']>): string {
  if (sources === null || sources.builds === 0) return 'no build waits for a git host';
  const builds = sources.builds === 1 ? 'a build waits' : `${sources.builds} builds wait`;
  return `${builds} for a git host that is away: ${sources.hosts.join(', ')}`;
}

function addGauges(metrics: ShownMetrics, { bus, ledger, roles }: Opened): void {
  metrics.gauge('builds_running', () => roles.busy());
  metrics.gauge('builds_waiting_for_git', () => roles.sources()?.builds ?? 0);
  metrics.gauge('queue_waiting', () => bus.waiting('builder'));
  metrics.gauge('queue_cascade_waiting', () => bus.waiting('builder.cascade'));
  metrics.gauge('pushes_waiting', () => bus.waiting('trigger'));
  metrics.gauge('bus_term', () => bus.term());
  metrics.gauge('ledger_folded', () => ledger.stats().folded);
  metrics.gauge('ledger_skipped', () => ledger.stats().skipped);
  metrics.gauge('ledger_builds', () => ledger.stats().builds);
}

/** Counts and tells of what nobody could handle. The builder counts its own, so that a request is not counted twice. */
async function followDeadLetters(
  { logger, roles }: RoomsOptions,
  bus: Bus,
  metrics: ShownMetrics,
  releasers: Releasers,
): Promise<void> {
  const follower = await bus.follow('dead', 'end', (batch) => {
    for (const { message } of batch) {
      const { code, reason, group } = message.body;
      logger.warn({ message: message.id, topic: message.topic, code, reason, group }, 'message dead-lettered');
      if (group === 'trigger' && roles.includes('trigger')) metrics.deadLettered(String(code));
    }
  });
  follower.stopped.catch((thrown: unknown) => {
    logger.error({ err: toError(thrown) }, 'dead letters are not followed any more');
  });
  releasers.push('the follower of dead letters', () => follower.stop());
}
