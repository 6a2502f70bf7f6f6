import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLedger } from '../../src/ledger/index.js';
import { completed, requested, sampleBuild, started, withNvr } from '../support/samples.js';
import { type BusEngine, on, PREFIX } from './kit.js';

/** What the log is there for: the same builds for whoever folds it, whatever its copies. */
export function ledgerCases(engine: BusEngine): void {
  test(
    'messages that are published twice, by two processes, and once more with `again`, are one row of the ledger',
    on(engine, async (there) => {
      const [bus, other] = [await there.open(), await there.open()];
      const build = sampleBuild();
      const messages = [requested(build), started(withNvr(build)), completed(withNvr(build))];
      for (const message of messages) {
        await Promise.all([bus.publish(message), other.publish(message)]);
        await bus.publish(message, { again: 'replay-1' });
      }
      const ledger = await openLedger({ bus, prefix: PREFIX, path: null });
      try {
        await ledger.caughtUp();
        const rows = ledger.builds({});
        assert.equal(rows.length, 1);
        assert.equal(rows[0]?.state, 'completed');
        assert.deepEqual(
          rows[0]?.messages.map(({ id }) => id),
          messages.map(({ id }) => id),
        );
      } finally {
        await ledger.close();
      }
    }),
  );
}
