/** What travels, byte for byte, as docs/wire-format.md has it: seen by raw clients of the brokers, and by another language. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import amqplib, { type ChannelModel, type ConsumeMessage, type MessageProperties } from 'amqplib';
import { connect, type MsgHdrs } from 'nats';
import { type Bus, openBus, topology } from '../../src/bus/index.js';
import { settingsOf } from '../../src/library/address.js';
import { CATALOG, compose, type Message, type MessageName, topicOf } from '../../src/messages/index.js';
import { makeVhost, vhostSkip } from '../support/amqp-vhost.js';
import { startNatsServer } from '../support/nats-server.js';
import { PikaConsumer, publishByPika } from '../support/pika.js';
import { oneOfEach, PREFIX, SAMPLE_TIME, sampleBuild } from '../support/samples.js';
import { requireNatsServer, requirePika } from '../support/services.js';
import { until } from '../support/until.js';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const SEVERITY_NUMBER = { debug: 10, info: 20, warning: 30, error: 40 };
const DAY_MS = 86_400_000;
const TOPOLOGY = topology({ prefix: PREFIX, git: ['#.git.receive'], gitLog: { maxAgeMs: DAY_MS, maxBytes: 1e9 } });

/** One message of every kind, with every header that ours can have. */
const OURS: readonly (readonly [MessageName, Message])[] = (
  Object.entries(oneOfEach()) as [MessageName, Message][]
).map(([name, { id, body }]) => [
  name,
  compose({
    prefix: PREFIX,
    name,
    // A build has one end, and one id for it; here both ends are wanted.
    id: name === 'build.failed.v1' ? 'another-end' : id,
    body: body as never,
    now: SAMPLE_TIME,
    containers: ['httpd'],
    users: ['ralph'],
    traceparent: TRACEPARENT,
  }),
]);

function headersOf(name: MessageName): Record<string, unknown> {
  return {
    fedora_messaging_schema: name,
    fedora_messaging_severity: SEVERITY_NUMBER[CATALOG[name].severity],
    'sent-at': '2026-11-23T17:15:00+00:00',
    priority: 0,
    fedora_messaging_container_httpd: true,
    fedora_messaging_user_ralph: true,
    traceparent: TRACEPARENT,
  };
}

/** A message of a fedora-messaging program: with ids, numbers, nulls, lists and tables in its headers. */
const FOREIGN: Message = {
  id: '7d5f8a1c-3b1e-4b5e-9d53-7f3a5f2c9e11',
  topic: 'org.example.git.receive',
  headers: {
    fedora_messaging_schema: 'git.receive',
    fedora_messaging_severity: 20,
    'sent-at': '2026-11-23T17:15:00+00:00',
    priority: 3,
    fedora_messaging_user_ralph: true,
    'x-number-as-text': '20',
    'x-big': 4_294_967_296,
    'x-none': null,
    'x-list': ['a', 1, false],
    'x-table': { a: { b: 'ü' } },
  },
  body: { commit: { repo: 'httpd', message: 'Grüße\u0000 \u2028 \u{1f680}', stats: { total: 1.5, none: null } } },
};

