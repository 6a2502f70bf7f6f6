import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/kernel/limits.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import type { Message } from '../../src/messages/index.js';
import { until } from '../support/until.js';
import { ACK, type BusEngine, collect, dead, idsOf, on, push, readAll, settled } from './kit.js';

const tooLarge = (thrown: unknown): boolean => thrown instanceof ServiceError && thrown.code === 'message_too_large';

/** What messages may hold, and what becomes of bytes that are no message. */
export function contentCases(engine: BusEngine): void {
  test(
    'a message of one mebibyte passes unchanged, a larger one is refused',
    on(engine, async (there) => {
      const bus = await there.open();
      const frame = JSON.stringify({ text: '' }).length;
      const body = { text: 'x'.repeat(LIMITS.messageBytes - frame) };
      const got: Message[] = [];
      await collect(bus, 'pushes', ({ message }) => {
        got.push(message);
        return ACK;
      });
      await bus.publish(push('large', body));
      await until('it comes', () => got.length === 1);
      assert.deepEqual(got[0]?.body, body);
      assert.deepEqual((await readAll(bus, 'git'))[0]?.message.body, body);
      await assert.rejects(bus.publish(push('larger', { text: `${body.text}x` })), tooLarge);
    }),
  );

  test(
    'headers over 64 KiB are refused',
    on(engine, async (there) => {
      const bus = await there.open();
      const headers = { big: 'x'.repeat(LIMITS.headerBytes) };
      await assert.rejects(bus.publish({ ...push('one'), headers }), tooLarge);
    }),
  );

  test(
    'headers of strangers are kept as they came',
    on(engine, async (there) => {
      const bus = await there.open();
      const headers = {
        'x-ünusual': [1, 'two', null, { three: true }],
        number: 2 ** 40,
        nothing: null,
        no: false,
        at: 1.5,
      };
      await bus.publish({ ...push('one'), headers });
      const got: Message[] = [];
      await collect(bus, 'pushes', ({ message }) => {
        got.push(message);
        return ACK;
      });
      await until('it comes', () => got.length === 1);
      assert.deepEqual(got[0]?.headers, headers);
      assert.deepEqual((await readAll(bus, 'git'))[0]?.message.headers, headers);
    }),
  );

  // Elsewhere such headers are refused, by us (above) or by the server.
  const large = engine.network?.largeHeaders ?? 'refused';
  for (const verdict of large === 'refused' ? [] : (['ack', 'retry', 'drop'] as const)) {
    test(
      `a stranger’s headers over 64 KiB do not stop the consumer when the verdict is ${verdict}`,
      { skip: large !== 'refused' && large.skip },
      on(engine, async (there) => {
        const bus = await there.open();
        const { ids } = await collect(bus, 'pushes', ({ message }) => {
          if (message.id === 'good') return ACK;
          if (verdict === 'drop') return { kind: 'drop', code: 'unwanted', reason: 'no' };
          return verdict === 'retry' && ids.length === 1 ? { kind: 'retry', after: 1, reason: 'again' } : ACK;
        });
        const headers = { big: 'x'.repeat(LIMITS.headerBytes + 10_000) };
        await there.publishRaw({ id: 'big', topic: push('x').topic, headers, content: Buffer.from('{}') });
        await until('it was seen, or is dead', async () => ids.length > 0 || (await readAll(bus, 'dead')).length > 0);
        await bus.publish(push('good'));
        await until('the next one comes', () => ids.includes('good'));
        await settled(bus, 'pushes');
        assert.ok(ids.length <= 3, `it came back: ${ids}`);
        const letters = await readAll(bus, 'dead');
        if (verdict === 'drop') assert.deepEqual(idsOf(letters), ['big']);
        assert.equal(bus.term(), 0, 'the connection is whole');
        assert.deepEqual(idsOf(await readAll(bus, 'git')), ['big', 'good']);
      }),
    );
  }

  const rubbish = [
    { name: 'an empty body', content: Buffer.alloc(0), code: 'message_not_json', kept: '', encoding: 'utf8' },
    { name: 'no JSON', content: Buffer.from('{"a":'), code: 'message_not_json', kept: '{"a":', encoding: 'utf8' },
    {
      name: 'no UTF-8',
      content: Buffer.from([0x7b, 0xff]),
      code: 'message_not_utf8',
      kept: 'e/8=',
      encoding: 'base64',
    },
    { name: 'a list', content: Buffer.from('[1]'), code: 'message_not_object', kept: '[1]', encoding: 'utf8' },
    {
      name: 'more than one mebibyte',
      content: Buffer.alloc(LIMITS.messageBytes + 1, 'x'),
      code: 'message_too_large',
      kept: 'x'.repeat(65_536),
      encoding: 'utf8',
    },
  ] as const;
  for (const { name, content, code, kept, encoding } of rubbish) {
    test(
      `bytes that are no message (${name}) are dead-lettered as ${code}, once for each group, and the rest goes on`,
      on(engine, async (there) => {
        const bus = await there.open();
        const { ids } = await collect(bus, 'pushes');
        const too = await collect(bus, 'pushes.too');
        const { topic, headers } = push('x');
        await there.publishRaw({ id: 'rubbish', topic, headers, content });
        await bus.publish(push('good'));
        await until('the good one comes', () => ids.length > 0 && too.ids.length > 0);
        const letters = await dead(bus, 2);
        assert.deepEqual(letters.map(({ body }) => body.group).sort(), ['pushes', 'pushes.too']);
        for (const { entry, body } of letters) {
          assert.equal(entry.message.id, 'rubbish');
          assert.equal(body.code, code);
          assert.equal(body.content, kept);
          assert.equal(body.encoding, encoding);
        }
        await settled(bus, 'pushes');
        assert.deepEqual(ids, ['good']);
        assert.deepEqual(idsOf(await readAll(bus, 'git')), ['good']);
      }),
    );
  }

  test(
    'a message without an id gets one, the same for whoever looks',
    on(engine, async (there) => {
      const [bus, other] = [await there.open(), await there.open()];
      const { topic, headers } = push('x');
      await there.publishRaw({ id: null, topic, headers, content: Buffer.from('{}') });
      const { ids } = await collect(bus, 'pushes');
      await until('it comes', () => ids.length === 1);
      assert.ok(ids[0]);
      assert.deepEqual(idsOf(await readAll(other, 'git')), ids);
    }),
  );
}
