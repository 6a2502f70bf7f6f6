import { join } from 'node:path';
import { type Bus, openBus } from '../bus/index.js';
import { openGit } from '../git/index.js';
import { toError } from '../kernel/service-error.js';
import type { Ledger } from '../ledger/index.js';
import {
  type HealthServer,
  type Logger,
  openHealth,
  openMetrics,
  Readiness,
  type ShownMetrics,
} from '../observability/index.js';
import type { Clock } from '../runtime/clock.js';
import { Releasers } from '../runtime/releasers.js';
import { ConfigAgreement } from './config-agreement.js';
import type { Role } from './role-names.js';
import { openLedgerRoles, openTriggerRole, type Roles } from './roles.js';
import type { ListenAddress } from './serve-options.js';
import type { RoomSettings } from './settings.js';

export interface ServiceOptions {
  readonly settings: RoomSettings;
  readonly roles: readonly Role[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly version: string;
  /** Name of the ledger's file in the state folder. */
  readonly ledgerFile: string;
  /** Where `/healthz`, `/readyz` and `/metrics` are served; null: nowhere. */
  readonly listen: ListenAddress | null;
}

/** Roles at work in this process. */
export interface Service {
  /** Where health is served; null where it is not. */
  readonly url: string | null;
  /** Takes no more work, hands back or finishes what is in hand, closes everything. */
  stop(): Promise<void>;
}

/**
 * Opens what the roles need, then the roles, the one that consumes pushes first. What is away (an engine, a registry)
 * does not keep it from starting: `/readyz` says so, and work waits. Throws `bus_unavailable`, `ledger_unavailable`,
 * `address_in_use`.
 */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { settings, logger, clock } = options;
  const releasers = new Releasers();
  try {
    const onFault = (error: Error): void => logger.error({ err: error }, 'a fault on the bus that has no caller');
    const bus = await openBus(settings.bus, settings.topology, { onFault });
    releasers.push('the bus', () => bus.close());
    const metrics = await openMetrics(options.version);
    // Before any role consumes: the first message may be a dead letter already.
    await followDeadLetters(options, bus, metrics, releasers);
    const git = openGit(settings.git);
    releasers.push('git', () => git.close());
    if (options.roles.includes('trigger')) await openTriggerRole({ ...options, bus, metrics }, git, releasers);
    const ledger = await openRoleLedger(options, bus, releasers);
    const roles = await openLedgerRoles({ ...options, bus, ledger, metrics }, git, releasers);
    const readiness = new Readiness(clock.now);
    addChecks(readiness, { bus, roles });
    const agreement = new ConfigAgreement(bus, settings.hash);
    readiness.add('config', () => agreement.check());
    releasers.push('the agreement on the configuration', () => agreement.release());
    addGauges(metrics, { bus, ledger, roles });
    const health = await serveHealth(options, readiness, metrics);
    if (health !== null) releasers.push('the health server', () => health.close());
    return { url: health?.url ?? null, stop: () => releasers.release() };
  } catch (thrown) {
    await releasers
      .release()
      .catch((error: unknown) => logger.warn({ err: toError(error) }, 'not all could be closed'));
    throw thrown;
  }
}

/** Released before the bus and after the roles that stand on it. */
async function openRoleLedger(
  { settings, ledgerFile, logger, clock }: ServiceOptions,
  bus: Bus,
  releasers: Releasers,
): Promise<Ledger> {
  const { openLedger } = await import('../ledger/index.js');
  const path = join(settings.state, ledgerFile);
  const ledger = await openLedger({ bus, prefix: settings.prefix, path, logger, clock });
  releasers.push('the ledger', () => ledger.close());
  return ledger;
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
}

function addGauges(metrics: ShownMetrics, { bus, ledger, roles }: Opened): void {
  metrics.gauge('builds_running', () => roles.busy());
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
  { logger, roles }: ServiceOptions,
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

async function serveHealth(
  { listen, settings, version, roles, logger }: ServiceOptions,
  readiness: Readiness,
  metrics: ShownMetrics,
): Promise<HealthServer | null> {
  if (listen === null) return null;
  const about = { version, config: settings.hash, roles };
  const open = (port: number): Promise<HealthServer> =>
    openHealth({ host: listen.host, port, readiness, metrics, about });
  if (!listen.yielding) return open(listen.port);
  return open(listen.port).catch((thrown: unknown) => {
    logger.warn({ err: toError(thrown) }, 'health is served on a free port');
    return open(0);
  });
}
