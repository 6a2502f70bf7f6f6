import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BUCKETS, bucketOf, KEYS, keyOf, type TermKind, termsOf } from '../../../src/ledger/terms.js';

const KINDS: readonly TermKind[] = ['message', 'commit', 'nvr', 'digest', 'parent', 'cause', 'name'];

test('the key of a text is the same in every process, for ever: files hold it', () => {
  assert.equal(keyOf('message', ''), 74_929_325_214_177);
  assert.equal(keyOf('message', 'push-1'), 63_011_945_667_364);
  assert.equal(keyOf('name', 'registry.example.org/f41/httpd:latest'), 84_403_791_185_580);
});

test('keys are whole numbers that SQLite and JSON keep exactly', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), fc.string({ unit: 'binary' }), (kind, text) => {
      const key = keyOf(kind, text);
      assert.ok(Number.isSafeInteger(key) && key >= 0 && key < KEYS);
      assert.equal(JSON.parse(JSON.stringify(key)), key);
    }),
  );
});

test('texts that are alike have keys that lie anywhere, and each kind has its own', () => {
  const keys = new Set(KINDS.flatMap((kind) => Array.from({ length: 20_000 }, (_, n) => keyOf(kind, `push-${n}`))));
  assert.equal(keys.size, KINDS.length * 20_000);
  const counts = Array.from({ length: BUCKETS }, () => 0);
  for (const key of keys) counts[bucketOf(key)] = (counts[bucketOf(key)] ?? 0) + 1;
  const mean = keys.size / BUCKETS;
  for (const count of counts)
    assert.ok(count > mean / 4 && count < mean * 4, `${count} in a bucket, ${mean} on average`);
});

test('every key lies in a bucket, and they come in the order of their keys', () => {
  assert.equal(bucketOf(0), 0);
  assert.equal(bucketOf(KEYS - 1), BUCKETS - 1);
  for (let bucket = 1; bucket < BUCKETS; bucket += 1) {
    const first = (bucket * KEYS) / BUCKETS;
    assert.deepEqual([bucketOf(first - 1), bucketOf(first)], [bucket - 1, bucket]);
  }
});

test('nothing is known of nothing', () => {
  assert.deepEqual(termsOf({ id: 'x', base: null, facts: [] }, 0), [{ keys: [], place: 0, at: null }]);
});
