import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { placeOf } from '../bus/index.js';
import { type OpenedLogger, openLogger } from '../observability/index.js';
import { ended } from '../runtime/signals.js';
import { type CliContext, EXIT } from './context.js';
import { type FolderLock, lockFolder } from './folder-lock.js';
import { birthOf } from './process-birth.js';
import type { Role } from './role-names.js';
import type { ListenAddress, ServeOptions } from './serve-options.js';
import { openService, type Service } from './service.js';
import { loadSettings, type RoomSettings } from './settings.js';

/** Milliseconds that a graceful stop may take; builds past the push are finished within it. */
const STOP_MS = 60_000;
/** Files of ledgers of `run`: each process needs one of its own. */
const MAX_RUNS = 64;
const RUN_LEDGERS = Array.from({ length: MAX_RUNS }, (_, index) => `ledger-run-${index + 1}.db`);

/** Runs roles until a signal. `alone`: the state folder is locked against a second one. */
export async function serve(
  context: CliContext,
  command: Command,
  roles: readonly Role[],
  options: ServeOptions,
  alone: boolean,
): Promise<number> {
  context.endsItself();
  const settings = await loadSettings(context, command);
  const lock = alone ? lockState(context, settings) : null;
  try {
    const log = await openLog(context, settings, options);
    try {
      return await work(context, settings, roles, options, alone, log);
    } finally {
      log.close();
    }
  } finally {
    lock?.release();
  }
}

async function work(
  context: CliContext,
  settings: RoomSettings,
  roles: readonly Role[],
  options: ServeOptions,
  alone: boolean,
  { logger }: OpenedLogger,
): Promise<number> {
  const { terminal, clock, version } = context;
  const service = await openService({
    settings,
    roles,
    logger,
    clock,
    version,
    ledgerFiles: alone ? ['ledger.db'] : RUN_LEDGERS,
    listen: listenAt(options, settings, alone),
    stop: context.interrupt,
  });
  if (service === null) {
    logger.info({ signal: String(context.interrupt.reason) }, 'stopped before the bus was there');
    return EXIT.ok;
  }
  logger.info({ roles, config: settings.hash, health: service.url, version }, 'started');
  terminal.out(greeting(context, settings, roles, service));
  await ended(context.interrupt);
  logger.info({ signal: String(context.interrupt.reason) }, 'stopping');
  terminal.note('stopping; once more stops at once');
  const stopped = await withinBound(service.stop());
  if (stopped) logger.info({}, 'stopped');
  else logger.error({ seconds: STOP_MS / 1_000 }, 'not all ended in time; what is left will be asked for again');
  return stopped ? EXIT.ok : EXIT.internal;
}

/** Where health is served: the option, or what the configuration says. Beside another process a taken port is no fault. */
function listenAt({ listen }: ServeOptions, settings: RoomSettings, alone: boolean): ListenAddress | null {
  return listen === undefined ? { ...settings.config.http, yielding: !alone } : listen;
}

function lockState(context: CliContext, settings: RoomSettings): FolderLock {
  const system = { pid: process.pid, host: hostname(), now: context.clock.now, birthOf };
  return lockFolder(join(settings.state, 'up.lock'), system);
}

function openLog(context: CliContext, settings: RoomSettings, options: ServeOptions): Promise<OpenedLogger> {
  const { terminal } = context;
  return openLogger({
    level: options.logLevel,
    to: options.logFile === undefined ? { kind: 'stderr' } : { kind: 'file', path: options.logFile },
    human: options.logFile === undefined && terminal.errorsToPerson,
    colour: terminal.errorColour,
    base: { process: settings.process.id },
  });
}

function greeting(context: CliContext, settings: RoomSettings, roles: readonly Role[], service: Service): string {
  const { builder, registries } = settings;
  const lines: [string, string][] = [
    ['config', `${settings.place.path ?? 'the built-in default'} (${settings.hash})`],
    ['bus', `${settings.bus.kind} ${placeOf(settings.bus)}`],
    ...builder.engines.map(({ host, platform, slots }): [string, string] => [
      'engine',
      `${host} ${platform}, ${slots} at one time`,
    ]),
    ...registries.map(({ name, url }): [string, string] => ['registry', `${name} ${url}`]),
    ...(service.url === null ? [] : [['health', `${service.url}/readyz`] as [string, string]]),
  ];
  return [
    `layerwright ${context.version} is up: ${roles.join(', ')}`,
    ...lines.map(([name, value]) => `  ${name.padEnd(8)} ${value}`),
    '  Ctrl-C stops; `layerwright watch` shows what happens',
  ].join('\n');
}

/** True when it ended within the bound. */
async function withinBound(work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), STOP_MS);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
