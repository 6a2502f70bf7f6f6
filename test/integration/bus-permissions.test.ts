/**
 * Permissions of docs/operations.md on RabbitMQ, one operation of the protocol after the other: it works, or is refused by
 * one sentence that names the right. What roles do with theirs is in `bus-roles.test.ts`.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import type { ConfirmChannel } from 'amqplib';
import { connectAmqp } from '../../src/bus/amqp/connect.js';
import { amqpFault } from '../../src/bus/amqp/faults.js';
import { PREFIX } from '../conformance/kit.js';
import { type AmqpVhost, makeVhost, manageRabbitmq, vhostSkip } from '../support/amqp-vhost.js';
import { amqpRights, BUS_ROLES } from '../support/bus-roles.js';
import { requireAmqpManagement } from '../support/services.js';

const ROOT = `layerwright.${PREFIX}`;
const DIRECT = `${ROOT}.direct`;
const TOPICS = 'amq.topic';
const GROUP = `${ROOT}.group.builder`;
const LOG = `${ROOT}.log.ours`;
const REQUESTED = `${PREFIX}.container.build.requested`;
const COMPLETED = `${PREFIX}.container.build.completed`;

interface Rights {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
  /** Topics that may be published; absent: all. */
  readonly topics?: string;
}

const NOTHING = '^$';
const root = ROOT.replaceAll('.', '\\.');

/** As the page has them. */
const ROLES = {
  declarer: { configure: `^${root}\\.`, write: `^${root}\\.`, read: `^(amq\\.topic|${root}\\..*)$` },
  builder: amqpRights(BUS_ROLES.builder, PREFIX),
  hook: { configure: NOTHING, write: '^amq\\.topic$', read: NOTHING, topics: '\\.git\\.receive$' },
} as const satisfies Readonly<Record<string, Rights>>;

type Operation = (channel: ConfirmChannel) => Promise<unknown>;

const publish =
  (exchange: string, key: string): Operation =>
  async (channel) => {
    channel.publish(exchange, key, Buffer.from('{}'));
    await channel.waitForConfirms();
  };
const quorum = { durable: true, arguments: { 'x-queue-type': 'quorum' } };

const OPERATIONS = {
  declareExchange: (channel) => channel.assertExchange(DIRECT, 'direct', { durable: true }),
  declareGroup: (channel) => channel.assertQueue(GROUP, quorum),
  declareWait: (channel) =>
    channel.assertQueue(`${ROOT}.wait.builder.1000`, {
      durable: true,
      arguments: { ...quorum.arguments, 'x-message-ttl': 1000, 'x-dead-letter-exchange': DIRECT },
    }),
  declareLog: (channel) => channel.assertQueue(LOG, { durable: true, arguments: { 'x-queue-type': 'stream' } }),
  bindGroup: (channel) => channel.bindQueue(GROUP, TOPICS, REQUESTED),
  bindDirect: (channel) => channel.bindQueue(GROUP, DIRECT, GROUP),
  lookForGroup: (channel) => channel.checkQueue(GROUP),
  consume: (channel) => channel.consume(GROUP, () => undefined),
  readLog: async (channel) => {
    await channel.prefetch(1);
    await channel.consume(LOG, () => undefined, { arguments: { 'x-stream-offset': 'first' } });
  },
  publishRequested: publish(TOPICS, REQUESTED),
  publishCompleted: publish(TOPICS, COMPLETED),
  publishPush: publish(TOPICS, 'org.example.git.receive'),
  retry: publish(DIRECT, GROUP),
  claim: async (channel) => {
    const name = `${ROOT}.claim.${randomUUID()}`;
    await channel.assertQueue(name, { exclusive: true, durable: false });
    await channel.bindQueue(name, DIRECT, name);
    await channel.consume(name, () => undefined);
    await channel.deleteQueue(name);
  },
  listen: async (channel) => {
    const name = `${ROOT}.listen.${randomUUID()}`;
    await channel.assertQueue(name, { exclusive: true, autoDelete: true });
    await channel.bindQueue(name, TOPICS, `${PREFIX}.#`);
    await channel.consume(name, () => undefined, { noAck: true });
  },
} as const satisfies Readonly<Record<string, Operation>>;

type Name = keyof typeof OPERATIONS;

