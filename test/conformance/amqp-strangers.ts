import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, type Options } from 'amqplib';
import type { Message } from '../../src/messages/index.js';
import { until } from '../support/until.js';
import { startAmqp } from './amqp-engine.js';
import { ACK, collect, idsOf, on, push, readAll, settled } from './kit.js';

/** AMQP 0-9-1 as strangers speak it: types and properties that we never send. */
export function amqpStrangerCases(): void {
  test(
    'headers of every type of the protocol come as JSON has them, for the group, the log and the listener alike',
    on({ start: startAmqp }, async (there) => {
      const bus = await there.open();
      const got: Message[] = [];
      await collect(bus, 'pushes', ({ message }) => {
        got.push(message);
        return ACK;
      });
      const heard: Message[] = [];
      await bus.listen(['#'], (message) => void heard.push(message));
      const plain = { text: 'text', int: 7, float: 1.5, yes: true, none: null, list: [1, 'a', { deep: [null] }] };
      const typed = {
        bytes: Buffer.from([0, 255, 1]),
        time: { '!': 'timestamp', value: 1_764_000_000 },
        // No decimal: with one, RabbitMQ 3.10 ends the connection of whoever publishes to a stream.
        long: { '!': 'int64', value: 2 ** 45 },
        byte: { '!': 'int8', value: -1 },
        double: { '!': 'double', value: 0.25 },
        table: { deeper: { time: { '!': 'timestamp', value: 1 } } },
      };
      await send(there.url, { messageId: 'one', headers: { ...plain, ...typed } });
      await until('it comes', () => got.length === 1 && heard.length === 1);
      const [message] = got;
      assert.deepEqual(message, JSON.parse(JSON.stringify(message)), 'it is JSON');
      assert.deepEqual(pick(message?.headers ?? {}, Object.keys(plain)), plain);
      assert.equal(message?.headers['long'], 2 ** 45);
      assert.equal(message?.headers['byte'], -1);
      assert.equal(message?.headers['double'], 0.25);
      assert.ok(Object.keys(typed).every((name) => message?.headers[name] !== undefined));
      assert.deepEqual(heard, got);
      // RabbitMQ's streams leave out lists and tables in headers (docs/wire-format.md).
      const [entry] = await readAll(bus, 'git');
      const flat = ['text', 'int', 'float', 'yes', 'long', 'byte', 'double', 'time', 'bytes'];
      assert.deepEqual(pick(entry?.message.headers ?? {}, flat), pick(message?.headers ?? {}, flat));
      assert.deepEqual(there.faults, []);
    }),
  );

  test(
    'a message with no properties at all, and one with all of them, are messages',
    on({ start: startAmqp }, async (there) => {
      const bus = await there.open();
      const { ids } = await collect(bus, 'pushes');
      await send(there.url, {});
      await send(there.url, {
        messageId: 'all',
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        persistent: false,
        priority: 9,
        correlationId: 'correlation',
        replyTo: 'nobody',
        expiration: '600000',
        timestamp: 4_000_000_000,
        type: 'type',
        userId: 'guest',
        appId: 'app',
        headers: {},
      });
      await until('both come', () => ids.length === 2);
      await settled(bus, 'pushes');
      assert.ok(ids[0]);
      assert.equal(ids[1], 'all');
      assert.deepEqual(idsOf(await readAll(bus, 'git')), ids);
      assert.deepEqual(await readAll(bus, 'dead'), []);
    }),
  );
}

/** Sends one message as a stranger's program does. */
async function send(url: string, options: Options.Publish): Promise<void> {
  const connection = await connect(url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  channel.publish('amq.topic', push('x').topic, Buffer.from('{}'), options);
  await channel.waitForConfirms();
  await connection.close();
}

function pick<T>(from: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T | undefined> {
  return Object.fromEntries(names.map((name) => [name, from[name]]));
}
