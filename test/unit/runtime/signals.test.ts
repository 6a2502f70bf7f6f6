import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ended, withFirst } from '../../../src/runtime/signals.js';
import { collect } from '../../support/collect.js';

test('work gets a signal that ends with the first of some, or when its time is over', async () => {
  const [a, b] = [new AbortController(), new AbortController()];
  const waiting = withFirst([a.signal, b.signal], null, async (first) => {
    await ended(first);
    return first.reason as unknown;
  });
  b.abort('b');
  assert.equal(await waiting, 'b');
  assert.equal(await withFirst([a.signal, b.signal], null, async (first) => first.reason), 'b', 'it had ended already');
  const late = withFirst([a.signal], 1, async (first) => {
    const alive = setTimeout(() => undefined, 60_000);
    await ended(first);
    clearTimeout(alive);
    return (first.reason as Error).name;
  });
  assert.equal(await late, 'TimeoutError');
});

test('a signal that lives long keeps nothing of the work that it could have ended', async () => {
  const long = new AbortController();
  const work = async (times: number): Promise<void> => {
    for (let at = 0; at < times; at += 1) {
      await withFirst([long.signal], 60_000, async () => undefined);
      // Weak references hold what they refer to until the event loop turns.
      if (at % 100 === 0) await turn();
    }
  };
  await work(1_000);
  const before = collect();
  await work(50_000);
  const grown = collect() - before;
  assert.ok(grown < 2_000_000, `${grown} bytes stay of 50,000 waits`);
});
