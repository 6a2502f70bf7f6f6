/** Puts messages on a bus as programs do that know nothing of us: with the broker's own client, and no word of ours. */
import amqplib from 'amqplib';
import { connect, headers as natsHeaders } from 'nats';
import { openEmbeddedBus } from '../../src/bus/embedded/index.js';
import type { BusSettings, Topology } from '../../src/bus/index.js';
import type { Message } from '../../src/messages/index.js';

/** Resolves when all are stored. On the embedded bus, where there are no strangers, the bytes go in as they are. */
export async function publishAsStranger(
  settings: BusSettings,
  topology: Topology,
  messages: readonly Message[],
): Promise<void> {
  switch (settings.kind) {
    case 'embedded':
      return toFile(settings.path, topology, messages);
    case 'amqp':
      return toRabbitmq(settings.urls[0] ?? '', messages);
    case 'nats':
      return toNats(settings.servers, messages);
  }
}

async function toFile(path: string, topology: Topology, messages: readonly Message[]): Promise<void> {
  const bus = await openEmbeddedBus(path, topology);
  try {
    for (const { body, ...rest } of messages)
      await bus.publishRaw({ ...rest, content: Buffer.from(JSON.stringify(body)) });
  } finally {
    await bus.close();
  }
}

/** As a program with fedora-messaging. */
async function toRabbitmq(url: string, messages: readonly Message[]): Promise<void> {
  const connection = await amqplib.connect(url);
  try {
    const channel = await connection.createConfirmChannel();
    for (const { id, topic, headers, body } of messages) {
      channel.publish('amq.topic', topic, Buffer.from(JSON.stringify(body)), {
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        deliveryMode: 2,
        messageId: id,
        headers,
      });
    }
    await channel.waitForConfirms();
  } finally {
    await connection.close();
  }
}

/** As a program that has read docs/wire-format.md. */
async function toNats(servers: readonly string[], messages: readonly Message[]): Promise<void> {
  const connection = await connect({ servers: [...servers] });
  try {
    const stream = connection.jetstream();
    for (const { id, topic, headers, body } of messages) {
      const carried = natsHeaders();
      carried.set('message_id', id);
      for (const [name, value] of Object.entries(headers)) {
        carried.set(name, typeof value === 'string' && !isJson(value) ? value : JSON.stringify(value));
      }
      await stream.publish(topic, Buffer.from(JSON.stringify(body)), { msgID: id, headers: carried });
    }
  } finally {
    await connection.close();
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
