// RabbitMQ for the demo, the tests and the benches: a private node, or three as a cluster, on free ports of this machine.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { bringRabbitmq, RABBITMQ_COMMANDS } from './broker-programs.mjs';
import { endLeftovers, lastLines, start, until } from './processes.mjs';
import { EXIT } from './project.mjs';
import { writeRabbitmqProgram } from './rabbitmq-program.mjs';
import { Fault } from './say.mjs';
import { freePort } from './services.mjs';

/** How long a node may take to answer; it takes 6 s where nothing else runs. */
const START_MS = 90_000;

/** First bytes of a client of AMQP 0-9-1 (its specification, section 4.2.2). */
const PROTOCOL_HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);

/** User and password of a new RabbitMQ. */
const GUEST = 'guest:guest';

/**
 * @typedef {object} Rabbitmq
 * @property {string} url as `amqp://guest:guest@127.0.0.1:40123`
 * @property {string} management as `http://guest:guest@127.0.0.1:40124`
 * @property {string} nodename
 * @property {number} pid
 * @property {() => Promise<void>} stop
 * @property {() => Promise<void>} kill as a crash
 */

/**
 * @typedef {object} NodeOptions
 * @property {string} dir what it keeps; the same again has the same queues
 * @property {number} port
 * @property {number} management
 * @property {string} [nodename]
 * @property {readonly string[]} [conf] further lines of rabbitmq.conf
 * @property {readonly string[]} [plugins]
 * @property {string} [cookie]
 * @property {number} [distPort]
 * @property {number} [epmdPort]
 */

/**
 * RabbitMQ's programs.
 * @param {{ install: boolean }} options
 * @throws {Fault} with exit code 69 and the commands that help
 */
export async function mustBringRabbitmq({ install }) {
  const tools = await bringRabbitmq({ install });
  if (tools === null) throw new Fault('No RabbitMQ was found.', EXIT.unavailable, RABBITMQ_COMMANDS);
  return tools;
}

/**
 * Starts one node and waits until it answers.
 * @param {{ dir: string, install: boolean, port?: number, management?: number, conf?: readonly string[], plugins?: readonly string[] }} options
 *   `port`, `management`: asked for first
 * @returns {Promise<Rabbitmq>}
 * @throws {Fault} with exit code 69
 */
export async function startRabbitmq({ dir, install, port, management, ...rest }) {
  const tools = await mustBringRabbitmq({ install });
  await endLeftovers(dir);
  const program = writeRabbitmqProgram(join(dir, 'rabbitmq'), tools);
  return startNode(program, { dir, port: await freePort(port), management: await freePort(management), ...rest });
}

/**
 * @typedef {object} RabbitmqCluster
 * @property {readonly Rabbitmq[]} nodes as they were started last
 * @property {(index: number) => Promise<void>} kill as a crash
 * @property {(index: number) => Promise<void>} start the same node again
 * @property {() => Promise<void>} stop
 */

/**
 * Starts nodes that form a cluster; a minority that is cut off pauses.
 * @param {{ dir: string, install: boolean, nodes?: number, conf?: readonly string[] }} options
 * @returns {Promise<RabbitmqCluster>}
 * @throws {Fault} with exit code 69
 */
