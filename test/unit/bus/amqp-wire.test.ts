import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { ConsumeMessage } from 'amqplib';
import fc from 'fast-check';
import { waitOf } from '../../../src/bus/amqp/copies.js';
import { idOf, OWN_HEADER, propertiesOf, rawOf, retriesOf, storedAtOf } from '../../../src/bus/amqp/wire.js';
import type { Headers } from '../../../src/messages/index.js';

/** The driver's own way of writing and reading tables: what the broker passes on. */
const require = createRequire(import.meta.url);
const codec = require(join(dirname(require.resolve('amqplib')), 'lib', 'codec.js')) as {
  encodeTable(buffer: Buffer, table: unknown, offset: number): number;
  decodeFields(bytes: Buffer): Record<string, unknown>;
};

const NOW = Date.parse('2026-11-24T12:00:00.700Z');

function carried(headers: Record<string, unknown>, parts: { exchange?: string; id?: string; key?: string } = {}) {
  const buffer = Buffer.alloc(1_000_000);
  const size = codec.encodeTable(buffer, headers, 0);
  return {
    content: Buffer.from('{}'),
    fields: { exchange: parts.exchange ?? 'amq.topic', routingKey: parts.key ?? 'org.example.git.receive' },
    properties: {
      headers: codec.decodeFields(buffer.subarray(4, size)),
      messageId: parts.id,
      timestamp: 1_700_000_000,
    },
  } as unknown as ConsumeMessage;
}

/** JSON as it travels: no -0, no names that JavaScript itself takes. */
const value = fc
  .jsonValue({ maxDepth: 3, stringUnit: 'grapheme' })
  .map((json) => JSON.parse(JSON.stringify(json).replaceAll('__proto__', 'proto')));
const name = fc
  .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 })
  .filter((text) => !text.startsWith('x-') && text !== '__proto__');

test('headers come out as they went in, whatever they hold', () => {
  fc.assert(
    fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (headers) => {
      const { headers: sent } = propertiesOf('one', headers as Headers, NOW);
      assert.deepEqual(rawOf(carried({ ...sent })).headers, headers);
    }),
  );
});

for (const headers of [
  { big: -1e300, half: 0.5, large: 2 ** 60, long: 2 ** 40 },
  { '!': 'timestamp', table: { '!': 'nothing', value: 1 } },
  { 'x-ünusual': [1, 'two', null, { three: true }], nothing: null },
]) {
  test(`headers come out as they went in: ${JSON.stringify(headers)}`, () => {
    const { headers: sent } = propertiesOf('one', headers, NOW);
    assert.deepEqual(rawOf(carried({ ...sent })).headers, headers);
  });
}

test('what the broker and our own queues write into headers is shown to nobody', () => {
  const inner = { [OWN_HEADER.topic]: 'a.b', [OWN_HEADER.retries]: 2, 'x-death': [], 'x-stream-offset': 7 };
  const raw = carried({ mine: 1, ...inner }, { exchange: 'layerwright.org.direct', key: 'a.queue' });
  assert.deepEqual(rawOf(raw).headers, { mine: 1 });
  assert.equal(rawOf(raw).topic, 'a.b');
  assert.equal(retriesOf(raw), 2);
});

test('a stranger can neither pretend another topic nor retries', () => {
  const raw = carried({ [OWN_HEADER.topic]: 'org.example.other', [OWN_HEADER.retries]: 5 });
  assert.equal(rawOf(raw).topic, 'org.example.git.receive');
  assert.equal(retriesOf(raw), 0);
});

test('a message without an id has the same one in a group, in a log that sorts headers, and after a retry', () => {
  const id = idOf(carried({ b: 1, a: 2, 'sent-at': '2026-11-24T12:00:00+00:00' }));
  assert.equal(idOf(carried({ a: 2, b: 1, 'sent-at': '2026-11-24T12:00:00+00:00', 'x-stream-offset': 3 })), id);
  assert.notEqual(idOf(carried({ 'sent-at': '2026-11-24T12:00:01+00:00' })), id);
  assert.equal(idOf(carried({}, { id: 'given' })), 'given');
});

test('the properties are those of fedora-messaging, with the time of publishing in seconds', () => {
  const { headers: _headers, ...properties } = propertiesOf('one', { priority: 3 }, NOW);
  assert.deepEqual(properties, {
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: 2,
    messageId: 'one',
    priority: 3,
    timestamp: Math.floor(NOW / 1_000),
  });
  assert.deepEqual(storedAtOf(carried({})), new Date(1_700_000_000_000));
});

test('a wait is never shorter than asked for, as far as the ladder goes', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 300_000 }), (ms) => waitOf(ms) >= ms));
  assert.deepEqual([0, 700, 1_000, 1_001].map(waitOf), [100, 1_000, 1_000, 5_000]);
  assert.equal(waitOf(3_600_000), 300_000);
});
