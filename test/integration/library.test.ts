/** What a program beside the service sees of the package's doors, and what a bus sees of it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'nats';
import { openEmbeddedBus } from '../../src/bus/embedded/index.js';
import { topology } from '../../src/bus/index.js';
import { type DownstreamBus, drop, type LogEntry, openBus, reactTo, retry, ServiceError } from '../../src/index.js';
import { topologyOf } from '../../src/library/open.js';
import { collect, push, readAll } from '../conformance/kit.js';
import { makeVhost, vhostSkip } from '../support/amqp-vhost.js';
import { startNatsServer } from '../support/nats-server.js';
import { completed, failed, PREFIX, sampleBuild, started, withNvr } from '../support/samples.js';
import { requireNatsServer } from '../support/services.js';
import { latch, until } from '../support/until.js';

const GROUPS = { deployer: ['build.completed', 'build.failed'] } as const;

type Mine = DownstreamBus<typeof GROUPS>;

/** A bus file with the service's topology, and a program beside it. */
function on(
  body: (there: { service: Awaited<ReturnType<typeof openService>>; bus: Mine; path: string }) => Promise<void>,
) {
  return async (): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), 'layerwright-library-'));
    const path = join(folder, 'bus.db');
    const service = await openService(path);
    const bus = await openBus(path, { prefix: PREFIX, groups: GROUPS });
    try {
      await body({ service, bus, path });
    } finally {
      await bus.close();
      await service.close();
      await rm(folder, { recursive: true, force: true });
    }
  };
}

function openService(path: string): ReturnType<typeof openEmbeddedBus> {
  const retention = { maxAgeMs: 86_400_000, maxBytes: 1_000_000_000 };
  return openEmbeddedBus(path, topology({ prefix: PREFIX, git: ['#.git.receive'], gitLog: retention }));
}

const componentOf = (name: string) => withNvr(sampleBuild({ component: name }));

/** Reasons in the log of dead letters, by message. */
async function dead(bus: Mine): Promise<readonly { id: string; code: unknown; reason: unknown; group: unknown }[]> {
  const entries: LogEntry[] = await readAll(bus, 'dead');
  return entries.map(({ message: { id, body } }) => ({
    id,
    code: body['code'],
    reason: body['reason'],
    group: body['group'],
  }));
}

test(
  'each topic has its reaction, with the body and the message it came in',
  on(async ({ service, bus }) => {
    const seen: string[] = [];
    await reactTo(bus, 'deployer', {
      'build.completed': async ({ build, image }, { message, retries }) => {
        seen.push(`${build.nvr} ${image.digest} ${message.id} ${retries}`);
      },
      'build.failed': ({ failure }) => {
        seen.push(failure.code);
      },
    });
    const good = completed(componentOf('good'));
    await service.publish(started());
    await service.publish(good);
    await service.publish(failed(componentOf('bad')));
    await until('both came', () => seen.length === 2);
    const image = good.body['image'] as { digest: string };
    assert.deepEqual(seen, [`good-2.4-17.f41 ${image.digest} ${good.id} 0`, 'build_failed']);
    assert.equal(await bus.waiting('deployer'), 0);
  }),
);

test(
  'what completes while the program is away waits for it, and is given to one process of the group',
  on(async ({ service, bus, path }) => {
    const ids = ['a', 'b', 'c', 'd'].map((name) => completed(componentOf(name)));
    for (const message of ids) await service.publish(message);
    const other = await openBus(path, { prefix: PREFIX, groups: GROUPS });
    const seen: string[] = [];
    const reactions = {
      'build.completed': (_: unknown, { message }: { message: { id: string } }) => {
        seen.push(message.id);
      },
      'build.failed': () => undefined,
    };
    await Promise.all([reactTo(bus, 'deployer', reactions), reactTo(other, 'deployer', reactions)]);
    await until('all came', async () => seen.length >= ids.length && (await bus.waiting('deployer')) === 0);
    await other.close();
    assert.deepEqual(seen.sort(), ids.map(({ id }) => id).sort());
  }),
);

test(
  'a reaction that throws is tried again, counted, and in the end its message is a dead letter with the error',
  on(async ({ service, bus }) => {
    const counts: number[] = [];
    const told: string[] = [];
    await reactTo(
      bus,
      'deployer',
      {
        'build.completed': (_, { retries }) => {
          counts.push(retries);
          throw new Error('the network is down');
        },
        'build.failed': () => undefined,
      },
      { maxRetries: 1, onError: (error, { id }) => told.push(`${id} ${error.message}`) },
    );
    const message = completed();
    await service.publish(message);
    const [entry] = await until('it is dead', async () => {
      const entries = await dead(bus);
      return entries.length > 0 ? entries : null;
    });
    assert.deepEqual(counts, [0, 1]);
    assert.deepEqual(told, Array(2).fill(`${message.id} the network is down`));
    assert.deepEqual([entry?.id, entry?.code, entry?.group], [message.id, 'too_many_retries', 'deployer']);
    assert.match(String(entry?.reason), /given up after 1 retry: Error: the network is down\n.*library\.test/s);
  }),
);

test(
  'a reaction may ask for a retry, counted or not, and may drop',
  on(async ({ service, bus }) => {
    const seen: number[] = [];
    await reactTo(bus, 'deployer', {
      'build.completed': async (_, { retries }) => {
        seen.push(retries);
        if (seen.length === 1) return retry('not yet', { after: 1, uncounted: true });
        if (seen.length === 2) return retry('again', { after: 1 });
        return drop('nobody wants it', 'unwanted');
      },
      'build.failed': () => drop('no code'),
    });
    await service.publish(completed(componentOf('a')));
    await service.publish(failed(componentOf('b')));
    const entries = await until('both are dead', async () => {
      const found = await dead(bus);
      return found.length === 2 ? found : null;
    });
    assert.deepEqual(seen, [0, 0, 1]);
    assert.deepEqual(entries.map(({ code, reason }) => `${code}: ${reason}`).sort(), [
      'dropped: no code',
      'unwanted: nobody wants it',
    ]);
  }),
);