export async function startRabbitmqCluster({ dir, install, nodes: count = 3, conf = [] }) {
  const tools = await mustBringRabbitmq({ install });
  const folders = Array.from({ length: count }, (_, index) => join(dir, `node-${index + 1}`));
  for (const folder of [...folders, dir]) await endLeftovers(folder);
  const program = writeRabbitmqProgram(join(dir, 'rabbitmq'), tools);
  const epmdPort = await freePort();
  // Of the cluster's own: that of the node that came first would end with it.
  const epmd = start({
    name: 'epmd',
    command: tools.epmd,
    args: [],
    dir,
    env: { ...process.env, ...tools.env, ERL_EPMD_PORT: String(epmdPort), ERL_EPMD_ADDRESS: '127.0.0.1' },
  });
  await answersOn(epmdPort, epmd.alive);
  const names = folders.map((_, index) => `layerwright${index + 1}@localhost`);
  const shared = {
    epmdPort,
    cookie: randomBytes(16).toString('hex'),
    conf: [
      'cluster_formation.peer_discovery_backend = classic_config',
      ...names.map((name, index) => `cluster_formation.classic_config.nodes.${index + 1} = ${name}`),
      'cluster_partition_handling = pause_minority',
      ...conf,
    ],
  };
  /** @type {NodeOptions[]} */
  const plans = [];
  for (const [index, folder] of folders.entries()) {
    plans.push({
      ...shared,
      dir: folder,
      nodename: names[index] ?? '',
      port: await freePort(),
      management: await freePort(),
      distPort: await freePort(),
    });
  }
  const nodes = await Promise.all(plans.map((plan) => startNode(program, plan)));
  return {
    nodes,
    kill: async (index) => nodes[index]?.kill(),
    start: async (index) => {
      const plan = plans[index];
      if (plan !== undefined) nodes[index] = await startNode(program, plan);
    },
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
      await epmd.stop();
    },
  };
}

/**
 * @param {string} program
 * @param {NodeOptions} options
 * @returns {Promise<Rabbitmq>}
 */
async function startNode(program, { dir, port, management, nodename, conf = [], plugins = [], cookie, ...ports }) {
  mkdirSync(dir, { recursive: true });
  const extra = join(dir, 'extra.conf');
  writeFileSync(extra, conf.map((line) => `${line}\n`).join(''));
  const name = nodename ?? 'layerwright@localhost';
  const running = start({
    name: 'rabbitmq',
    command: program,
    args: [],
    dir,
    env: {
      ...process.env,
      LAYERWRIGHT_RABBITMQ_DIR: dir,
      LAYERWRIGHT_RABBITMQ_PORT: String(port),
      LAYERWRIGHT_RABBITMQ_MANAGEMENT_PORT: String(management),
      LAYERWRIGHT_RABBITMQ_DIST_PORT: String(ports.distPort ?? (await freePort())),
      LAYERWRIGHT_RABBITMQ_EPMD_PORT: String(ports.epmdPort ?? (await freePort())),
      LAYERWRIGHT_RABBITMQ_NODENAME: name,
      LAYERWRIGHT_RABBITMQ_CONF: extra,
      LAYERWRIGHT_RABBITMQ_PLUGINS: plugins.join(' '),
      LAYERWRIGHT_RABBITMQ_COOKIE: cookie ?? '',
    },
  });
  const up = await until(async () => !running.alive() || (await isUp(port, management)), START_MS, 100);
  if (!up || !running.alive()) {
    await running.stop();
    throw new Error(`RabbitMQ does not start:\n${lastLines(running.logFile, 15)}`);
  }
  return {
    url: `amqp://${GUEST}@127.0.0.1:${port}`,
    management: `http://${GUEST}@127.0.0.1:${management}`,
    nodename: name,
    pid: running.pid,
    stop: running.stop,
    kill: running.kill,
  };
}

/**
 * @param {number} port
 * @param {number} management
 */
async function isUp(port, management) {
  if (!(await greets(port))) return false;
  try {
    return (await fetch(`http://127.0.0.1:${management}/`)).ok;
  } catch {
    return false;
  }
}

/**
 * True when a server of AMQP 0-9-1 answers: a port that is open may belong to a node that only begins.
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function greets(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(PROTOCOL_HEADER));
    const end = (/** @type {boolean} */ answer) => {
      resolve(answer);
      socket.destroy();
    };
    socket.setTimeout(2_000, () => end(false));
    socket.on('data', (data) => end(data[0] === 1)); // A frame of the type METHOD: connection.start.
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
  });
}

/**
 * @param {number} port
 * @param {() => boolean} alive
 */
async function answersOn(port, alive) {
  const open = () =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('connect', () => socket.destroy()).on('error', () => resolve(false));
    });
  const up = await until(async () => !alive() || /** @type {Promise<boolean>} */ (open()), START_MS);
  if (!up || !alive()) throw new Error(`epmd does not start on port ${port}`);
}
