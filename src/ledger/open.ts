import type { Bus } from '../bus/index.js';
import { type Logger, silentLogger } from '../observability/index.js';
import { type Clock, systemClock } from '../runtime/clock.js';
import type { Ledger } from './contract.js';
import { FOLD_VERSION } from './fold.js';
import { FollowingLedger } from './following-ledger.js';
import { Store } from './store.js';

export interface LedgerOptions {
  readonly bus: Bus;
  /** Our prefix, as `org.example.prod`. */
  readonly prefix: string;
  /** The ledger's file, one for each process; null keeps it in memory. Deleting it loses nothing. */
  readonly path: string | null;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/**
 * Opens the ledger and begins to follow the log; what is stored already is folded soon after (`caughtUp`). A file that
 * can't be used is made anew. Throws `ledger_unavailable` when another process has the file or it can't be written; a
 * bus that is away is waited for.
 */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const { bus, prefix, path, logger = silentLogger, clock = systemClock } = options;
  const format = { prefix, foldVersion: FOLD_VERSION };
  const { store, made } = Store.open(path, format);
  if (made === 'anew') logger.warn({ path }, 'the ledger could not be used and is made anew');
  const ledger = new FollowingLedger({
    bus,
    prefix,
    store,
    makeAnew: () => Store.make(path, format),
    rebuilt: made === 'anew',
    logger,
    clock,
  });
  await ledger.begin();
  return ledger;
}
