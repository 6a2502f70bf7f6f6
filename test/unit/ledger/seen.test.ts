import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Seen } from '../../../src/ledger/seen.js';

test('what was added is never lacked', () => {
  fc.assert(
    fc.property(fc.array(fc.uuid()), (ids) => {
      const seen = new Seen();
      for (const id of ids) seen.add(id);
      for (const id of ids) assert.equal(seen.lacks(id), false);
    }),
    { numRuns: 20 },
  );
});

test('most of what was not added is lacked, also when there is much', () => {
  const seen = new Seen();
  assert.equal(seen.lacks('a'), true);
  for (let n = 0; n < 300_000; n += 1) seen.add(`build ${n}`);
  const others = Array.from({ length: 10_000 }, (_, n) => `other ${n}`);
  const unsure = others.filter((id) => !seen.lacks(id)).length;
  assert.ok(unsure < 200, `${unsure} of 10,000 would be looked for in vain`);
});
