/** The suite that every engine of the bus must pass. No role may notice which engine it runs on. */
import { describe } from 'node:test';
import { claimCases } from './claims.js';
import { contentCases } from './content.js';
import { deliveryCases } from './delivery.js';
import type { BusEngine } from './kit.js';
import { lifeCases } from './life.js';
import { logCases } from './logs.js';
import { verdictCases } from './verdicts.js';

export function conformance(engine: BusEngine): void {
  const parts = {
    deliveries: deliveryCases,
    verdicts: verdictCases,
    logs: logCases,
    claims: claimCases,
    content: contentCases,
    life: lifeCases,
  };
  for (const [part, cases] of Object.entries(parts)) {
    // The cases mostly wait; each has a bus of its own.
    describe(`bus ${engine.name}: ${part}`, { concurrency: 4, skip: engine.skip }, () => cases(engine));
  }
}
