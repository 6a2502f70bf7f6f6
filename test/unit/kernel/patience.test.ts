import assert from 'node:assert/strict';
import { test } from 'node:test';
import { againMs } from '../../../src/kernel/patience.js';

test('who waits asks again soon, later seldom, and not for ever', () => {
  const hour = 3_600_000;
  assert.deepEqual(
    [0, 1_000, 7_999.2, 60_000, hour - 1, hour].map((waited) => againMs(waited, hour)),
    [1_000, 1_000, 4_000, 15_000, 15_000, null],
  );
  assert.equal(againMs(0, 0), null);
});
