import { placeOf } from '../bus/index.js';
import { ServiceError, toError } from '../kernel/service-error.js';
import { type HealthServer, openHealth, openMetrics, Readiness, type ShownMetrics } from '../observability/index.js';
import { pause } from '../runtime/clock.js';
import { Releasers } from '../runtime/releasers.js';
import { openRooms, type RoomsOptions } from './rooms.js';
import type { ListenAddress } from './serve-options.js';

/** Milliseconds between two tries to open the bus: doubles from the first to the second. */
const MIN_WAIT_MS = 250;
const MAX_WAIT_MS = 10_000;

export interface ServiceOptions extends RoomsOptions {
  readonly version: string;
  /** Where `/healthz`, `/readyz` and `/metrics` are served; null: nowhere. */
  readonly listen: ListenAddress | null;
  /** Ends the wait for a bus that is away. */
  readonly stop: AbortSignal;
}

/** Roles at work in this process. */
export interface Service {
  /** Where health is served; null where it is not. */
  readonly url: string | null;
  /** Takes no more work, hands back or finishes what is in hand, closes everything. */
  stop(): Promise<void>;
}

/**
 * Serves health, opens what the roles need, then the roles. What is away (the bus, an engine, a registry) does not keep
 * it from starting: `/readyz` says so, and work waits; null when it was told to stop while the bus was away. What
 * waiting can't mend is thrown: `bus_denied`, `bus_incompatible`, `bus_unavailable` that is not transient,
 * `ledger_unavailable`, `address_in_use`.
 */
export async function openService(options: ServiceOptions): Promise<Service | null> {
  const { clock, version, logger } = options;
  const releasers = new Releasers();
  try {
    const metrics = await openMetrics(version);
    const readiness = new Readiness(clock.now);
    readiness.add('bus', () => ({ ok: false, reason: 'not opened yet' }));
    const health = await serveHealth(options, readiness, metrics);
    if (health !== null) releasers.push('the health server', () => health.close());
    const rooms = await openRoomsPatiently(options, readiness, metrics, health?.url ?? null);
    if (rooms === null) {
      await releasers.release();
      return null;
    }
    releasers.push('the rooms', () => rooms.release());
    // Health answers to the end: what is stopped well must not be killed for a silent `/healthz`.
    releasers.push('readiness', () => readiness.add('service', () => ({ ok: false, reason: 'stopping' })));
    return { url: health?.url ?? null, stop: () => releasers.release() };
  } catch (thrown) {
    await releasers
      .release()
      .catch((error: unknown) => logger.warn({ err: toError(error) }, 'not all could be closed'));
    throw thrown;
  }
}

/** Opens the rooms, again and again while the bus is away; null when it was told to stop. */
async function openRoomsPatiently(
  options: ServiceOptions,
  readiness: Readiness,
  metrics: ShownMetrics,
  health: string | null,
): Promise<Releasers | null> {
  const { settings, logger, stop } = options;
  for (let waitMs = MIN_WAIT_MS; !stop.aborted; waitMs = Math.min(waitMs * 2, MAX_WAIT_MS)) {
    const rooms = new Releasers();
    try {
      await openRooms(options, readiness, metrics, rooms);
      return rooms;
    } catch (thrown) {
      await rooms.release().catch((error: unknown) => logger.warn({ err: toError(error) }, 'not all could be closed'));
      if (!isAway(thrown)) throw thrown;
      const reason = thrown.message;
      readiness.add('bus', () => ({ ok: false, reason }));
      logger.warn({ bus: placeOf(settings.bus), reason, waitMs, health }, 'the bus is away; waiting for it');
      await pause(waitMs, stop);
    }
  }
  return null;
}

/** Whether waiting can help. */
function isAway(thrown: unknown): thrown is ServiceError {
  return thrown instanceof ServiceError && thrown.code === 'bus_unavailable' && thrown.transient;
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
