import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deadBody } from '../../../src/bus/dead-body.js';
import { backoff, RETRY_LADDER_MS } from '../../../src/bus/retry-ladder.js';

const KEPT = 65_536;
const why = { code: 'unwanted', reason: 'no' };
const raw = (content: Uint8Array) => ({ id: 'one', topic: 'a.b', headers: { h: 1 }, content });

test('text is kept as text, up to 64 KiB and without half a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.integer({ min: 0, max: 400 }), (text, repeat) => {
      const whole = text.repeat(repeat);
      const { content, encoding } = deadBody(raw(Buffer.from(whole)), why, 'group');
      assert.equal(encoding, 'utf8');
      assert.ok(whole.startsWith(content));
      assert.ok(Buffer.byteLength(content) <= KEPT);
      assert.ok(content.length === whole.length || Buffer.byteLength(content) > KEPT - 4);
    }),
  );
});

test('what is no text is kept in base64', () => {
  const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.alloc(KEPT)]);
  const { content, encoding } = deadBody(raw(bytes), why, 'group');
  assert.equal(encoding, 'base64');
  assert.deepEqual(Buffer.from(content, 'base64'), bytes.subarray(0, KEPT));
});

test('a reason is cut, so that a dead letter fits in a message', () => {
  const { reason } = deadBody(raw(Buffer.from('{}')), { ...why, reason: 'x'.repeat(1e6) }, 'group');
  assert.equal(reason.length, 4_000);
});

test('the pauses between retries rise, and the last one holds from then on', () => {
  const pauses = Array.from({ length: 10 }, (_, count) => backoff(count));
  assert.deepEqual(pauses.slice(0, RETRY_LADDER_MS.length), RETRY_LADDER_MS);
  assert.deepEqual(
    pauses,
    pauses.toSorted((a, b) => a - b),
  );
  assert.equal(pauses.at(-1), RETRY_LADDER_MS.at(-1));
});
