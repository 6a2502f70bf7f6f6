import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failing } from '../../../src/bus/amqp/failing.js';

test('a log that is missing is not counted as missing while its server was away', () => {
  let now = 1_000;
  const failing = new Failing(() => now);
  const after = (ms: number, kind: Parameters<Failing['note']>[0]) => {
    now += ms;
    return failing.note(kind);
  };
  assert.deepEqual(after(0, 'away'), { totalMs: 0, alikeMs: 0 });
  assert.deepEqual(after(60_000, 'away'), { totalMs: 60_000, alikeMs: 60_000 });
  assert.deepEqual(after(100, 'missing'), { totalMs: 60_100, alikeMs: 0 });
  assert.deepEqual(after(9_000, 'missing'), { totalMs: 69_100, alikeMs: 9_000 });
  assert.deepEqual(after(1_000, 'away'), { totalMs: 70_100, alikeMs: 0 }, 'it is away once more');
  assert.deepEqual(after(500, 'missing'), { totalMs: 70_600, alikeMs: 0 });
});
