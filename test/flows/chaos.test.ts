import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chaos, verdictOf } from '../chaos/run.js';
import type { BusKind, EngineKind } from '../chaos/world.js';
import {
  firstSkip,
  requireBusybox,
  requireDaemon,
  requireNatsServer,
  requirePodmanProgram,
  requireRabbitmq,
  requireRegistryProgram,
} from '../support/services.js';

/** Short: `npm run test:chaos` runs as long as one likes. */
const PUSHES = 12;
const FAULTS = 5;
const SEED = 3;

interface Run {
  readonly bus: BusKind;
  readonly engine: EngineKind;
  readonly skip: string | false;
}

const docker = [requireDaemon(), requireRegistryProgram(), requireBusybox()];
const podman = [requirePodmanProgram(), requireRegistryProgram(), requireBusybox()];
const RUNS: readonly Run[] = [
  { bus: 'embedded', engine: 'docker', skip: firstSkip(...docker) },
  { bus: 'amqp', engine: 'docker', skip: firstSkip(...docker, requireRabbitmq()) },
  { bus: 'nats', engine: 'docker', skip: firstSkip(...docker, requireNatsServer()) },
  { bus: 'embedded', engine: 'podman', skip: firstSkip(...podman) },
];

// At once: most of the time is waiting.
describe('under kills, pauses, cuts and restarts', { concurrency: true }, () => {
  for (const { bus, engine, skip } of RUNS) {
    it(`on ${bus} with ${engine} each push becomes one image, tags are right, nothing is left`, { skip }, async () => {
      const story: string[] = [];
      const report = await chaos({
        bus,
        engine,
        seed: SEED,
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
