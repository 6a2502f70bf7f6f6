/** A ledger on a bus in memory, its file in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ledger, openLedger } from '../../src/ledger/index.js';
import { withReleasers } from '../../src/runtime/releasers.js';
import { type FakeBus, fakeBus } from './fake-bus.js';
import { PREFIX } from './samples.js';
import { until } from './until.js';

export interface LedgerWorld {
  readonly bus: FakeBus;
  readonly path: string;
  /** Opens a ledger on the file (or another), closed when the test ends if the test has not done so. */
  open(path?: string | null): Promise<Ledger>;
}

/** A fake bus, which stores at the times of `now`, and a folder; all is closed and removed at the end. */
export function inWorld(body: (world: LedgerWorld) => Promise<void>, now?: () => Date): () => Promise<void> {
  return () =>
    withReleasers(async (releasers) => {
      const folder = await mkdtemp(join(tmpdir(), 'layerwright-ledger-'));
      releasers.push('the folder', () => rm(folder, { recursive: true }));
      const bus = fakeBus(now === undefined ? {} : { now });
      releasers.push('the bus', () => bus.close());
      const path = join(folder, 'state', 'ledger.db');
      const open = async (at: string | null = path): Promise<Ledger> => {
        const ledger = await openLedger({ bus, prefix: PREFIX, path: at });
        releasers.push('the ledger', () => ledger.close());
        return ledger;
      };
      await body({ bus, path, open });
    });
}

/** Waits until a ledger that was disturbed has caught up again. */
export async function followsAgain(ledger: Ledger): Promise<void> {
  await until('the ledger to follow', () =>
    ledger.caughtUp().then(
      () => true,
      () => false,
    ),
  );
}
