// The services of one run of tests or benches, and the folder that they live in.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineJson } from './docker-api.mjs';
import { bringEngine } from './engine.mjs';
import { clearEngine } from './private-engine.mjs';
import { atEnd, endLeftovers } from './processes.mjs';
import { stateDir } from './project.mjs';
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
      await endLeftovers(join(runs, name, 'registry'));
      await clearEngine(join(runs, name, 'engine'));
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
 * Starts what can be had here; for what can't, the environment says what to do.
 * @param {string} dir
 * @param {boolean} install
 */
export async function startServices(dir, install) {
  const engine = await bring(() => bringEngine({ dir: join(dir, 'engine'), install, own: true }));
  const registry = await bring(() =>
    startRegistry({ dir: join(dir, 'registry'), install, engine: engine.value?.host ?? null }),
  );
  const env = {
    LAYERWRIGHT_TEST_ENGINE: engine.value?.host,
    LAYERWRIGHT_TEST_ENGINE_HELP: engine.help,
    LAYERWRIGHT_TEST_DAEMON: daemonProgram(dir, engine.value?.tools ?? null),
    LAYERWRIGHT_TEST_DAEMON_HELP: 'sudo npm test',
    LAYERWRIGHT_TEST_REGISTRY: registry.value?.url,
    LAYERWRIGHT_TEST_REGISTRY_HELP: registry.help,
    LAYERWRIGHT_TEST_REGISTRY_PROGRAM: (await bringRegistry({ install })) ?? undefined,
    LAYERWRIGHT_TEST_REGISTRY_PROGRAM_HELP: 'sudo apt-get install docker-registry',
    LAYERWRIGHT_TEST_BUSYBOX: (await bringBusybox({ install })) ?? undefined,
    LAYERWRIGHT_TEST_BUSYBOX_HELP: 'sudo apt-get install busybox-static',
  };
  return { env, leaks: () => leaks(engine.value) };
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
    `export PATH=${quoted(tools.env['PATH'] ?? '')}`,
    ...(libraries === undefined ? [] : [`export LD_LIBRARY_PATH=${quoted(libraries)}`]),
    `exec ${quoted(tools.dockerd)} "$@"`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o755 });
  return path;
}

/** @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
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
 * @param {() => Promise<T>} start
 * @returns {Promise<{ value: T | null, help: string | undefined }>} `help`: what to do where it can't be had, which has been said
 */
async function bring(start) {
  try {
    return { value: await start(), help: undefined };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    say(`${error.message}${error.commands.map((command) => `\n    ${command}`).join('')}`);
    return { value: null, help: error.commands[0] ?? error.message };
  }
}
