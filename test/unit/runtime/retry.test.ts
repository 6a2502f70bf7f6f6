import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { type RetryPolicy, retry } from '../../../src/runtime/retry.js';

const POLICY: RetryPolicy = { retries: 1, minDelayMs: 1, maxDelayMs: 2 };
/** A timer may end a little early by the clock that tells milliseconds. */
const EARLY_MS = 2;

/** Milliseconds between the tries of what fails once with such a rest. */
async function pauseOf(policy: RetryPolicy, restMs: number): Promise<number> {
  const tries: number[] = [];
  await retry(policy, async (attempt) => {
    tries.push(performance.now());
    if (attempt === 1) throw new ServiceError('registry_unavailable', 'busy', { transient: true, restMs });
  });
  const [first = 0, second = 0] = tries;
  return second - first;
}

test('the next try waits as long as the other side asks for, where the policy has the time', async () => {
  assert.ok((await pauseOf({ ...POLICY, maxRestMs: 1_000 }, 150)) >= 150 - EARLY_MS);
  assert.ok((await pauseOf({ ...POLICY, maxRestMs: 150 }, 600_000)) >= 150 - EARLY_MS);
  const few = await pauseOf(POLICY, 600_000);
  assert.ok(few < 60_000, 'the longest delay of the policy is the longest rest');
});

test('nobody rests after the last try, or when it is called off', async () => {
  const busy = new ServiceError('registry_unavailable', 'busy', { transient: true, restMs: 600_000 });
  const policy = { ...POLICY, maxRestMs: 600_000 };
  await assert.rejects(
    retry({ ...policy, retries: 0 }, () => Promise.reject(busy)),
    busy,
  );
  const off = new AbortController();
  const waiting = retry(policy, () => Promise.reject(busy), {
    signal: off.signal,
    onRetry: () => queueMicrotask(() => off.abort(new Error('called off'))),
  });
  await assert.rejects(waiting, /called off/);
});

test('only what passes is tried again', async () => {
  let tries = 0;
  const denied = new ServiceError('registry_denied', 'no', { restMs: 1 });
  const asked = retry({ ...POLICY, retries: 5 }, () => {
    tries += 1;
    return Promise.reject(denied);
  });
  await assert.rejects(asked, denied);
  assert.equal(tries, 1);
});
