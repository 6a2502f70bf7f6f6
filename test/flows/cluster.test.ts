import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startCluster } from '../../scripts/lib/clusters.mjs';
import { drill } from '../support/cluster-drill.js';
import { requireNatsServer, requireRabbitmq } from '../support/services.js';

const MESSAGES = 1_000;

const KINDS = [
  { kind: 'nats', name: 'three NATS servers', skip: requireNatsServer().skip },
  { kind: 'amqp', name: 'three RabbitMQ nodes', skip: requireRabbitmq().skip },
] as const;

for (const { kind, name, skip } of KINDS) {
  test(`of ${name} the one with the clients is killed in mid-stream: nothing that was stored is lost, and all goes on`, {
    skip,
  }, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'layerwright-cluster-'));
    try {
      const cluster = await startCluster(kind, { dir, install: false });
      try {
        const report = await drill(cluster, { messages: MESSAGES, kills: 1, seed: 1 });
        assert.deepEqual(report.lost, [], 'what resolved is handled and on the log');
        assert.ok(report.confirmed >= MESSAGES);
        assert.equal(report.followerFault, null);
        assert.deepEqual(report.outOfOrder, []);
        assert.equal(report.deadLetters, 0);
        assert.equal(report.heldTwice, 0);
        assert.ok(report.breaks > 0, 'clients were on the node that was killed');
        if (kind === 'nats') assert.equal(report.storedTwice, 0, 'NATS knows an id for two minutes');
      } finally {
        await cluster.stop();
      }
    } finally {
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    }
  });
}
