// Three brokers as one, of either kind, for tests that kill them one by one.

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startNatsCluster } from './nats.mjs';
import { endLeftovers, until } from './processes.mjs';
import { startRabbitmqCluster } from './rabbitmq.mjs';

/** Within what time a node that is back counts among the others, with all it missed. */
const WHOLE_MS = 60_000;
/** Within what time RabbitMQ's management knows of a connection. */
const STATISTICS_MS = 20_000;

/**
 * @typedef {object} Cluster
 * @property {'amqp' | 'nats'} kind
 * @property {readonly string[]} urls of its nodes, for clients; they stay the same
 * @property {(index: number) => Promise<number>} clientsOn connections of clients to a node, as the broker counts them
 * @property {(index: number) => Promise<void>} kill as a crash
 * @property {(index: number) => Promise<void>} start the same node again; waits until the cluster can lose another one
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a cluster of three, and waits until it can lose one.
 * @param {'amqp' | 'nats'} kind
 * @param {{ dir: string, install: boolean }} options `dir`: what an earlier run left there is ended and removed
 * @returns {Promise<Cluster>}
 * @throws {import('./say.mjs').Fault} with exit code 69
 */
export async function startCluster(kind, options) {
  await clear(options.dir);
  return kind === 'amqp' ? rabbitmq(options) : nats(options);
}

/**
 * @param {{ dir: string, install: boolean }} options
 * @returns {Promise<Cluster>}
 */
async function rabbitmq(options) {
  const cluster = await startRabbitmqCluster(options);
  /** @type {Set<number>} */
  const dead = new Set();
  // The management of any living node knows of all.
  const ask = (/** @type {number} */ index, /** @type {string} */ path) => {
    const { origin, username, password } = new URL(cluster.nodes[index]?.management ?? '');
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    return fetch(`${origin}/api/${path}`, { headers: { authorization } });
  };
  const lacking = async () => {
    for (const index of cluster.nodes.keys()) {
      const nodes = await json(await ask(index, 'nodes'));
      const away = nodes.filter((/** @type {any} */ node) => !node.running).map((/** @type {any} */ node) => node.name);
      if (nodes.length !== cluster.nodes.length || away.length > 0)
        return `node ${index + 1} knows of ${nodes.length} nodes, and misses ${away.join(', ') || 'none'}`;
      // Red where a quorum queue would be left without a majority by the end of this node.
      const check = await ask(index, 'health/checks/node-is-quorum-critical');
      if (!check.ok) return `node ${index + 1} can't be missed: ${(await check.text()).slice(0, 500)}`;
    }
    return null;
  };
  await mustBeWhole(lacking, cluster.stop);
  return {
    kind: 'amqp',
    urls: cluster.nodes.map((node) => node.url),
    clientsOn: async (index) => {
      const alive = [...cluster.nodes.keys()].find((one) => !dead.has(one)) ?? 0;
      // While the statistics of a new connection are on their way, it answers 500.
      let answer = await ask(alive, 'connections');
      const isThere = async () => {
        if (!answer.ok) answer = await ask(alive, 'connections');
        return answer.ok;
      };
      await until(isThere, STATISTICS_MS, 200);
      const name = cluster.nodes[index]?.nodename;
      return (await json(answer)).filter((/** @type {any} */ one) => one.node === name).length;
    },
    kill: (index) => {
      dead.add(index);
      return cluster.kill(index);
    },
    start: async (index) => {
      await cluster.start(index);
      dead.delete(index);
      await mustBeWhole(lacking, async () => {});
    },
    stop: cluster.stop,
  };
}

/**
 * @param {{ dir: string, install: boolean }} options
 * @returns {Promise<Cluster>}
 */
async function nats(options) {
  const cluster = await startNatsCluster(options);
  // Red while a stream or a consumer of the server is behind its leader.
  const lacking = async () => {
    for (const [index, { monitor }] of cluster.nodes.entries()) {
      const health = await fetch(`${monitor}/healthz`);
      if (!health.ok) return `server ${index + 1}: ${await health.text()}`;
    }
    return null;
  };
  await mustBeWhole(lacking, cluster.stop);
  return {
    kind: 'nats',
    urls: cluster.nodes.map((node) => node.url),
    clientsOn: async (index) => (await json(await fetch(`${cluster.nodes[index]?.monitor}/connz`))).num_connections,
    kill: (index) => cluster.kill(index),
    start: async (index) => {
      await cluster.start(index);
      await mustBeWhole(lacking, async () => {});
    },
    stop: cluster.stop,
  };
}

/** @param {string} dir */
async function clear(dir) {
  if (!existsSync(dir)) return;
  const folders = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const folder of [dir, ...folders.map(({ name }) => join(dir, name))]) await endLeftovers(folder);
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
}

/**
 * @param {() => Promise<string | null>} lacking why the cluster can't lose a node
 * @param {() => Promise<void>} giveUp
 */
async function mustBeWhole(lacking, giveUp) {
  /** @type {string | null} */
  let why = null;
  const isWhole = async () => {
    why = await lacking().catch(String);
    return why === null;
  };
  if (await until(isWhole, WHOLE_MS, 200)) return;
  await giveUp();
  throw new Error(`the cluster is not whole after ${WHOLE_MS} ms: ${why}`);
}

/**
 * @param {Response} response
 * @returns {Promise<any>}
 */
async function json(response) {
  if (!response.ok) throw new Error(`${response.url} answers ${response.status}: ${await response.text()}`);
  return response.json();
}
