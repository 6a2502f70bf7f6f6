/**
 * `passive_declares`: somebody else made the topology, and the user of the role may not. All work of a role goes on; what
 * is missing is named when the bus is opened; and without the setting the missing right is.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { connect } from 'amqplib';
import { connect as connectNats } from 'nats';
import { type Bus, type BusSettings, openBus, type Topology, topology } from '../../src/bus/index.js';
import { type ErrorCode, ServiceError } from '../../src/kernel/service-error.js';
import { settingsOf } from '../../src/library/address.js';
import { type AmqpVhost, makeVhost, vhostSkip } from '../support/amqp-vhost.js';
import { bury, claimOnce, hear, readLog, takeTwice } from '../support/bus-work.js';
import { type NatsServer, startNatsServer } from '../support/nats-server.js';
import { requireNatsServer } from '../support/services.js';

const PREFIX = 'org.example.test';
const ROOT = `layerwright.${PREFIX}`;
const PUSH = 'org.example.git.receive';
const REQUESTED = `${PREFIX}.container.build.requested`;
const OUTPUT = `${PREFIX}.container.build.output`;
const DAY_MS = 86_400_000;
/** Within what time somebody is told what is wrong. */
const TOLD_MS = 5_000;

const TOPOLOGY: Topology = topology({
  prefix: PREFIX,
  git: ['#.git.receive'],
  gitLog: { maxAgeMs: 30 * DAY_MS, maxBytes: 1_000_000_000 },
});

function passive(address: string): BusSettings {
  const settings = settingsOf(address);
  return settings.kind === 'embedded' ? settings : { ...settings, passiveDeclares: true };
}

