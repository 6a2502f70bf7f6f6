import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digestOf, hexOf, isDigest } from '../../../src/kernel/digest.js';

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

test('the digest of nothing is the known one', () => {
  assert.equal(digestOf(''), `sha256:${EMPTY}`);
  assert.equal(hexOf(digestOf('')), EMPTY);
});

test('a digest is sha256 with 64 lower-case hex digits and nothing else', () => {
  for (const text of [
    '',
    'sha256:',
    EMPTY,
    `sha512:${EMPTY}`,
    `sha256:${EMPTY.toUpperCase()}`,
    `sha256:${EMPTY}0`,
    `sha256:${EMPTY.slice(1)}`,
    ` sha256:${EMPTY}`,
    `sha256:${EMPTY}\n`,
    `sha256:${EMPTY.slice(1)}g`,
  ])
    assert.equal(isDigest(text), false, JSON.stringify(text));
});

test('text and its bytes have one digest, and it is a digest', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const digest = digestOf(text);
      assert.ok(isDigest(digest));
      assert.equal(digestOf(Buffer.from(text)), digest);
    }),
  );
});
