/**
 * What a broker that is wrong, too old, full or not there gets, through the command line: one sentence with its code, the
 * exit code of docs/errors.md, no stack trace, no password, within a bound.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { connect as connectAmqp } from 'amqplib';
import { AckPolicy, connect as connectNats, type JetStreamManager } from 'nats';
import { token } from '../../src/bus/nats/names.js';
import { type AmqpVhost, makeVhost, manageRabbitmq, vhostSkip } from '../support/amqp-vhost.js';
import { busYaml } from '../support/bus-yaml.js';
import { CliFolder, type Outcome } from '../support/cli.js';
import { startNatsServer } from '../support/nats-server.js';
import {
  type OtherServer,
  startGreetingNats,
  startGreetingRabbitmq,
  startSilentServer,
  startWebServer,
} from '../support/other-servers.js';
import { type OwnRabbitmq, startOwnRabbitmq } from '../support/own-rabbitmq.js';
import { PREFIX } from '../support/samples.js';
import { requireAmqpManagement, requireNatsServer, requireRabbitmq } from '../support/services.js';

const SECRET = 'sesame-4711';
const UNAVAILABLE = 69;
/** Milliseconds: a command tries for 15 s at most to publish, and 3 s to connect; the rest is a busy machine. */
const BOUND_MS = 40_000;
const TOPIC = `${PREFIX}.git.receive`;
const PUBLISH = ['publish', '--topic', TOPIC, '-'] as const;

interface Refusal {
  readonly code: 'bus_unavailable' | 'bus_denied' | 'bus_incompatible';
  /** What the one sentence says. */
  readonly says: RegExp;
  /** Where doctor says something else than the command. */
  readonly doctorSays?: RegExp;
}

/** Lines of YAML for the bus, with further keys below it. */
async function on(yaml: string, body: (cli: CliFolder) => Promise<void>): Promise<void> {
  const cli = await CliFolder.make({ bus: yaml });
  try {
    await body(cli);
  } finally {
    await cli.close();
  }
}

async function runs(cli: CliFolder, args: readonly string[], stdin = '{"a": 1}'): Promise<Outcome> {
  const began = performance.now();
  const outcome = await cli.run(args, { stdin });
  const took = performance.now() - began;
  assert.ok(took < BOUND_MS, `${args.join(' ')} took ${took} ms`);
  const said = `${outcome.stdout}${outcome.stderr}`;
  assert.doesNotMatch(said, new RegExp(SECRET));
  assert.doesNotMatch(said, /^\s+at .*:\d+/m, 'no stack trace');
  return outcome;
}

/** The same refusal by `publish`, by `builds`, which reads, and by `doctor`. */
async function refused(yaml: string, { code, says, doctorSays = says }: Refusal, ...commands: readonly string[]) {
  await on(yaml, async (cli) => {
    for (const command of commands.length > 0 ? commands : ['publish', 'builds']) {
      const outcome = await runs(cli, command === 'publish' ? PUBLISH : [command]);
      assert.equal(outcome.code, UNAVAILABLE, outcome.stderr);
      assert.equal(outcome.stdout, '');
      const [sentence = ''] = outcome.stderr.split('\n');
      assert.match(sentence, says);
      assert.ok(sentence.startsWith('layerwright: ') && sentence.endsWith(` [${code}]`), sentence);
    }
    const doctor = await runs(cli, ['doctor', '--json']);
    assert.equal(doctor.code, UNAVAILABLE);
    const findings = doctor.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    const bus = findings.find(({ name }) => name === 'bus');
    assert.equal(bus?.['status'], 'fault');
    assert.match(bus?.['text'] ?? '', doctorSays);
    assert.notEqual(bus?.['advice'], '');
  });
}

