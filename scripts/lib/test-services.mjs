// The services of one run of tests or benches, and the folder that they live in.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bringNats, bringPika, NATS_COMMANDS } from './broker-programs.mjs';
import { engineJson } from './docker-api.mjs';
import { bringEngine } from './engine.mjs';
import { Forbidden, mustBringPodman, startPodman, startRootlessPodman, writePodmanProgram } from './podman.mjs';
import { clearEngine } from './private-engine.mjs';
import { atEnd, endLeftovers } from './processes.mjs';
import { stateDir } from './project.mjs';
import { mustBringRabbitmq, startRabbitmq } from './rabbitmq.mjs';
import { shellQuoted, writeRabbitmqProgram } from './rabbitmq-program.mjs';
import { Fault, say } from './say.mjs';
import { startRegistry } from './services.mjs';
import { bringBusybox, bringRegistry } from './tools.mjs';

/**
 * A folder of this run alone, removed at its end; those of runs that were killed are cleared first.
 * @param {string} kind as `test`
 */
export async function runFolder(kind) {
  const runs = join(stateDir, kind);
  mkdirSync(runs, { recursive: true });
  for (const name of readdirSync(runs)) {
    if (isRunning(Number(name))) continue;
    try {
      for (const service of ['registry', 'amqp']) await endLeftovers(join(runs, name, service));
      for (const engine of ['engine', 'podman', 'rootless-podman']) await clearEngine(join(runs, name, engine));
    } catch (error) {
      if (error instanceof Fault) continue; // Its services have another owner that lives.
      throw error;
    }
    rmSync(join(runs, name), { recursive: true, force: true });
  }
  const dir = join(runs, String(process.pid));
  mkdirSync(dir, { recursive: true });
  atEnd(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts what tests ask for and what can be had here; for what can't, the environment says what to do.
 * @param {{ dir: string, install: boolean, wanted: ReadonlySet<string> }} options `wanted`: names of `TestServiceName`
 */
export async function startServices({ dir, install, wanted }) {
  // Programs are brought one after the other, as they share the package lists; then all start at once.
  const tools = await toolsEnv({ install, wanted });
  const rabbitmq =
    wanted.has('AMQP') || wanted.has('RABBITMQ') ? await bring(() => mustBringRabbitmq({ install })) : NOT_WANTED;
  const podmanTools = ['PODMAN', 'ROOTLESS_PODMAN', 'PODMAN_PROGRAM'].some((name) => wanted.has(name))
    ? await bring(() => mustBringPodman({ install }))
    : NOT_WANTED;
  const [containers, podman, rootless, broker] = await Promise.all([
    startContainers({ dir, install, wanted }),
    wanted.has('PODMAN') ? startWith(podmanTools, join(dir, 'podman'), startPodman) : NOT_WANTED,
    wanted.has('ROOTLESS_PODMAN')
      ? startWith(podmanTools, join(dir, 'rootless-podman'), startRootlessPodman)
      : NOT_WANTED,
    wanted.has('AMQP') && rabbitmq.value !== null
      ? bring(() => startRabbitmq({ dir: join(dir, 'amqp'), install: false }))
      : { value: null, help: rabbitmq.help },
  ]);
  const env = {
    ...tools,
    ...containers.env,
    LAYERWRIGHT_TEST_PODMAN: podman.value?.host,
    LAYERWRIGHT_TEST_PODMAN_HELP: podman.help,
    LAYERWRIGHT_TEST_ROOTLESS_PODMAN: rootless.value?.host,
    LAYERWRIGHT_TEST_ROOTLESS_PODMAN_HELP: rootless.help,
    LAYERWRIGHT_TEST_PODMAN_PROGRAM:
      podmanTools.value === null ? undefined : writePodmanProgram(join(dir, 'podman-service'), podmanTools.value),
    LAYERWRIGHT_TEST_PODMAN_PROGRAM_HELP: podmanTools.help,
    LAYERWRIGHT_TEST_AMQP: broker.value?.url,
    LAYERWRIGHT_TEST_AMQP_HELP: broker.help,
    LAYERWRIGHT_TEST_AMQP_MANAGEMENT: broker.value?.management,
    LAYERWRIGHT_TEST_AMQP_MANAGEMENT_HELP: broker.help,
    LAYERWRIGHT_TEST_RABBITMQ:
      rabbitmq.value === null ? undefined : writeRabbitmqProgram(join(dir, 'rabbitmq'), rabbitmq.value),
    LAYERWRIGHT_TEST_RABBITMQ_HELP: rabbitmq.help,
  };
  return {
    env,
    /** What tests that may be skipped here, whoever runs them, say of why. */
    forbidden: rootless.forbidden === true && rootless.help !== undefined ? [rootless.help] : [],
    leaks: async () => (await Promise.all([containers.engine, podman.value, rootless.value].map(leaks))).flat(),
  };
}

/**
 * @param {Brought<import('./podman.mjs').PodmanTools>} tools
 * @param {string} dir
 * @param {typeof startPodman} starting
 * @returns {Promise<Brought<import('./engine.mjs').Engine>>}
 */
async function startWith(tools, dir, starting) {
  const { value } = tools;
  return value === null ? { ...tools, value } : bring(() => starting({ dir, tools: value }));
}

/** What was not asked for is not there, and nobody is told what to do about it. */
const NOT_WANTED = Object.freeze({ value: null, help: undefined, forbidden: false });

/**
 * Engine and registry: the registry may be a container of the engine.
 * @param {{ dir: string, install: boolean, wanted: ReadonlySet<string> }} options
 */
async function startContainers({ dir, install, wanted }) {
  if (!wanted.has('ENGINE') && !wanted.has('REGISTRY')) return { env: {}, engine: null };
  const engine = wanted.has('ENGINE')
    ? await bring(() => bringEngine({ dir: join(dir, 'engine'), install, own: true }))
    : NOT_WANTED;
  const registry = wanted.has('REGISTRY')
    ? await bring(() => startRegistry({ dir: join(dir, 'registry'), install, engine: engine.value?.host ?? null }))
    : NOT_WANTED;
  const env = {
    LAYERWRIGHT_TEST_ENGINE: engine.value?.host,
    LAYERWRIGHT_TEST_ENGINE_HELP: engine.help,
    LAYERWRIGHT_TEST_DAEMON: daemonProgram(dir, engine.value?.tools ?? null),
    LAYERWRIGHT_TEST_DAEMON_HELP: 'sudo npm test',
    LAYERWRIGHT_TEST_REGISTRY: registry.value?.url,
    LAYERWRIGHT_TEST_REGISTRY_HELP: registry.help,
  };
  return { env, engine: engine.value };
}

/**
 * Programs that tests start themselves.
 * @param {{ install: boolean, wanted: ReadonlySet<string> }} options
 */
async function toolsEnv({ install, wanted }) {
  const path = async (
    /** @type {string} */ name,
    /** @type {(options: { install: boolean }) => Promise<string | null>} */ find,
  ) => (wanted.has(name) ? ((await find({ install })) ?? undefined) : undefined);
  return {
    LAYERWRIGHT_TEST_REGISTRY_PROGRAM: await path('REGISTRY_PROGRAM', bringRegistry),
    LAYERWRIGHT_TEST_REGISTRY_PROGRAM_HELP: 'sudo apt-get install docker-registry',
    LAYERWRIGHT_TEST_BUSYBOX: await path('BUSYBOX', bringBusybox),
    LAYERWRIGHT_TEST_BUSYBOX_HELP: 'sudo apt-get install busybox-static',
    LAYERWRIGHT_TEST_NATS_SERVER: await path('NATS_SERVER', bringNats),
    LAYERWRIGHT_TEST_NATS_SERVER_HELP: NATS_COMMANDS[0],
    LAYERWRIGHT_TEST_PIKA: await path('PIKA', bringPika),
    LAYERWRIGHT_TEST_PIKA_HELP: 'sudo apt-get install python3 python3-pika',
  };
}

/**
 * The engine's daemon as one program, wherever its parts are: for tests that kill an engine of their own.
 * @param {string} dir
 * @param {import('./private-engine.mjs').EngineTools | null} tools
 */
function daemonProgram(dir, tools) {
  if (tools === null) return undefined;
  const path = join(dir, 'daemon');
  const libraries = tools.env['LD_LIBRARY_PATH'];
  const lines = [
    '#!/bin/sh',
    `export PATH=${shellQuoted(tools.env['PATH'] ?? '')}`,
    ...(libraries === undefined ? [] : [`export LD_LIBRARY_PATH=${shellQuoted(libraries)}`]),
    `exec ${shellQuoted(tools.dockerd)} "$@"`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o755 });
  return path;
}

/**
 * Containers that are left in an engine of this run's own: builds and tests leave none.
 * @param {import('./engine.mjs').Engine | null} engine
 */
async function leaks(engine) {
  if (engine?.private !== true) return [];
  const containers = await engineJson(engine.host, 'GET', '/containers/json?all=true');
  return containers.map((/** @type {any} */ one) => `container ${one.Id.slice(0, 12)} (${one.Image}: ${one.Command})`);
}

/**
 * @template T
 * @typedef {object} Brought
 * @property {T | null} value
 * @property {string | undefined} help what to do where it can't be had, which has been said
 * @property {boolean} [forbidden] true: this machine forbids it also to root
 */

/**
 * @template T
 * @param {() => Promise<T>} start
 * @returns {Promise<Brought<T>>}
 */
async function bring(start) {
  try {
    return { value: await start(), help: undefined };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    say(`${error.message}${error.commands.map((command) => `\n    ${command}`).join('')}`);
    return { value: null, help: error.commands[0] ?? error.message, forbidden: error instanceof Forbidden };
  }
}
