/**
 * The rights that docs/operations.md gives to each role: with exactly those, and a topology that somebody else made, all
 * that the role does on the bus works; what other roles do is refused by one sentence that names the right.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { type Bus, type BusSettings, type LogName, openBus, type Topology, topology } from '../../src/bus/index.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import { settingsOf } from '../../src/library/address.js';
import { topologyOf } from '../../src/library/open.js';
import { MESSAGE_NAMES, topicOf } from '../../src/messages/index.js';
import { makeVhost, vhostSkip } from '../support/amqp-vhost.js';
import { amqpLines, amqpRights, BUS_ROLES, type BusRole, natsLines, natsRights } from '../support/bus-roles.js';
import { bury, claimOnce, hear, messageTo, readLog, takeTwice } from '../support/bus-work.js';
import { startNatsServer } from '../support/nats-server.js';
import { requireNatsServer } from '../support/services.js';
import { until } from '../support/until.js';

const PREFIX = 'org.example.test';
const DAY_MS = 86_400_000;
/** Within what time somebody is told what is wrong. */
const TOLD_MS = 5_000;

/** The service's, and the group of a program of somebody else's. */
const SERVICE = topology({
  prefix: PREFIX,
  git: ['org.*.git.receive'],
  gitLog: { maxAgeMs: 30 * DAY_MS, maxBytes: 1_000_000_000 },
});
const REACTOR = topologyOf(PREFIX, { auditor: ['build.completed'] });
const WHOLE: Topology = { ...SERVICE, groups: { ...SERVICE.groups, ...REACTOR.groups } };

/** A topic that a group gets, and one that a log keeps. */
const FEEDS: Readonly<Record<string, string>> = {
  trigger: 'org.example.git.receive',
  builder: topicOf(PREFIX, 'build.requested.v1'),
  'builder.cascade': topicOf(PREFIX, 'build.requested.cascade.v1'),
  auditor: topicOf(PREFIX, 'build.completed.v1'),
};
const KEPT = { git: FEEDS['trigger'] ?? '', ours: topicOf(PREFIX, 'build.started.v1') } as const;

interface Broker {
  /** A bus on it: with all rights, or as a role has it. */
  readonly whole: BusSettings;
  as(role: BusRole): Promise<BusSettings>;
  remove(): Promise<void>;
}

interface Kind {
  readonly name: string;
  readonly skip: string | false;
  make(): Promise<Broker>;
  /** What is said of a topic that may not be published. */
  deniedTopic(topic: string): RegExp;
  deniedGroup(group: string): RegExp;
  deniedLog(log: LogName): RegExp;
}

const quoted = (text: string): string => text.replace(/[.$]/g, '\\$&');
const stem = `LW-${PREFIX.replaceAll('.', '_')}`;

const KINDS: readonly Kind[] = [
  {
    name: 'RabbitMQ',
    skip: vhostSkip(),
    make: async () => {
      const vhost = await makeVhost();
      const as = async (role: BusRole): Promise<BusSettings> => passive(await vhost.addUser(amqpRights(role, PREFIX)));
      return { whole: settingsOf(vhost.url), as, remove: () => vhost.remove() };
    },
    deniedTopic: (topic) => new RegExp(`topic ${quoted(topic)} of the exchange|"write" on the exchange amq\\.topic`),
    deniedGroup: (group) => new RegExp(`"read" on the queue layerwright\\.${quoted(`${PREFIX}.group.${group}`)} `),
    deniedLog: (log) => new RegExp(`"read" on the queue layerwright\\.${quoted(`${PREFIX}.log.${log}`)} `),
  },
  {
    name: 'NATS',
    skip: requireNatsServer().skip,
    make: async () => {
      const names = Object.keys(BUS_ROLES) as (keyof typeof BUS_ROLES)[];
      const users = names.map((name) => {
        const { publish, subscribe } = natsRights(BUS_ROLES[name], PREFIX);
        const permissions = JSON.stringify({ publish: { allow: publish }, subscribe: { allow: subscribe } });
        return `{ user: ${name}, password: right, permissions: ${permissions} }`;
      });
      const server = await startNatsServer(
        `authorization { users: [ { user: maker, password: right }, ${users.join(', ')} ] }`,
      );
      const url = (user: string): string => server.url.replace('//', `//${user}:right@`);
      return {
        whole: settingsOf(url('maker')),
        as: async (role) => passive(url(names.find((name) => BUS_ROLES[name].name === role.name) ?? '')),
        remove: () => server.stop(),
      };
    },
    deniedTopic: (topic) => new RegExp(`forbids this user a subject: publish ${quoted(topic)}$`),
    deniedGroup: (group) =>
      new RegExp(`publish ${quoted(`$JS.API.CONSUMER.MSG.NEXT.${stem}-retry.${group.replace('.', '_')}`)}$`),
    deniedLog: (log) => new RegExp(`publish ${quoted(`$JS.API.CONSUMER.CREATE.${stem}-${log}`)}`),
  },
];