suite('RabbitMQ refuses', { skip: vhostSkip() }, () => {
  let vhost: AmqpVhost;
  const user = `user-${randomUUID()}`;
  before(async () => {
    vhost = await makeVhost();
    await manage('PUT', `users/${user}`, { password: SECRET, tags: '' });
    await manage('PUT', `permissions/${vhost.name}/${user}`, { configure: '.*', write: '.*', read: '.*' });
  });
  after(async () => {
    await manage('DELETE', `users/${user}`);
    await vhost.remove();
  });
  const as = (name: string, password: string, path = `/${vhost.name}`): string => {
    const url = new URL(vhost.url);
    [url.username, url.password, url.pathname] = [name, password, path];
    return busYaml(url.href);
  };

  test('a wrong password', () =>
    refused(as('guest', SECRET), { code: 'bus_denied', says: /refuses the user or the password/ }));

  test('a virtual host that is not there', () =>
    refused(as(user, SECRET, '/nowhere'), {
      code: 'bus_denied',
      says: /nowhere refuses the virtual host .*does not exist/,
    }));

  test('a topic that the user may not publish', async () => {
    const topics = { exchange: 'amq.topic', write: '^nothing$', read: '.*' };
    await manage('PUT', `topic-permissions/${vhost.name}/${user}`, topics);
    await refused(
      as(user, SECRET),
      {
        code: 'bus_denied',
        says: new RegExp(`user ${user} may not use the topic ${TOPIC}`),
        doctorSays: /may not use the topic .*build\.output/,
      },
      'publish',
    );
  });

  for (const { what, name, declare, says } of [
    {
      what: 'a queue',
      name: `layerwright.${PREFIX}.group.trigger`,
      declare: { type: 'queue', durable: true, arguments: { 'x-queue-type': 'classic' } },
      says: /the queue .*group\.trigger on .* has x-queue-type = classic, wanted quorum: .*delete/,
    },
    {
      what: 'a stream',
      name: `layerwright.${PREFIX}.log.git`,
      declare: { type: 'queue', durable: true, arguments: { 'x-queue-type': 'stream', 'x-max-age': '9s' } },
      says: /the queue .*log\.git on .* has x-max-length-bytes = none, wanted 5368709120: .*bring the configuration in line/,
    },
    {
      what: 'an exchange',
      name: `layerwright.${PREFIX}.direct`,
      declare: { type: 'exchange', kind: 'fanout' },
      says: /the exchange .*direct on .* has type = fanout, wanted direct: .*delete/,
    },
  ] as const) {
    test(`${what} that is there with other arguments`, async () => {
      const own = await makeVhost();
      try {
        const model = await connectAmqp(own.url);
        const channel = await model.createChannel();
        if (declare.type === 'queue') await channel.assertQueue(name, { durable: true, arguments: declare.arguments });
        else await channel.assertExchange(name, declare.kind, { durable: true });
        await model.close();
        await refused(busYaml(own.url), { code: 'bus_incompatible', says });
      } finally {
        await own.remove();
      }
    });
  }
});

