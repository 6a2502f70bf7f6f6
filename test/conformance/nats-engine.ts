/** NATS for the conformance suite: each bus is a server of its own. */
import { connect, type NatsConnection, headers as natsHeaders } from 'nats';
import { settingsOf } from '../../src/library/address.js';
import type { RawMessage } from '../../src/messages/index.js';
import { type NatsServer, startNatsServer } from '../support/nats-server.js';
import { requireNatsServer } from '../support/services.js';
import { until } from '../support/until.js';
import type { BusEngine, NetworkTestBus } from './kit.js';
import { swallowNats } from './nats-swallow.js';
import { networkBus } from './network-bus.js';

/** Within what time the server knows that a closed connection is closed. */
const SETTLE_MS = 5_000;

/** What a test of this engine alone may know more. */
export interface NatsTestBus extends NetworkTestBus {
  readonly url: string;
}

export async function startNats(): Promise<NatsTestBus> {
  const server = await startNatsServer();
  const bus = networkBus({
    url: server.url,
    settings: (address) => settingsOf(`nats://${address}`),
    publishRaw: (raw) => connected(server, (connection) => publishRaw(connection, raw)),
    makeAnew: async () => {
      await server.kill();
      await server.startAgain('wiped');
    },
    removeLogs: () =>
      connected(server, async (connection) => {
        const manager = await connection.jetstreamManager();
        for (const { config } of await manager.streams.list().next()) await manager.streams.delete(config.name);
      }),
    left: () => left(server),
    kill: () => server.kill(),
    startAgain: () => server.startAgain('kept'),
    stop: () => server.stop(),
  });
  return { ...bus, url: server.url };
}

export const natsEngine: BusEngine = {
  name: 'nats',
  skip: requireNatsServer().skip,
  duplicates: 'one',
  timePrecisionMs: 1,
  start: startNats,
  network: {
    skipOwn: false,
    start: startNats,
    ownServers: 4,
    startOwn: startNats,
    // JetStream takes no headers over 64 KiB.
    largeHeaders: 'refused',
    patienceMs: 9_000,
    swallowDeliveries: swallowNats,
    stop: async () => undefined,
  },
};

/** A stranger's message: an id, if any, is where strangers have it; headers are text. */
async function publishRaw(connection: NatsConnection, { id, topic, headers, content }: RawMessage): Promise<void> {
  const sent = natsHeaders();
  for (const [name, value] of Object.entries(headers)) {
    sent.append(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  if (id !== null) sent.append('message_id', id);
  await connection.jetstream().publish(topic, content, { headers: sent });
}

/** Connections of others, and claims: all buses are closed. */
async function left(server: NatsServer): Promise<readonly string[]> {
  const connections = async (): Promise<readonly { name?: string; cid: number }[]> => {
    const answer = await fetch(`${server.monitor}/connz`);
    return ((await answer.json()) as { connections: { name?: string; cid: number }[] }).connections;
  };
  await until('the server has no connection', async () => (await connections()).length === 0, SETTLE_MS).catch(
    () => undefined,
  );
  const open = (await connections()).map(({ name, cid }) => `the connection ${name ?? cid}`);
  return [...open, ...(await connected(server, inJetStream))];
}

async function inJetStream(connection: NatsConnection): Promise<readonly string[]> {
  const manager = await connection.jetstreamManager();
  const found: string[] = [];
  for (const { config } of await manager.streams.list().next()) {
    for (const consumer of await manager.consumers.list(config.name).next()) {
      if (consumer.config.durable_name === undefined) found.push(`the consumer ${config.name} ${consumer.name}`);
      if (consumer.num_waiting > 0) found.push(`${consumer.num_waiting} pulls of ${consumer.name}`);
    }
    if (!config.name.startsWith('KV_')) continue;
    const bucket = await connection.jetstream().views.kv(config.name.slice('KV_'.length), { bindOnly: true });
    for await (const key of await bucket.keys()) found.push(`the claim ${key}`);
  }
  return found;
}

/** Does something over a connection of its own. */
async function connected<T>(
  server: Pick<NatsServer, 'url'>,
  body: (connection: NatsConnection) => Promise<T>,
): Promise<T> {
  const connection = await connect({ servers: server.url });
  try {
    return await body(connection);
  } finally {
    await connection.close();
  }
}
