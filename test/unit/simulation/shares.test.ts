import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from '../../simulation/report.js';
import { simulateInShares } from '../../simulation/shares.js';

test('shares that run side by side find what one process finds', async () => {
  const options = { seed: 24, schedules: 40, sabotage: 'claims' } as const;
  const [whole, shared] = [await simulate(options), await simulateInShares(options, 2)];
  const counted = ({ schedules, steps, builds, pushes, crashes, longestConvergenceMs }: typeof whole) => ({
    ...{ schedules, steps, builds, pushes, crashes, longestConvergenceMs },
  });
  assert.deepEqual(counted(shared), counted(whole));
  assert.ok(whole.failed.length > 0);
  assert.deepEqual(shared.failed, whole.failed);
});
