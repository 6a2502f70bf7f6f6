import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { damagedJson } from '../../fuzz/json-mutations.js';
import { damagedText } from '../../fuzz/mutations.js';
import { fuzzTarget } from '../../fuzz/target.js';

function target(check: (input: number) => void, inputs: fc.Arbitrary<number> = fc.nat(1_000)) {
  return fuzzTarget({ name: 'one', about: 'nothing', inputs: () => inputs, check });
}

test('a rule that is broken is told with the smallest input, and its path leads there again', async () => {
  const broken = target((input) => assert.ok(input < 100, 'too large'));
  const { failure } = await broken.run({ cases: 500, seed: 3 });
  assert.ok(failure !== null);
  assert.match(failure.error, /too large/);
  assert.equal(failure.input, '100');
  const again = await broken.run({ cases: 500, seed: 3, path: failure.path });
  assert.equal(again.failure?.input, '100');
});

test('a case that takes longer than a second is a fault', async () => {
  const busy = (): void => {
    for (const begin = process.cpuUsage(); process.cpuUsage(begin).user < 1_100_000; ) Math.sqrt(2);
  };
  // Nothing smaller to look for: each look takes the second too.
  const { failure } = await target(busy, fc.constant(1)).run({ cases: 1, seed: 1 });
  assert.match(failure?.error ?? '', /the case took \d{4} ms/);
});

test('a case that gives all objects a member is a fault', async () => {
  const polluting = target(() => Object.defineProperty(Object.prototype, 'polluted', { value: 1, configurable: true }));
  try {
    const { failure } = await polluting.run({ cases: 1, seed: 1 });
    assert.match(failure?.error ?? '', /a prototype has other members/);
  } finally {
    Reflect.deleteProperty(Object.prototype, 'polluted');
  }
});

test('all inputs follow from the seed; some are as they were, most are not', () => {
  const texts = damagedText(['{"a":[1,2,3]}', 'FROM a\n']);
  const values = damagedJson([{ a: [1, { b: 'c' }] }]);
  const sample = (seed: number) => [
    fc.sample(texts, { seed, numRuns: 200 }),
    fc.sample(values, { seed, numRuns: 200 }),
  ];
  assert.deepEqual(sample(1), sample(1));
  assert.notDeepEqual(sample(1), sample(2));
  const [made = []] = sample(1);
  const same = made.filter((text) => text === 'FROM a\n').length;
  assert.ok(same > 5 && same < 100, `${same} of 200`);
});
