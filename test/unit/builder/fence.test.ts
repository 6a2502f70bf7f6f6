import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fence } from '../../../src/builder/fence.js';
import type { Claim } from '../../../src/bus/index.js';

/** A claim whose answers take so many milliseconds of a clock that the test sets. */
function slowly(...answers: readonly (readonly [held: boolean, tookMs: number])[]) {
  let now = 0;
  let asked = 0;
  const claim: Claim = {
    key: 'build.1',
    lost: new AbortController().signal,
    release: async () => undefined,
    verify: async () => {
      const [held, tookMs] = answers[asked] ?? [false, 0];
      asked += 1;
      now += tookMs;
      return held;
    },
  };
  const clock = { now: () => new Date(now), monotonic: () => now };
  return { fence: new Fence(clock, [claim]), asked: () => asked, pass: (ms: number) => (now += ms) };
}

test('a claim that is held is asked for once, as long as the answer is fresh', async () => {
  const { fence, asked, pass } = slowly([true, 5]);
  assert.equal(await fence.holds(), true);
  pass(1_000);
  assert.equal(await fence.holds(), true);
  assert.equal(asked(), 1);
});

test('a process that stood still after it had asked asks again, and learns that the claim is lost', async () => {
  const { fence } = slowly([true, 60_000], [false, 5]);
  assert.equal(await fence.holds(), false);
});

test('one that stood still between two acts asks again before the second', async () => {
  const { fence, pass } = slowly([true, 5], [false, 5]);
  assert.equal(await fence.holds(), true);
  pass(60_000);
  assert.equal(await fence.holds(), false);
});
