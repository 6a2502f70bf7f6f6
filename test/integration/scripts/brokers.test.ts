import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startNatsCluster } from '../../../scripts/lib/nats.mjs';
import { endLeftovers, startTime } from '../../../scripts/lib/processes.mjs';
import { startRabbitmqCluster } from '../../../scripts/lib/rabbitmq.mjs';
import { freePort } from '../../../scripts/lib/services.mjs';
import { requireNatsServer, requireRabbitmq } from '../../support/services.js';
import { until } from '../../support/until.js';

const rabbitmq = requireRabbitmq();
const nats = requireNatsServer();
const library = new URL('../../../scripts/lib/', import.meta.url);

/** A script that starts a broker and then waits; it prints what it got. */
const script = (module: string, call: string): string => `
  import { ${call} } from ${JSON.stringify(new URL(module, library).href)};
  const broker = await ${call}({ dir: process.argv[1], install: false });
  console.log(JSON.stringify({ pid: broker.pid, url: broker.url }));
  setInterval(() => {}, 1000);
`;

describe('brokers beside a script', () => {
  let dir = '';
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'layerwright-brokers-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const cases = [
    { name: 'RabbitMQ', skip: rabbitmq.skip, module: 'rabbitmq.mjs', call: 'startRabbitmq' },
    { name: 'NATS', skip: nats.skip, module: 'nats.mjs', call: 'startNats' },
  ];
  for (const { name, skip, module, call } of cases) {
    test(`${name} is ended by the next run when the script was killed`, { skip }, async () => {
      const folder = join(dir, name);
      const child = spawn(process.execPath, ['--input-type=module', '--eval', script(module, call), folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await child.stdout.setEncoding('utf8').take(1).toArray()) as string[];
      const { pid, url } = JSON.parse(line ?? '') as { pid: number; url: string };
      child.kill('SIGKILL');
      await new Promise((resolve) => child.on('close', resolve));
      assert.notEqual(startTime(pid), null);
      assert.ok(await isOpen(Number(new URL(url).port)));
      assert.deepEqual(await endLeftovers(folder), [module.replace('.mjs', '')]);
      assert.equal(await isOpen(Number(new URL(url).port)), false);
    });
  }

  test('a RabbitMQ program ends its port mapper with it, also when it is killed', { skip: rabbitmq.skip }, async () => {
    const [port, dist, epmd] = [await freePort(), await freePort(), await freePort()];
    const child = spawn(rabbitmq.url, [], {
      env: {
        ...process.env,
        LAYERWRIGHT_RABBITMQ_DIR: join(dir, 'program'),
        LAYERWRIGHT_RABBITMQ_PORT: String(port),
        LAYERWRIGHT_RABBITMQ_DIST_PORT: String(dist),
        LAYERWRIGHT_RABBITMQ_EPMD_PORT: String(epmd),
      },
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await until('RabbitMQ is up', async () => ((await isOpen(port)) ? true : undefined), 60_000);
    assert.ok(await isOpen(epmd));
    child.kill('SIGKILL');
    await ended;
    await until('epmd is gone', async () => ((await isOpen(epmd)) ? undefined : true));
  });

  test('three RabbitMQ nodes are one cluster, and a killed one comes back into it', {
    skip: rabbitmq.skip,
  }, async () => {
    const cluster = await startRabbitmqCluster({ dir: join(dir, 'rabbitmq-cluster'), install: false });
    try {
      assert.deepEqual(await runningNodes(cluster.nodes[1]?.management), [true, true, true]);
      await cluster.kill(0);
      await until('the others notice', async () =>
        (await runningNodes(cluster.nodes[1]?.management)).includes(false) ? true : undefined,
      );
      await cluster.start(0);
      assert.deepEqual(await runningNodes(cluster.nodes[0]?.management), [true, true, true]);
    } finally {
      await cluster.stop();
    }
  });

  test('three NATS servers are one cluster, and a killed one comes back into it', { skip: nats.skip }, async () => {
    const cluster = await startNatsCluster({ dir: join(dir, 'nats-cluster'), install: false });
    try {
      await cluster.kill(0);
      await cluster.start(0);
      const answer = await fetch(`${cluster.nodes[0]?.monitor}/jsz`);
      const { meta_cluster: meta } = (await answer.json()) as { meta_cluster: { cluster_size: number } };
      assert.equal(meta.cluster_size, 3);
    } finally {
      await cluster.stop();
    }
  });
});

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Whether each node that the cluster knows runs, as one of them sees it. */
async function runningNodes(management: string | undefined): Promise<boolean[]> {
  const { origin, username, password } = new URL(management ?? '');
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const answer = await fetch(`${origin}/api/nodes`, { headers: { authorization } });
  return ((await answer.json()) as { running: boolean }[]).map(({ running }) => running);
}