describe('on AMQP', { skip: vhostSkip() }, () => {
  test('each of our messages has exactly these properties, headers and bytes', () =>
    onVhost(async ({ url, bus }) => {
      const seen = await rawConsumer(url, `${PREFIX}.#`);
      const before = Math.floor(Date.now() / 1_000);
      for (const [, message] of OURS) await bus.publish(message);
      await until('all came', () => seen.length === OURS.length);
      for (const [name, message] of OURS) {
        const raw = seen.find(({ fields }) => fields.routingKey === topicOf(PREFIX, name));
        assert.equal(raw?.fields.exchange, 'amq.topic');
        const { timestamp, ...properties } = given(raw.properties);
        assert.deepEqual(properties, {
          contentType: 'application/json',
          contentEncoding: 'utf-8',
          deliveryMode: 2,
          priority: 0,
          messageId: message.id,
          headers: headersOf(name),
        });
        const now = Math.ceil(Date.now() / 1_000);
        assert.ok(Number(timestamp) >= before && Number(timestamp) <= now, `${timestamp} is no time of publishing`);
        assert.equal(raw.content.toString('utf8'), JSON.stringify(message.body));
      }
    }));

  test('headers of others travel as they came; lists and tables a second time, for the logs', () =>
    onVhost(async ({ url, bus }) => {
      const seen = await rawConsumer(url, FOREIGN.topic);
      await bus.publish(FOREIGN);
      await until('it came', () => seen.length === 1);
      const { 'x-list': list, 'x-table': table } = FOREIGN.headers;
      const { 'x-layerwright-headers': nested, ...headers } = seen[0]?.properties.headers ?? {};
      assert.deepEqual(headers, FOREIGN.headers);
      assert.deepEqual(JSON.parse(nested), { 'x-list': list, 'x-table': table });
      assert.deepEqual(await logged(bus, 'git'), [FOREIGN]);
      assert.equal(seen[0]?.properties.messageId, FOREIGN.id);
      assert.equal(seen[0]?.properties.priority, 3);
    }));

  describe('a program in Python, on pika', { skip: requirePika().skip }, () => {
    test('has nothing to complain about in any of our messages, and reads what was sent', () =>
      onVhost(async ({ url, bus }) => {
        const consumer = await PikaConsumer.start(url, 'a-queue-of-python', [`${PREFIX}.#`]);
        for (const [, message] of OURS) await bus.publish(message);
        await until('all came', () => consumer.seen.length === OURS.length);
        await consumer.stop();
        for (const [name, message] of OURS) {
          const seen = consumer.seen.find(({ topic }) => topic === topicOf(PREFIX, name));
          assert.deepEqual(seen?.problems, [], name);
          assert.equal(seen.id, message.id);
          assert.equal(seen.priority, 0);
          assert.deepEqual(seen.headers, headersOf(name));
          assert.deepEqual(seen.types, {
            fedora_messaging_schema: 'str',
            fedora_messaging_severity: 'int',
            'sent-at': 'str',
            priority: 'int',
            fedora_messaging_container_httpd: 'bool',
            fedora_messaging_user_ralph: 'bool',
            traceparent: 'str',
          });
          assert.deepEqual(JSON.parse(seen.text), message.body);
        }
      }));

    test('publishes, and a group, a listener and the log of pushes have its message as it was', () =>
      onVhost(async ({ url, bus }) => {
        const heard: Message[] = [];
        await bus.listen([FOREIGN.topic], (message) => heard.push(message));
        const got = consumed(bus, 'trigger');
        await publishByPika(url, [FOREIGN]);
        assert.deepEqual(await got, FOREIGN);
        await until('the listener heard it', () => heard.length === 1);
        assert.deepEqual(heard, [FOREIGN]);
        // A stream of RabbitMQ keeps no lists and tables in headers; only we send them a second time.
        const { 'x-list': _list, 'x-table': _table, ...headers } = FOREIGN.headers;
        assert.deepEqual(await logged(bus, 'git'), [{ ...FOREIGN, headers }]);
      }));

    test('what it publishes without headers or an id is a message all the same', () =>
      onVhost(async ({ url, bus }) => {
        const got = consumed(bus, 'trigger');
        await publishByPika(url, [{ ...FOREIGN, id: null as unknown as string, headers: {} }]);
        const { id, ...rest } = await got;
        assert.match(id, /./);
        assert.deepEqual(rest, { topic: FOREIGN.topic, headers: {}, body: FOREIGN.body });
        const [again] = await logged(bus, 'git');
        assert.deepEqual(again?.body, FOREIGN.body);
      }));
  });

  test('a message of ours that a consumer asks for again keeps its properties', () =>
    onVhost(async ({ url, bus }) => {
      const [, message] = OURS[0] ?? assert.fail('there are kinds');
      const seen: Message[] = [];
      await bus.consume(
        'builder',
        async ({ message: one, retries }) => {
          seen.push(one);
          return retries === 0 ? { kind: 'retry', after: 1, reason: 'once more' } : { kind: 'ack' };
        },
        { slots: 1 },
      );
      const others = await rawConsumer(url, '#');
      await bus.publish(message);
      await until('it came twice', () => seen.length === 2);
      assert.deepEqual(seen, [message, message]);
      assert.equal(others.length, 1, 'nobody else sees the second delivery');
    }));
});