function passive(address: string): BusSettings {
  const settings = settingsOf(address);
  return settings.kind === 'embedded' ? settings : { ...settings, passiveDeclares: true };
}

for (const kind of KINDS) {
  suite(`Rights of roles on ${kind.name}`, { skip: kind.skip }, () => {
    let broker: Broker;
    let other: Bus;
    before(async () => {
      broker = await kind.make();
      other = await openBus(broker.whole, WHOLE);
    });
    after(async () => {
      await other?.close();
      await broker?.remove();
    });

    for (const role of Object.values<BusRole>(BUS_ROLES)) {
      suite(role.name, () => {
        const faults: Error[] = [];
        let bus: Bus;
        before(async () => {
          const its = 'auditor' in role.groups ? REACTOR : SERVICE;
          bus = await openBus(await broker.as(role), its, { onFault: (fault) => faults.push(fault) });
        });
        after(() => bus?.close());
        const works = (name: string, work: () => Promise<void>): void => {
          test(name, async () => {
            await work();
            assert.deepEqual(faults.splice(0), []);
          });
        };

        works('claims', () => claimOnce(bus, other));
        works('is well', async () => assert.equal((await bus.health()).ok, true));
        for (const group of Object.keys(role.groups)) {
          works(`consumes ${group}`, () => takeTwice(bus, other, group, FEEDS[group] ?? ''));
          works(`drops what ${group} gets`, () => bury(bus, other, group, FEEDS[group] ?? ''));
        }
        for (const log of role.logs) {
          if (log === 'dead') works('hears of the dead', () => endOf(bus, 'dead'));
          else works(`reads the log ${log}`, () => readLog(bus, other, log, KEPT[log]));
        }
        for (const name of role.publishes)
          works(`publishes ${name}`, () => bus.publish(messageTo(topicOf(PREFIX, name))));
        if (role.listens) works('hears output', () => hear(bus, other, topicOf(PREFIX, 'build.output.v1')));

        for (const name of MESSAGE_NAMES.filter((each) => !role.publishes.includes(each))) {
          const topic = topicOf(PREFIX, name);
          test(`may not publish ${name}`, () =>
            denied(kind.deniedTopic(topic), async () => {
              await bus.publish(messageTo(topic));
              // On NATS one that no log keeps is sent without an answer.
              throw await until('the fault is told', () =>
                faults.find(({ message }) => kind.deniedTopic(topic).test(message)),
              );
            }));
        }
        for (const group of Object.keys(SERVICE.groups).filter((each) => !(each in role.groups))) {
          if (!('auditor' in role.groups)) test(`may not consume ${group}`, () => cannotConsume(bus, group));
        }
        for (const log of (['ours', 'git', 'dead'] as const).filter((each) => !role.logs.includes(each))) {
          if (log === 'git' && 'auditor' in role.groups) continue;
          test(`may not read the log ${log}`, () => denied(kind.deniedLog(log), () => endOf(bus, log)));
        }

        async function cannotConsume(from: Bus, group: string): Promise<void> {
          const term = from.term();
          const consumer = await from.consume(group, async () => assert.fail('it was given one'), { slots: 1 });
          try {
            await denied(kind.deniedGroup(group), async () => {
              throw await until('the fault is told', () =>
                faults.find(({ message }) => /"read"|-retry\./.test(message)),
              );
            });
          } finally {
            await consumer.stop();
            faults.splice(0);
          }
          assert.equal(from.term(), term, 'the connection broke');
        }
      });
    }
  });
}

suite('The page docs/operations.md', () => {
  for (const { name, lines } of [
    { name: 'RabbitMQ', lines: amqpLines() },
    { name: 'NATS', lines: natsLines() },
  ]) {
    test(`lists the rights that are tested here, for ${name}`, async () => {
      const page = (await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8')).split('\n');
      assert.deepEqual(
        lines.filter((line) => !page.includes(line)),
        [],
      );
    });
  }
});

/** Follows a log from its end until it has caught up. */
async function endOf(bus: Bus, log: LogName): Promise<void> {
  const follower = await bus.follow(log, 'end', () => undefined);
  await follower.caughtUp();
  await follower.stop();
}

/** It fails soon, with one sentence. */
async function denied(says: RegExp, work: () => Promise<void>): Promise<void> {
  const began = performance.now();
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.match(error.message, says);
    assert.equal(error.code, 'bus_denied');
    assert.doesNotMatch(error.message, /\n|right@/);
    return true;
  });
  assert.ok(performance.now() - began < TOLD_MS, 'it took too long');
}
