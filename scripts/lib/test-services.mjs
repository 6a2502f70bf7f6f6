// The services of one run of tests or benches, and the folder that they live in.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
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
 * @param {string} dir
 * @param {boolean} install
 */
export async function startServices(dir, install) {
  const engine = await orNull(() => bringEngine({ dir: join(dir, 'engine'), install, own: true }));
  const registry = await orNull(() =>
    startRegistry({ dir: join(dir, 'registry'), install, engine: engine?.host ?? null }),
  );
  const env = {
    LAYERWRIGHT_TEST_ENGINE: engine?.host,
    LAYERWRIGHT_TEST_REGISTRY: registry?.url,
    LAYERWRIGHT_TEST_REGISTRY_PROGRAM: (await bringRegistry({ install })) ?? undefined,
    LAYERWRIGHT_TEST_BUSYBOX: (await bringBusybox({ install })) ?? undefined,
  };
  const leaks = async () => {
    if (engine?.private !== true) return [];
    const containers = await engineJson(engine.host, 'GET', '/containers/json?all=true');
    return containers.map(
      (/** @type {any} */ one) => `container ${one.Id.slice(0, 12)} (${one.Image}: ${one.Command})`,
    );
  };
  return { env, leaks };
}

/**
 * @template T
 * @param {() => Promise<T>} bring
 * @returns {Promise<T | null>} null when it can't be had here, which has been said
 */
async function orNull(bring) {
  try {
    return await bring();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    say(`${error.message}${error.commands.map((command) => `\n    ${command}`).join('')}`);
    return null;
  }
}