test(
  'a message that does not fit its schema, or has a newer one, is a dead letter and no reaction sees it',
  on(async ({ service, bus }) => {
    const seen: string[] = [];
    await reactTo(bus, 'deployer', {
      'build.completed': (_, { message }) => {
        seen.push(message.id);
      },
      'build.failed': () => undefined,
    });
    const good = completed();
    const newer = { ...good.headers, fedora_messaging_schema: 'build.completed.v2' };
    await service.publish({ ...good, id: 'newer', headers: newer });
    await service.publish({ ...good, id: 'invalid', body: { build: 1 } });
    await service.publish({ ...good, id: 'without headers', headers: {} });
    await service.publish({ ...good, id: 'more', body: { ...good.body, member_of_tomorrow: true } });
    await until('the good ones came', () => seen.length === 2);
    assert.deepEqual(seen, ['without headers', 'more']);
    const entries = await dead(bus);
    assert.deepEqual(
      entries.map(({ id, code }) => [id, code]),
      [
        ['newer', 'message_invalid'],
        ['invalid', 'message_invalid'],
      ],
    );
    assert.match(String(entries[0]?.reason), /build\.completed\.v2.*update/);
    assert.match(String(entries[1]?.reason), /required property/);
  }),
);

test(
  'a reaction that ends with an error while the program stops gives its message back, uncounted',
  on(async ({ service, bus, path }) => {
    const begun = latch();
    const other = await openBus(path, { prefix: PREFIX, groups: GROUPS });
    await reactTo(other, 'deployer', {
      'build.completed': async (_, { signal }) => {
        begun.open();
        await new Promise<void>((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('stopped'))),
        );
      },
      'build.failed': () => undefined,
    });
    await service.publish(completed());
    await begun.opened;
    await other.close();
    const counts: number[] = [];
    await reactTo(bus, 'deployer', {
      'build.completed': (_, { retries }) => {
        counts.push(retries);
      },
      'build.failed': () => undefined,
    });
    await until('it came again', () => counts.length === 1);
    assert.deepEqual(counts, [0]);
  }),
);

test(
  'groups and pushes of the service are left as they are',
  on(async ({ service, path }) => {
    const other = await openBus(path, { prefix: PREFIX, groups: { auditor: ['build.started'] } });
    await service.publish(push('one'));
    const trigger = await collect(service, 'trigger');
    await until('the trigger has it', async () => trigger.ids.length === 1 && trigger.stop().then(() => true));
    await service.publish(push('two'));
    // In some decades, whatever has a retention is over it.
    const old = await openEmbeddedBus(path, topologyOf(PREFIX, {}), {
      now: () => Date.now() + 10_000 * 86_400_000,
    });
    await old.prune();
    await old.close();
    await other.close();
    assert.deepEqual(
      (await readAll(service, 'git')).map(({ message }) => message.id),
      ['one', 'two'],
    );
    assert.equal(await service.waiting('trigger'), 1);
    await service.publish(completed());
    assert.equal(await service.waiting('deployer'), 1);
  }),
);

test(
  'a group that was not declared, or a topic without a reaction, is refused at once',
  on(async ({ bus }) => {
    const usage =
      (says: RegExp) =>
      (thrown: unknown): boolean =>
        thrown instanceof ServiceError && thrown.code === 'usage' && says.test(thrown.message);
    const half = { 'build.completed': () => undefined };
    // @ts-expect-error a topic of the group has no reaction
    await assert.rejects(reactTo(bus, 'deployer', half), usage(/gets build\.failed, and nothing reacts/));
    // @ts-expect-error there is no such group
    await assert.rejects(reactTo(bus, 'builder', half), usage(/without a group builder/));
  }),
);

test('on RabbitMQ only its own groups and the logs of our messages are declared', { skip: vhostSkip() }, async () => {
  const vhost = await makeVhost();
  try {
    await (await openBus(vhost.url, { prefix: PREFIX, groups: GROUPS })).close();
    const queues = await until('the management API has them', async () => {
      const names = (await vhost.list<{ name: string }>('queues')).map(({ name }) => name);
      return names.length > 0 ? names : null;
    });
    const declared = queues.filter((name) => !/\.(listen|wait)\./.test(name)).sort();
    assert.ok(queues.every((name) => !name.includes('.wait.') || name.includes('.wait.deployer.')));
    assert.deepEqual(
      declared,
      ['group.deployer', 'log.dead', 'log.ours'].map((name) => `layerwright.${PREFIX}.${name}`),
    );
  } finally {
    await vhost.remove();
  }
});

test('on NATS only its own groups and the logs of our messages are made', {
  skip: requireNatsServer().skip,
}, async () => {
  const server = await startNatsServer();
  try {
    await (await openBus(server.url, { prefix: PREFIX, groups: GROUPS })).close();
    const connection = await connect({ servers: server.url });
    try {
      const manager = await connection.jetstreamManager();
      const streams = (await manager.streams.list().next()).map(({ config }) => config.name.split('-').at(-1)).sort();
      assert.deepEqual(streams, ['claims', 'dead', 'ours', 'retry']);
      const consumers = (await manager.consumers.list('LW-org_example_test-ours').next()).map(({ name }) => name);
      assert.deepEqual(consumers, ['deployer']);
    } finally {
      await connection.close();
    }
  } finally {
    await server.stop();
  }
});
