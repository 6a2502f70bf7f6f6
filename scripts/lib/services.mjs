// The registry of the demo and the tests: one process (or container) on a free port of this machine, with its own folder.
import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { release } from 'node:os';
import { join } from 'node:path';
import { engineJson, isElsewhere } from './docker-api.mjs';
import { atEnd, endLeftovers, lastLines, start, until } from './processes.mjs';
import { EXIT } from './project.mjs';
import { Fault, step } from './say.mjs';
import { bringRegistry } from './tools.mjs';

const START_MS = 15_000;
const IMAGE = 'docker.io/library/registry:2';
/** What marks a registry container of ours, with the folder it was started for. */
const LABEL = 'io.layerwright.script';

/**
 * @typedef {object} Registry
 * @property {string} url as `http://127.0.0.1:40123`
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a registry whose images live in `dir`.
 * @param {{ dir: string, install: boolean, engine: string | null, port?: number }} options `engine`: where a container can run
 *   if the program can't be had; `port`: asked for first
 * @returns {Promise<Registry>}
 * @throws {Fault} with exit code 69
 */
export async function startRegistry({ dir, install, engine, port }) {
  mkdirSync(dir, { recursive: true });
  await endLeftovers(dir);
  // An engine in a virtual machine can't reach a process of ours, but it reaches its own containers.
  const elsewhere = engine !== null && install && (await isElsewhere(engine, release()));
  const program = elsewhere ? null : await bringRegistry({ install });
  if (program !== null) return startProgram(program, dir, await freePort(port));
  if (engine !== null && install) return startContainer(engine, dir, await freePort(port));
  throw new Fault('No container registry was found.', EXIT.unavailable, [
    'mkdir -p .layerwright/tools/registry',
    '(cd .layerwright/tools/registry && apt-get download docker-registry && dpkg -x docker-registry_*.deb .)',
  ]);
}

/**
 * @param {string} program
 * @param {string} dir
 * @param {number} port
 */
async function startProgram(program, dir, port) {
  const config = join(dir, 'config.json');
  writeFileSync(
    config, // YAML takes JSON.
    JSON.stringify({
      version: '0.1',
      log: { level: 'warn' },
      storage: { filesystem: { rootdirectory: join(dir, 'data') }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}` },
    }),
  );
  const running = start({ name: 'registry', command: program, args: ['serve', config], dir });
  const url = `http://127.0.0.1:${port}`;
  const up = await until(async () => !running.alive() || (await answers(url)), START_MS);
  if (!up || !running.alive()) throw new Error(`the registry does not start:\n${lastLines(running.logFile)}`);
  return { url, stop: running.stop };
}

/**
 * @param {string} engine
 * @param {string} dir
 * @param {number} port
 */
async function startContainer(engine, dir, port) {
  await removeContainers(engine, dir);
  step(`fetching the image ${IMAGE} and starting it as a container on 127.0.0.1:${port}; it is removed at the end`);
  const [name, tag] = IMAGE.split(/:(?=[^/]*$)/);
  await engineJson(engine, 'POST', `/images/create?fromImage=${name}&tag=${tag}`, { timeoutMs: 300_000 });
  const made = await engineJson(engine, 'POST', '/containers/create', {
    body: {
      Image: IMAGE,
      Labels: { [LABEL]: dir },
      Env: ['REGISTRY_STORAGE_DELETE_ENABLED=true'],
      HostConfig: { PortBindings: { '5000/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } },
    },
  });
  const stop = () => removeContainers(engine, dir);
  atEnd(stop);
  await engineJson(engine, 'POST', `/containers/${made.Id}/start`, { timeoutMs: 30_000 });
  const url = `http://127.0.0.1:${port}`;
  if (!(await until(() => answers(url), START_MS)))
    throw new Error(`the registry container ${made.Id} does not answer`);
  return { url, stop };
}

/**
 * @param {string} engine
 * @param {string} dir
 */
async function removeContainers(engine, dir) {
  const filters = encodeURIComponent(JSON.stringify({ label: [`${LABEL}=${dir}`] }));
  const containers = await engineJson(engine, 'GET', `/containers/json?all=true&filters=${filters}`);
  for (const { Id } of containers) await engineJson(engine, 'DELETE', `/containers/${Id}?force=true&v=true`);
}

/** @param {string} url */
async function answers(url) {
  try {
    return (await fetch(`${url}/v2/`)).ok;
  } catch {
    return false;
  }
}

/**
 * Ports below those that systems give to outgoing connections (Linux from 32768 on): nobody takes one by chance while
 * a server that was killed is away from it.
 */
const PORTS = Object.freeze({ first: 10_000, count: 22_000 });
const PORT_TRIES = 100;
/** @type {Set<number>} ports that this process was given: none twice, whether a server stands on it yet or not */
const given = new Set();

/**
 * A port of the loopback that nobody uses now.
 * @param {number} [wanted] taken when it is free
 * @returns {Promise<number>}
 */
export async function freePort(wanted) {
  if (wanted !== undefined && (await isFree(wanted))) return wanted;
  for (let tries = 0; tries < PORT_TRIES; tries += 1) {
    const port = PORTS.first + randomInt(PORTS.count);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error('no port of this machine is free');
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
