// NATS with JetStream for the demo, the tests and the benches: a private server, or three as a cluster.
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { bringNats, NATS_COMMANDS } from './broker-programs.mjs';
import { endLeftovers, lastLines, start, until } from './processes.mjs';
import { EXIT } from './project.mjs';
import { Fault } from './say.mjs';
import { freePort } from './services.mjs';

const START_MS = 30_000;

/** Our messages are up to 1 MiB, and have headers; the server's default is 1 MiB for both. */
const MAX_PAYLOAD = 2_097_152;

/**
 * @typedef {object} Nats
 * @property {string} url as `nats://127.0.0.1:40123`
 * @property {string} monitor its own pages, as `http://127.0.0.1:40124`
 * @property {number} pid
 * @property {() => Promise<void>} stop
 * @property {() => Promise<void>} kill as a crash
 */

/**
 * @param {{ install: boolean }} options
 * @throws {Fault} with exit code 69 and the commands that help
 */
async function mustBringNats({ install }) {
  const program = await bringNats({ install });
  if (program === null) throw new Fault('No nats-server was found.', EXIT.unavailable, NATS_COMMANDS);
  return program;
}

/**
 * Starts one server and waits until it answers.
 * @param {{ dir: string, install: boolean, port?: number, monitor?: number, conf?: readonly string[] }} options
 *   `port`, `monitor`: asked for first; `conf`: further lines of its configuration
 * @returns {Promise<Nats>}
 * @throws {Fault} with exit code 69
 */
export async function startNats({ dir, install, port, monitor, conf = [] }) {
  const program = await mustBringNats({ install });
  await endLeftovers(dir);
  return startServer(program, { dir, port: await freePort(port), monitor: await freePort(monitor), conf });
}

/**
 * @typedef {object} NatsCluster
 * @property {readonly Nats[]} nodes as they were started last
 * @property {(index: number) => Promise<void>} kill as a crash
 * @property {(index: number) => Promise<void>} start the same server again
 * @property {() => Promise<void>} stop
 */

/**
 * Starts servers that form a cluster, and waits until JetStream has a leader there.
 * @param {{ dir: string, install: boolean, nodes?: number }} options
 * @returns {Promise<NatsCluster>}
 * @throws {Fault} with exit code 69
 */
export async function startNatsCluster({ dir, install, nodes: count = 3 }) {
  const program = await mustBringNats({ install });
  /** @type {{ dir: string, port: number, monitor: number, route: number }[]} */
  const plans = [];
  for (let index = 0; index < count; index += 1) {
    const folder = join(dir, `node-${index + 1}`);
    await endLeftovers(folder);
    plans.push({ dir: folder, port: await freePort(), monitor: await freePort(), route: await freePort() });
  }
  const routes = plans.map(({ route }) => `"nats://127.0.0.1:${route}"`).join(', ');
  const startOne = (/** @type {number} */ index) => {
    const plan = plans[index];
    if (plan === undefined) throw new Error(`there is no server ${index}`);
    return startServer(program, {
      ...plan,
      conf: [
        `server_name: layerwright-${index + 1}`,
        `cluster { name: layerwright, host: 127.0.0.1, port: ${plan.route}, routes: [${routes}] }`,
      ],
    });
  };
  const nodes = await Promise.all(plans.map((_, index) => startOne(index)));
  return {
    nodes,
    kill: async (index) => nodes[index]?.kill(),
    start: async (index) => {
      nodes[index] = await startOne(index);
    },
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

/**
 * @param {string} program
 * @param {{ dir: string, port: number, monitor: number, conf: readonly string[] }} options
 * @returns {Promise<Nats>}
 */
async function startServer(program, { dir, port, monitor, conf }) {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, 'nats.conf');
  const lines = [
    'host: 127.0.0.1',
    `port: ${port}`,
    `http: "127.0.0.1:${monitor}"`,
    `max_payload: ${MAX_PAYLOAD}`,
    `jetstream { store_dir: ${JSON.stringify(join(dir, 'data'))} }`,
    ...conf,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const running = start({ name: 'nats', command: program, args: ['-c', file], dir });
  const url = `http://127.0.0.1:${monitor}`;
  const up = await until(async () => !running.alive() || (await isUp(port, url)), START_MS);
  if (!up || !running.alive()) {
    await running.stop();
    throw new Error(`nats-server does not start:\n${lastLines(running.logFile)}`);
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    monitor: url,
    pid: running.pid,
    stop: running.stop,
    kill: running.kill,
  };
}

/**
 * True when clients are greeted and JetStream works, which in a cluster needs a leader.
 * @param {number} port
 * @param {string} monitor
 */
async function isUp(port, monitor) {
  try {
    return (await fetch(`${monitor}/healthz`)).ok && (await greets(port));
  } catch {
    return false;
  }
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function greets(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (/** @type {boolean} */ answer) => {
      resolve(answer);
      socket.destroy();
    };
    socket.setTimeout(2_000, () => end(false));
    socket.on('data', (data) => end(data.toString('latin1', 0, 5) === 'INFO '));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
  });
}