/** Opening fails soon, with one sentence. */
async function refused(code: ErrorCode, says: RegExp, settings: BusSettings): Promise<void> {
  const began = performance.now();
  await assert.rejects(
    openBus(settings, TOPOLOGY).then((bus) => bus.close()),
    (error: unknown) => {
      assert.ok(error instanceof ServiceError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      assert.doesNotMatch(error.message, /\n|:right@/);
      return true;
    },
  );
  assert.ok(performance.now() - began < TOLD_MS, 'it took too long');
}

/** All that roles do, by `worker`; `other` is somebody else on the same bus. */
function worksOn(buses: () => { readonly worker: Bus; readonly other: Bus; readonly faults: readonly Error[] }): void {
  const cases: Readonly<Record<string, (worker: Bus, other: Bus) => Promise<void>>> = {
    'what it publishes arrives, and comes again when it is retried': (worker) =>
      takeTwice(worker, worker, 'builder', REQUESTED),
    'pushes are consumed': (worker, other) => takeTwice(worker, other, 'trigger', PUSH),
    'what it drops goes to the dead letters': (worker) =>
      bury(worker, worker, 'builder.cascade', `${REQUESTED}.cascade`),
    'the log of builds is followed, and taken up again': (worker) => readLog(worker, worker, 'ours', REQUESTED),
    'the log of pushes is followed, and taken up again': (worker) => readLog(worker, worker, 'git', PUSH),
    'claims are taken, held against others and given back': claimOnce,
    'output is heard': (worker) => hear(worker, worker, OUTPUT),
    'it says that it is well': async (worker) => assert.equal((await worker.health()).ok, true),
  };
  for (const [name, work] of Object.entries(cases)) {
    test(name, async () => {
      const { worker, other, faults } = buses();
      await work(worker, other);
      assert.deepEqual(faults, []);
    });
  }
}

suite('Passive declares on RabbitMQ', { skip: vhostSkip() }, () => {
  let vhost: AmqpVhost;
  let url: string;
  const faults: Error[] = [];
  let [worker, other]: (Bus | undefined)[] = [];
  const own = `${ROOT.replaceAll('.', '\\.')}\\.(claim|listen)\\.`;

  before(async () => {
    vhost = await makeVhost();
    url = await vhost.addUser({ configure: `^${own}`, write: '.*', read: '.*' });
    other = await openBus(settingsOf(vhost.url), TOPOLOGY);
    worker = await openBus(passive(url), TOPOLOGY, { onFault: (fault) => faults.push(fault) });
  });
  after(async () => {
    await Promise.all([worker?.close(), other?.close()]);
    await vhost?.remove();
  });

  worksOn(() => {
    assert.ok(worker && other);
    return { worker, other, faults };
  });

  test('without it, the right that is missing is named', () =>
    refused('bus_denied', /lacks the permission "configure" on the exchange .*\.direct/, settingsOf(url)));

  for (const { kind, name } of [
    { kind: 'queue', name: `${ROOT}.group.trigger` },
    { kind: 'queue', name: `${ROOT}.wait.builder.60000` },
    { kind: 'queue', name: `${ROOT}.log.git` },
    { kind: 'exchange', name: `${ROOT}.direct` },
  ] as const) {
    test(`what is missing is named: ${name}`, async () => {
      const bare = await makeVhost();
      try {
        const user = await bare.addUser({ configure: `^${own}`, write: '.*', read: '.*' });
        await (await openBus(settingsOf(bare.url), TOPOLOGY)).close();
        const model = await connect(bare.url);
        const channel = await model.createChannel();
        await (kind === 'queue' ? channel.deleteQueue(name) : channel.deleteExchange(name));
        await model.close();
        await refused('bus_incompatible', new RegExp(`the ${kind} ${name} is missing`), passive(user));
      } finally {
        await bare.remove();
      }
    });
  }
});

suite('Passive declares on NATS', { skip: requireNatsServer().skip }, () => {
  let server: NatsServer;
  const faults: Error[] = [];
  let [worker, other]: (Bus | undefined)[] = [];
  const as = (user: string): string => {
    const address = new URL(server.url);
    [address.username, address.password] = [user, 'right'];
    return address.href;
  };

  before(async () => {
    server = await startNatsServer(NATS_USERS);
    other = await openBus(settingsOf(as('maker')), TOPOLOGY);
    worker = await openBus(passive(as('role')), TOPOLOGY, { onFault: (fault) => faults.push(fault) });
  });
  after(async () => {
    await Promise.all([worker?.close(), other?.close()]);
    await server?.stop();
  });

  worksOn(() => {
    assert.ok(worker && other);
    return { worker, other, faults };
  });

  for (const { what, name, remove } of [
    {
      what: 'stream',
      name: 'the stream LW-org_example_test-retry',
      remove: 'STREAM.DELETE.LW-org_example_test-retry',
    },
    {
      what: 'group',
      name: 'the consumer builder_cascade of the stream LW-org_example_test-ours',
      remove: 'CONSUMER.DELETE.LW-org_example_test-ours.builder_cascade',
    },
  ]) {
    test(`a ${what} that is missing is named, and without passive declares the right to make it`, async () => {
      const bare = await startNatsServer(NATS_USERS);
      try {
        const port = new URL(bare.url).port;
        const maker = `nats://maker:right@127.0.0.1:${port}`;
        await (await openBus(settingsOf(maker), TOPOLOGY)).close();
        const nc = await connectNats({ port: Number(port), user: 'maker', pass: 'right' });
        await nc.request(`$JS.API.${remove}`);
        await nc.close();
        const role = `nats://role:right@127.0.0.1:${port}`;
        await refused('bus_incompatible', new RegExp(`${name} is missing, and passive_declares`), passive(role));
        const create = remove.replace(/^STREAM\.DELETE/, 'STREAM.CREATE').replace(/^CONSUMER\.DELETE/, 'CREATE');
        await refused(
          'bus_denied',
          new RegExp(`forbids this user a subject: publish \\$JS\\.API\\..*${create.replaceAll('.', '\\.')}`),
          settingsOf(role),
        );
      } finally {
        await bare.stop();
      }
    });
  }
});

/** `role` may use everything and make nothing but its own way to read a log, which has no name. */
const NATS_USERS = `
authorization {
  users: [
    { user: maker, password: right }
    { user: role, password: right, permissions: {
      publish: { allow: [">"], deny: ["$JS.API.STREAM.CREATE.>", "$JS.API.STREAM.UPDATE.>", "$JS.API.CONSUMER.DURABLE.CREATE.>", "$JS.API.CONSUMER.CREATE.*.>"] }
      subscribe: { allow: [">"] }
    } }
  ]
}`;
