import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { runOne } from '../../waves/run.js';
import { simulateWaves } from '../../waves/simulate.js';

/** Runs that found a fault of the service: a wave was over before what it had stopped was on the log, and did not name it. */
const FOUND = [{ seed: 3, run: 63, size: 60 }] as const;

test('waves build each once and in order, lose nothing that reconcile does not find, and do what a dry run says', async () => {
  const lines: string[] = [];
  const seed = 20;
  const report = await simulateWaves({ seed, runs: 4, cases: 12, size: 50, say: (line) => lines.push(line) });
  assert.deepEqual(report.failed, [], lines.join('\n'));
  const { runs, exactly_once: once, converged, dry_run_equal: equal, human_builds: people } = report;
  assert.deepEqual({ runs, once, converged, equal }, { runs: 4, once: 4, converged: 4, equal: '12/12' });
  assert.ok(report.waves > 3 * runs && people > 0 && (report.slots_busy_ratio ?? 0) > 0.5);
});

test('small worlds of any seed come to the same with and without losses', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 8, max: 30 }), async (seed, size) => {
      const { once, converged } = await runOne(seed, 0, { size });
      assert.deepEqual([once, converged], [[], []]);
    }),
    { numRuns: 8 },
  );
});

test('runs that once went wrong go right', async () => {
  for (const { seed, run, size } of FOUND) {
    const { once, converged } = await runOne(seed, run, { size });
    assert.deepEqual([once, converged], [[], []], `seed ${seed}, run ${run}, ${size} components`);
  }
});

test('a simulation is the same each time, in however many processes', async () => {
  const options = { seed: 3, runs: 2, cases: 2, size: 30 };
  const [one, other] = [await simulateWaves(options), await simulateWaves(options, 2)];
  const { seconds, ...figures } = one;
  assert.ok(seconds > 0);
  assert.deepEqual({ ...other, seconds }, { ...figures, seconds });
});