/** What each role may not do, and the right that is then named; all else works. */
const REFUSED: Readonly<Record<keyof typeof ROLES, Partial<Record<Name, RegExp>>>> = {
  declarer: {
    publishRequested: /"write" on the exchange amq\.topic/,
    publishCompleted: /"write" on the exchange amq\.topic/,
    publishPush: /"write" on the exchange amq\.topic/,
  },
  builder: {
    declareExchange: /"configure" on the exchange .*\.direct/,
    declareGroup: /"configure" on the queue .*\.group\.builder/,
    declareWait: /"configure" on the queue .*\.wait\.builder\.1000/,
    declareLog: /"configure" on the queue .*\.log\.ours/,
    bindGroup: /"write" on the queue .*\.group\.builder/,
    bindDirect: /"write" on the queue .*\.group\.builder/,
    listen: /"read" on the exchange amq\.topic/,
    publishPush: /topic org\.example\.git\.receive of the exchange amq\.topic/,
  },
  hook: {
    declareExchange: /"configure" on the exchange .*\.direct/,
    declareGroup: /"configure" on the queue .*\.group\.builder/,
    declareWait: /"configure" on the queue .*\.wait\.builder\.1000/,
    declareLog: /"configure" on the queue .*\.log\.ours/,
    bindGroup: /"write" on the queue .*\.group\.builder/,
    bindDirect: /"write" on the queue .*\.group\.builder/,
    consume: /"read" on the queue .*\.group\.builder/,
    readLog: /"read" on the queue .*\.log\.ours/,
    publishRequested: /topic .*build\.requested of the exchange amq\.topic/,
    publishCompleted: /topic .*build\.completed of the exchange amq\.topic/,
    retry: /"write" on the exchange .*\.direct/,
    claim: /"configure" on the queue .*\.claim\./,
    listen: /"configure" on the queue .*\.listen\./,
  },
};

suite('Permissions on RabbitMQ', { skip: vhostSkip() }, () => {
  let vhost: AmqpVhost;
  const user = `user-${randomUUID()}`;

  before(async () => {
    vhost = await makeVhost();
    await manage('PUT', `users/${user}`, { password: 'right', tags: '' });
    for (const name of ['declareExchange', 'declareGroup', 'declareLog', 'declareWait'] as const) {
      await attempt(OPERATIONS[name], vhost.url);
    }
  });
  after(async () => {
    await manage('DELETE', `users/${user}`);
    await vhost.remove();
  });

  for (const [role, rights] of Object.entries(ROLES) as [keyof typeof ROLES, Rights][]) {
    for (const name of Object.keys(OPERATIONS) as Name[]) {
      const says = REFUSED[role][name];
      test(`${role}: ${name} ${says === undefined ? 'works' : 'is refused, and the right is named'}`, async () => {
        await grant(rights);
        const url = new URL(vhost.url);
        [url.username, url.password] = [user, 'right'];
        if (says === undefined) return attempt(OPERATIONS[name], url.href);
        const error = await attempt(OPERATIONS[name], url.href).then(
          () => assert.fail('it was allowed'),
          (thrown: unknown) => amqpFault(thrown, 'the broker'),
        );
        assert.match(error.message, says);
        assert.match(error.message, new RegExp(`user ${user}`));
        assert.equal(error.code, 'bus_denied');
        assert.equal(error.transient, false);
        assert.doesNotMatch(error.message, /\n|right@/);
      });
    }
  }

  async function grant({ topics = '.*', ...rights }: Rights): Promise<void> {
    await manage('PUT', `permissions/${vhost.name}/${user}`, rights);
    await manage('PUT', `topic-permissions/${vhost.name}/${user}`, { exchange: TOPICS, write: topics, read: '.*' });
  }
});

/** Does it on a connection of its own; throws what the broker closed the channel with. */
async function attempt(operation: Operation, url: string): Promise<void> {
  const model = await connectAmqp(
    { kind: 'amqp', urls: [url], credentials: null, tls: null, passiveDeclares: true, managementUrl: null },
    { heartbeatS: 10, name: 'permissions test' },
  );
  try {
    const channel = await model.createConfirmChannel();
    const refused = new Promise<never>((_, reject) => channel.on('error', reject));
    refused.catch(() => undefined);
    // A publish that is refused only closes the channel: the next answer tells whether it did.
    const done = operation(channel).then(() => channel.checkExchange(TOPICS));
    await Promise.race([done.catch(() => refused), refused]);
  } finally {
    await model.close().catch(() => undefined);
  }
}

async function manage(method: string, path: string, body?: object): Promise<void> {
  await manageRabbitmq(requireAmqpManagement().url, method, path, body);
}