suite('RabbitMQ with its disk alarm on', { skip: requireRabbitmq().skip }, () => {
  let rabbitmq: OwnRabbitmq;
  const yaml = (): string => {
    const { url, managementUrl } = rabbitmq;
    return `bus: { kind: amqp, url: ${JSON.stringify(url)}, management_url: ${JSON.stringify(managementUrl)} }`;
  };
  before(async () => {
    // More than any disk has free: what a disk that runs full does, without filling this one.
    rabbitmq = await startOwnRabbitmq({ conf: 'disk_free_limit.absolute = 900000GB' });
  });
  after(() => rabbitmq?.stop());

  test('publishing says why it does not get through', () =>
    on(yaml(), async (cli) => {
      const outcome = await runs(cli, PUBLISH);
      assert.equal(outcome.code, UNAVAILABLE);
      const [sentence = ''] = outcome.stderr.split('\n');
      assert.match(sentence, /^layerwright: .* takes no messages: low on disk \[bus_unavailable\]$/);
    }));

  test('a command that only reads is not held up', () =>
    on(yaml(), async (cli) => {
      const outcome = await runs(cli, ['builds']);
      assert.equal(outcome.code, 0, outcome.stderr);
    }));

  test('doctor names the alarm and what to do', () =>
    on(yaml(), async (cli) => {
      const doctor = await runs(cli, ['doctor']);
      assert.equal(doctor.code, UNAVAILABLE);
      assert.match(doctor.stdout, /fault +alarm: the broker takes no messages: low on disk/);
      assert.match(doctor.stdout, /fault +disk.* has its disk alarm on: nothing can be published/);
      assert.match(doctor.stdout, /Make room on the broker's disk/);
    }));
});

suite('NATS refuses', { skip: requireNatsServer().skip }, () => {
  const server = async (config: string, body: (url: string) => Promise<void>): Promise<void> => {
    const nats = await startNatsServer(config);
    try {
      await body(nats.url);
    } finally {
      await nats.stop();
    }
  };
  const as = (url: string, name: string, password = SECRET): string =>
    busYaml(url.replace('nats://', `nats://${name}:${password}@`));

  test('a wrong password', () =>
    server('authorization { user: builder, password: right }', (url) =>
      refused(as(url, 'builder'), { code: 'bus_denied', says: /refuses the user, password/ }),
    ));

  test('a topic that the user may not publish', () => {
    const deny = `publish: { deny: ["${TOPIC}", "${PREFIX}.container.build.output"] }`;
    return server(
      `authorization { users: [ { user: builder, password: "${SECRET}", permissions: { ${deny} } } ] }`,
      (url) =>
        refused(
          as(url, 'builder'),
          {
            code: 'bus_denied',
            says: new RegExp(`forbids this user a subject: publish ${TOPIC}`),
            doctorSays: /forbids this user a subject: publish .*build\.output/,
          },
          'publish',
        ),
    );
  });

  test('with JetStream off', () =>
    server('jetstream: false', (url) =>
      refused(busYaml(url), { code: 'bus_incompatible', says: /has JetStream switched off; start it with -js/ }),
    ));

  test('an account without JetStream', () =>
    server(
      `accounts { A { users: [ { user: builder, password: "${SECRET}" } ] }, B { jetstream: enabled, users: [ { user: b, password: b } ] } }`,
      (url) =>
        refused(as(url, 'builder'), {
          code: 'bus_incompatible',
          says: /has no JetStream for this account; enable it/,
        }),
    ));

  test('a stream that is there with other arguments', () =>
    server('', async (url) => {
      const name = `LW-${token(PREFIX)}-ours`;
      await prepared(url, (jsm) => jsm.streams.add({ name, subjects: ['elsewhere'], max_age: 9e9 }));
      await refused(busYaml(url), {
        code: 'bus_incompatible',
        says: new RegExp(
          `the stream ${name} is not as it must be: its max_age is 9000000000, and 0 .*nats stream edit ${name}`,
        ),
      });
    }));

  test('a consumer that is there with other arguments', () =>
    server('', async (url) => {
      const stream = `LW-${token(PREFIX)}-git`;
      await on(busYaml(url), async (cli) => {
        assert.equal((await runs(cli, PUBLISH)).code, 0);
      });
      await prepared(url, async (jsm) => {
        await jsm.consumers.delete(stream, 'trigger');
        await jsm.consumers.add(stream, { durable_name: 'trigger', ack_policy: AckPolicy.None });
      });
      await refused(busYaml(url), {
        code: 'bus_incompatible',
        says: new RegExp(
          `the consumer trigger of the stream ${stream} .*ack policy is none, not explicit.*nats consumer rm`,
        ),
      });
    }));

  test('a store that has no room for the streams, and one that is full', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'layerwright-full-'));
    try {
      await server(`jetstream { store_dir: "${folder}", max_file: 600KB }`, async (url) => {
        await refused(busYaml(url), {
          code: 'bus_unavailable',
          says: /no storage left for the stream .*-git of 5368709120 bytes, which it reserves \(git_log\.max_bytes\)/,
        });
        await on(`${busYaml(url)}\ngit_log: { max_bytes: 100k }`, async (cli) => {
          const lines = Array.from({ length: 20 }, () => dumpLine(50_000)).join('\n');
          const full = await runs(cli, ['publish', '--unchecked', '-'], lines);
          assert.equal(full.code, UNAVAILABLE);
          assert.match(
            full.stderr,
            /line \d+: the NATS server at .* (can’t store|no storage|no memory or storage).*\[bus_unavailable\]/,
          );
        });
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

suite('What is no broker of ours', () => {
  const at = async (start: () => Promise<OtherServer>, body: (host: string) => Promise<void>): Promise<void> => {
    const server = await start();
    try {
      await body(server.host);
    } finally {
      await server.stop();
    }
  };
  const free = async (): Promise<string> => {
    const server = await startSilentServer();
    await server.stop();
    return server.host;
  };
  const urls = {
    amqp: (host: string) => busYaml(`amqp://u:${SECRET}@${host}`),
    nats: (host: string) => busYaml(`nats://u:${SECRET}@${host}`),
  };

  test('RabbitMQ that is too old', () =>
    at(
      () => startGreetingRabbitmq('3.8.9'),
      (host) =>
        refused(urls.amqp(host), {
          code: 'bus_incompatible',
          says: /is RabbitMQ 3\.8\.9; Layerwright needs 3\.10 or newer/,
        }),
    ));
  test('nats-server that is too old', () =>
    at(
      () => startGreetingNats('2.8.4'),
      (host) => refused(urls.nats(host), { code: 'bus_incompatible', says: /is 2\.8\.4; at least 2\.9 is needed/ }),
    ));
  for (const [kind, yamlOf] of Object.entries(urls)) {
    test(`${kind}: nobody listens`, async () =>
      refused(yamlOf(await free()), { code: 'bus_unavailable', says: /nothing listens/ }));
    test(`${kind}: a host name that is not there`, () =>
      refused(yamlOf('broker.invalid:1'), { code: 'bus_unavailable', says: /name .*(not known|looked up)/ }));
    test(`${kind}: a web server`, () =>
      at(startWebServer, (host) =>
        refused(yamlOf(host), { code: 'bus_unavailable', says: /not in AMQP|does not answer: .*no NATS server/ }),
      ));
    test(`${kind}: a server that says nothing`, () =>
      at(startSilentServer, (host) => refused(yamlOf(host), { code: 'bus_unavailable', says: /answer/ })));
  }
});

/** What was there before Layerwright came. */
async function prepared(url: string, work: (jsm: JetStreamManager) => Promise<unknown>): Promise<void> {
  const nc = await connectNats({ servers: url });
  try {
    await work(await nc.jetstreamManager());
  } finally {
    await nc.close();
  }
}

/** A message for the log `ours`, which no limit shortens, of so many bytes; no schema knows it. */
function dumpLine(bytes: number): string {
  const body = { pad: 'x'.repeat(bytes) };
  return JSON.stringify({ id: randomUUID(), topic: `${PREFIX}.container.build.requested`, headers: {}, body });
}

async function manage(method: string, path: string, body?: object): Promise<void> {
  await manageRabbitmq(requireAmqpManagement().url, method, path, body);
}
