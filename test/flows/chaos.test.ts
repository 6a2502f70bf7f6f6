import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chaos, verdictOf } from '../chaos/run.js';
import type { BusKind } from '../chaos/world.js';
import { firstSkip, requireBusybox, requireDaemon, requireRegistryProgram } from '../support/services.js';

/** Short: `npm run test:chaos` runs as long as one likes. */
const PUSHES = 12;
const FAULTS = 5;

const needed = firstSkip(requireDaemon(), requireRegistryProgram(), requireBusybox());
/** Not yet steady enough on the brokers for each run of the tests: `npm run test:chaos -- --bus amqp|nats` runs those. */
const RUNS: readonly { readonly bus: BusKind; readonly skip: string | false; readonly seed: number }[] = [
  { bus: 'embedded', skip: needed, seed: 3 },
];

// At once: most of the time is waiting.
describe('under kills, pauses, cuts and restarts', { concurrency: true }, () => {
  for (const { bus, skip, seed } of RUNS) {
    it(`on ${bus} every push becomes one image, its tags are right, and nothing is left behind`, { skip }, async () => {
      const story: string[] = [];
      const report = await chaos({
        bus,
        engine: 'docker',
        seed,
        pushes: PUSHES,
        faults: FAULTS,
        supersede: false,
        logs: null,
        say: (line) => story.push(line),
      });
      assert.deepEqual(verdictOf(report, PUSHES), [], story.join('\n'));
    });
  }
});
