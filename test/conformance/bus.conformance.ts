/** The suite that every engine of the bus must pass. No role may notice which engine it runs on. */
import { after, describe } from 'node:test';
import { breakCases } from './breaks.js';
import { claimCases } from './claims.js';
import { contentCases } from './content.js';
import { deliveryCases } from './delivery.js';
import { faultCases } from './faults.js';
import type { BusEngine } from './kit.js';
import { ledgerCases } from './ledger.js';
import { lifeCases } from './life.js';
import { logCases } from './logs.js';
import { restartCases } from './restarts.js';
import { verdictCases } from './verdicts.js';

export function conformance(engine: BusEngine): void {
  const parts = {
    deliveries: deliveryCases,
    verdicts: verdictCases,
    logs: logCases,
    claims: claimCases,
    content: contentCases,
    ledger: ledgerCases,
    life: lifeCases,
  };
  // The cases mostly wait; each has a bus of its own.
  const options = { concurrency: 6, skip: engine.skip };
  for (const [part, cases] of Object.entries(parts)) {
    describe(`bus ${engine.name}: ${part}`, options, () => cases(engine));
  }
  const { network } = engine;
  if (network === null) return;
  describe(`bus ${engine.name}: faults of the network`, options, () => {
    faultCases(engine, network);
    breakCases(network);
  });
  // Where a server starts slowly, these share one that they crash, and so come one after the other.
  describe(`bus ${engine.name}: crashes of the server`, {
    concurrency: network.ownServers,
    skip: engine.skip || network.skipOwn,
  }, () => {
    after(() => network.stop());
    restartCases(engine, network);
  });
}
