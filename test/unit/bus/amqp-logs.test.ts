import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOfTime } from '../../../src/bus/amqp/log-cursor.js';

const NOW = new Date('2026-11-24T12:00:00Z');
const NOW_S = NOW.getTime() / 1000;

test('reading from a time begins a minute earlier: the broker knows the time of chunks alone', () => {
  assert.deepEqual(startOfTime(new Date(NOW.getTime() - 3_600_500), NOW), { seconds: NOW_S - 3_661 });
});

test('a time before everything is the start, one in the future is now', () => {
  assert.equal(startOfTime(new Date(0), NOW), 'first');
  assert.equal(startOfTime(new Date(-1), NOW), 'first');
  assert.deepEqual(startOfTime(new Date('2040-01-01'), NOW), { seconds: NOW_S - 60 });
});
