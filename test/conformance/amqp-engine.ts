/** RabbitMQ for the conformance suite: each bus is a virtual host of its own, on the shared server or on the suite's own. */
import { type ChannelModel, connect } from 'amqplib';
import type { JsonObject } from '../../src/kernel/json.js';
import { LIMITS } from '../../src/kernel/limits.js';
import type { RawMessage } from '../../src/messages/index.js';
import { type AmqpBroker, type AmqpVhost, makeVhost, vhostSkip } from '../support/amqp-vhost.js';
import { type OwnRabbitmq, startOwnRabbitmq } from '../support/own-rabbitmq.js';
import { publishByPika } from '../support/pika.js';
import { requirePika, requireRabbitmq } from '../support/services.js';
import { until } from '../support/until.js';
import { swallowAmqp } from './amqp-swallow.js';
import type { BusEngine, NetworkEngine, NetworkTestBus } from './kit.js';
import { networkBus } from './network-bus.js';

/** The exchange of fedora-messaging. */
const EXCHANGE = 'amq.topic';
const PERSISTENT = 2;
/** Within what time the management API knows that a closed connection is closed. */
const SETTLE_MS = 10_000;
/** The own server takes back after three seconds what a consumer keeps, and looks each second. */
const OWN_ADVANCED = '[{rabbit, [{consumer_timeout, 3000}, {channel_tick_interval, 1000}]}].';

/** What a test of this engine alone may know more. */
export interface AmqpTestBus extends NetworkTestBus {
  readonly url: string;
}

export async function startAmqp(
  broker?: AmqpBroker,
  own?: Pick<OwnRabbitmq, 'kill' | 'startAgain'>,
): Promise<AmqpTestBus> {
  const vhost = await makeVhost(broker);
  const notOwn = async (): Promise<void> => {
    throw new Error('this server is shared');
  };
  const bus = networkBus({
    url: vhost.url,
    settings: (address) => {
      const url = new URL(vhost.url);
      url.host = address;
      return {
        kind: 'amqp',
        urls: [url.href],
        credentials: null,
        tls: null,
        passiveDeclares: false,
        managementUrl: null,
      };
    },
    publishRaw: (raw) =>
      isLarge(raw) ? publishByOther(vhost, raw) : connected(vhost, (connection) => publishRaw(connection, raw)),
    makeAnew: () => vhost.makeAnew(),
    removeLogs: () =>
      connected(vhost, async (connection) => {
        const channel = await connection.createChannel();
        for (const { name } of await queuesOf(vhost)) await channel.deleteQueue(name);
      }),
    left: () => left(vhost),
    kill: own?.kill ?? notOwn,
    startAgain: own?.startAgain ?? notOwn,
    stop: () => vhost.remove(),
  });
  return { ...bus, url: vhost.url };
}

export const amqpEngine: BusEngine = {
  name: 'amqp',
  skip: vhostSkip(),
  duplicates: 'maybe two',
  timePrecisionMs: 1_000,
  start: () => startAmqp(),
  network: network(),
};

/** The own server is started for the first case that needs it, and serves them all, one after the other. */
function network(): NetworkEngine {
  let own: Promise<OwnRabbitmq> | null = null;
  return {
    skipOwn: requireRabbitmq().skip,
    start: () => startAmqp(),
    ownServers: 1,
    startOwn: async () => {
      own ??= startOwnRabbitmq({ advanced: OWN_ADVANCED });
      const broker = await own;
      return startAmqp(broker, broker);
    },
    largeHeaders: { skip: requirePika().skip },
    patienceMs: 6_000,
    swallowDeliveries: swallowAmqp,
    stop: async () => {
      await (await own)?.stop();
    },
  };
}

/** A stranger's message. */
async function publishRaw(connection: ChannelModel, { id, topic, headers, content }: RawMessage): Promise<void> {
  const channel = await connection.createConfirmChannel();
  channel.publish(EXCHANGE, topic, Buffer.from(content), {
    headers: { ...headers },
    deliveryMode: PERSISTENT,
    ...(id === null ? {} : { messageId: id }),
  });
  await channel.waitForConfirms();
}

/** Whether headers are larger than our own client sends; others do. */
function isLarge({ headers }: RawMessage): boolean {
  return JSON.stringify(headers).length > LIMITS.headerBytes;
}

async function publishByOther(vhost: AmqpVhost, { id, topic, headers, content }: RawMessage): Promise<void> {
  const body = JSON.parse(Buffer.from(content).toString()) as JsonObject;
  await publishByPika(vhost.url, [{ id: id ?? '', topic, headers, body }]);
}

interface Queue {
  readonly name: string;
  readonly exclusive: boolean;
  readonly auto_delete: boolean;
}

const queuesOf = (vhost: AmqpVhost): Promise<readonly Queue[]> => vhost.list<Queue>('queues');

/** Connections of others, their queues and consumers: all buses are closed. */
async function left(vhost: AmqpVhost): Promise<readonly string[]> {
  const connections = (): Promise<readonly { readonly name: string }[]> => vhost.list('connections');
  await until('no connection is left', async () => (await connections()).length === 0, SETTLE_MS).catch(
    () => undefined,
  );
  const open = (await connections()).map(({ name }) => `the connection ${name}`);
  const queues = await queuesOf(vhost);
  const passing = queues.filter((queue) => queue.exclusive || queue.auto_delete);
  const consumed = await connected(vhost, async (connection) => {
    const channel = await connection.createChannel();
    const found: string[] = [];
    for (const { name } of queues) {
      if (passing.some((queue) => queue.name === name)) continue;
      // The server's own count, where the management's lags behind.
      const { consumerCount } = await channel.checkQueue(name);
      if (consumerCount > 0) found.push(`${consumerCount} consumers of ${name}`);
    }
    return found;
  });
  return [...open, ...passing.map(({ name }) => `the queue ${name}`), ...consumed];
}

/** Does something over a connection of its own. */
async function connected<T>(vhost: AmqpVhost, body: (connection: ChannelModel) => Promise<T>): Promise<T> {
  const connection = await connect(vhost.url, { noDelay: true });
  // What breaks here fails in whoever waits.
  connection.on('error', () => undefined);
  try {
    return await body(connection);
  } finally {
    await connection.close();
  }
}
