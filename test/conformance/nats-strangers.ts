import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, headers as natsHeaders } from 'nats';
import type { Message } from '../../src/messages/index.js';
import { until } from '../support/until.js';
import { ACK, collect, idsOf, on, push, readAll, settled } from './kit.js';
import { startNats } from './nats-engine.js';

/** NATS as strangers speak it: plain publishes without JetStream, headers of many values, none at all. */
export function natsStrangerCases(): void {
  test(
    'a plain publish with headers of many values comes to the group, the log and the listener alike',
    on({ start: startNats }, async (there) => {
      const bus = await there.open();
      const got: Message[] = [];
      await collect(bus, 'pushes', ({ message }) => {
        got.push(message);
        return ACK;
      });
      const heard: Message[] = [];
      await bus.listen(['#'], (message) => void heard.push(message));
      const headers = natsHeaders();
      headers.set('Nats-Msg-Id', 'stranger-1');
      for (const value of ['one', 'two']) headers.append('many', value);
      headers.set('sent-at', '2026-11-23T17:15:00+00:00');
      headers.set('empty', '');
      const connection = await connect({ servers: there.url });
      connection.publish(push('x').topic, '{"a":1}', { headers });
      await connection.flush();
      await until('it comes', () => got.length === 1 && heard.length === 1);
      assert.equal(got[0]?.id, 'stranger-1');
      assert.deepEqual(got[0]?.headers, { many: ['one', 'two'], 'sent-at': '2026-11-23T17:15:00+00:00', empty: '' });
      assert.deepEqual(heard, got);
      assert.deepEqual((await readAll(bus, 'git'))[0]?.message, got[0]);
      await connection.close();
      assert.deepEqual(there.faults, []);
    }),
  );

  test(
    'a message without headers, and requests that expect an answer, are messages',
    on({ start: startNats }, async (there) => {
      const bus = await there.open();
      const { ids } = await collect(bus, 'pushes');
      const connection = await connect({ servers: there.url });
      connection.publish(push('x').topic, '{}');
      connection.publish(push('x').topic, '{}', { reply: 'somebody.waits' });
      await connection.flush();
      await until('both come', () => ids.length === 2);
      await settled(bus, 'pushes');
      assert.notEqual(ids[0], ids[1]);
      assert.deepEqual(idsOf(await readAll(bus, 'git')), ids);
      assert.deepEqual(await readAll(bus, 'dead'), []);
      await connection.close();
    }),
  );
}
