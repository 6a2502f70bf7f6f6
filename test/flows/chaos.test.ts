import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chaos, verdictOf } from '../chaos/run.js';
import type { BusKind } from '../chaos/world.js';
import {
  firstSkip,
  requireBusybox,
  requireDaemon,
  requireNatsServer,
  requireRabbitmq,
  requireRegistryProgram,
} from '../support/services.js';

/** Short: `npm run test:chaos` runs as long as one likes. */
const PUSHES = 12;
const FAULTS = 5;

const needed = [requireDaemon(), requireRegistryProgram(), requireBusybox()];
const RUNS: readonly { readonly bus: BusKind; readonly skip: string | false; readonly seed: number }[] = [
  { bus: 'embedded', skip: firstSkip(...needed), seed: 3 },
  { bus: 'amqp', skip: firstSkip(...needed, requireRabbitmq()), seed: 3 },
  { bus: 'nats', skip: firstSkip(...needed, requireNatsServer()), seed: 3 },
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
