import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kept } from '../../../src/runtime/kept.js';

test('never more is kept than there is room for, and what was touched last stays', () => {
  const kept = new Kept<number>(3);
  for (let at = 0; at < 1_000; at += 1) {
    kept.set(`value ${at}`, at);
    assert.equal(kept.get('value 0'), 0, 'it is touched each time');
  }
  const there = Array.from({ length: 1_000 }, (_, at) => kept.get(`value ${at}`)).filter((one) => one !== undefined);
  assert.deepEqual(there, [0, 998, 999]);
});

test('a value that is set again takes no more room, and one that was deleted none', () => {
  const kept = new Kept<number>(2);
  kept.set('a', 1);
  kept.set('b', 2);
  kept.set('b', 3);
  assert.equal(kept.get('a'), 1);
  kept.delete('a');
  kept.set('c', 4);
  assert.deepEqual([kept.get('a'), kept.get('b'), kept.get('c')], [undefined, 3, 4]);
});