describe('on NATS', { skip: requireNatsServer().skip }, () => {
  test('each of our messages has exactly these headers and bytes', () =>
    onNats(async ({ url, bus }) => {
      const { seen, close } = await rawSubscriber(url, `${PREFIX}.>`);
      for (const [, message] of OURS) await bus.publish(message);
      await until('all came', () => seen.length === OURS.length);
      await close();
      for (const [name, message] of OURS) {
        const raw = seen.find(({ subject }) => subject === topicOf(PREFIX, name));
        assert.deepEqual(raw?.headers, {
          ...Object.fromEntries(Object.entries(headersOf(name)).map(([key, value]) => [key, [String(value)]])),
          message_id: [message.id],
          ...(CATALOG[name].logged ? { 'Nats-Msg-Id': [message.id] } : {}),
        });
        assert.equal(raw.text, JSON.stringify(message.body));
      }
    }));

  test('headers of others are written so that they can be read again, whatever they are', () =>
    onNats(async ({ url, bus }) => {
      const { seen, close } = await rawSubscriber(url, FOREIGN.topic);
      const odd = { ...FOREIGN.headers, 'two words': 'ä', 'Nats-Mine': 1, text: 'plain', quoted: '"x"' };
      const got = consumed(bus, 'trigger');
      await bus.publish({ ...FOREIGN, headers: odd }, { again: 'sweep' });
      assert.deepEqual((await got).headers, odd);
      await close();
      assert.deepEqual(seen[0]?.headers, {
        message_id: [FOREIGN.id],
        'Nats-Msg-Id': [`${FOREIGN.id}:sweep`],
        fedora_messaging_schema: ['git.receive'],
        fedora_messaging_severity: ['20'],
        'sent-at': ['2026-11-23T17:15:00+00:00'],
        priority: ['3'],
        fedora_messaging_user_ralph: ['true'],
        'x-number-as-text': ['"20"'],
        'x-big': ['4294967296'],
        'x-none': ['null'],
        'x-list': ['["a",1,false]'],
        'x-table': ['{"a":{"b":"ü"}}'],
        text: ['plain'],
        quoted: ['"\\"x\\""'],
        'x-layerwright-headers': ['{"two words":"ä","Nats-Mine":1}'],
      });
    }));
});

describe('the samples', () => {
  test('are every kind of message that is ours', () => {
    assert.deepEqual(OURS.map(([name]) => name).sort(), Object.keys(CATALOG).sort());
    assert.ok(OURS.every(([, { body }]) => JSON.stringify(body).includes(sampleBuild().id)));
  });
});

interface There {
  readonly url: string;
  readonly bus: Bus;
}

async function onVhost(body: (there: There) => Promise<void>): Promise<void> {
  const vhost = await makeVhost();
  try {
    await onBus(vhost.url, body);
  } finally {
    await Promise.all(connections.splice(0).map((connection) => connection.close()));
    await vhost.remove();
  }
}

async function onNats(body: (there: There) => Promise<void>): Promise<void> {
  const server = await startNatsServer();
  try {
    await onBus(server.url, body);
  } finally {
    await server.stop();
  }
}

async function onBus(url: string, body: (there: There) => Promise<void>): Promise<void> {
  const bus = await openBus(settingsOf(url), TOPOLOGY);
  try {
    await body({ url, bus });
  } finally {
    await bus.close();
  }
}

/** Raw connections of the test that runs; closed at its end. */
const connections: ChannelModel[] = [];

/** A consumer that knows nothing of ours: a queue, bound by a pattern. */
async function rawConsumer(url: string, pattern: string): Promise<ConsumeMessage[]> {
  const connection = await amqplib.connect(url);
  connections.push(connection);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, 'amq.topic', pattern);
  const seen: ConsumeMessage[] = [];
  await channel.consume(queue, (message) => message && seen.push(message), { noAck: true });
  return seen;
}

/** The properties that were sent. */
function given(properties: MessageProperties): Partial<Record<keyof MessageProperties, unknown>> {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
}

interface RawNats {
  readonly subject: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly text: string;
}

async function rawSubscriber(url: string, subject: string): Promise<{ seen: RawNats[]; close(): Promise<void> }> {
  const connection = await connect({ servers: url });
  const seen: RawNats[] = [];
  connection.subscribe(subject, {
    callback: (_error, message) =>
      seen.push({ subject: message.subject, headers: fieldsOf(message.headers), text: message.string() }),
  });
  await connection.flush();
  return { seen, close: () => connection.close() };
}

function fieldsOf(headers: MsgHdrs | undefined): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries([...(headers ?? [])]);
}

/** The first message of a group. */
async function consumed(bus: Bus, group: string): Promise<Message> {
  return new Promise((resolve, reject) => {
    bus
      .consume(
        group,
        async ({ message }) => {
          resolve(message);
          return { kind: 'ack' };
        },
        { slots: 1 },
      )
      .catch(reject);
  });
}

async function logged(bus: Bus, log: 'git' | 'ours'): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const batch of bus.read(log, 'start')) messages.push(...batch.map(({ message }) => message));
  return messages;
}
