import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Waits } from '../../../src/runtime/waits.js';

test('a wait counts from when it was met first, until it is over', () => {
  let now = 5_000;
  const waits = new Waits(() => now);
  assert.equal(waits.met('a'), 0);
  now += 300;
  assert.equal(waits.met('a'), 300);
  assert.equal(waits.over('a'), 300);
  assert.equal(waits.over('a'), null);
  assert.equal(waits.met('a'), 0);
});

test('a wait that nobody met for ten minutes is forgotten', () => {
  let now = 0;
  const waits = new Waits(() => now);
  waits.met('a');
  now += 600_000;
  assert.equal(waits.met('a'), 600_000);
  assert.equal(waits.count(1_000), 1);
  now += 600_001;
  assert.equal(waits.count(1_000), 0);
  assert.equal(waits.met('a'), 0);
});
