import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/until.js';
import { type BusEngine, on } from './kit.js';

/** Within what time a claim is free whose process is dead or stands still; milliseconds (design, section 3). */
const FREE_WITHIN_MS = 10_000;

/** Claims: exclusive, with terms, and never re-taken silently. */
export function claimCases(engine: BusEngine): void {
  test(
    'a claim is exclusive among all, names its holder, and is free when it is released',
    on(engine, async (there) => {
      const [bus, other] = [await there.open(), await there.open()];
      const claim = await bus.claim('build.1', 'process one');
      assert.ok(claim);
      assert.equal(claim.key, 'build.1');
      assert.equal(await other.claim('build.1', 'process two'), null);
      assert.equal(await bus.claim('build.1', 'process one'), null, 'not even by the same process');
      assert.ok(await other.claim('build.2', 'process two'), 'another key is free');
      assert.equal(await other.holder('build.1'), 'process one');
      assert.equal(await claim.verify(), true);

      await claim.release();
      await claim.release();
      assert.equal(await claim.verify(), false);
      assert.equal(claim.lost.aborted, false, 'a claim that was given up was not lost');
      assert.equal(await bus.holder('build.1'), null);
      const next = await other.claim('build.1', 'process two');
      assert.equal(await next?.verify(), true);
      await claim.release();
      assert.equal(await next?.verify(), true, 'a late release frees nobody else’s claim');
    }),
  );

  test(
    'of many that claim at once exactly one has it',
    on(engine, async (there) => {
      const buses = await Promise.all([there.open(), there.open(), there.open()]);
      const claims = await Promise.all(
        Array.from({ length: 30 }, (_, index) => buses[index % 3]?.claim('build.1', `one of ${index}`)),
      );
      assert.equal(claims.filter(Boolean).length, 1);
    }),
  );

  test(
    'a claim outlives its expiry by far while its process lives',
    on(engine, async (there) => {
      const [bus, other] = [await there.open(), await there.open()];
      const claim = await bus.claim('build.1', 'process one');
      const end = performance.now() + FREE_WITHIN_MS;
      await until('the time is over', async () => {
        assert.equal(await claim?.verify(), true);
        assert.equal(await other.claim('build.1', 'process two'), null);
        return performance.now() > end;
      });
      assert.equal(claim?.lost.aborted, false);
      assert.equal(bus.term(), 0);
    }),
  );

  test(
    'a claim is free within ten seconds when its process is killed',
    on(engine, async (there) => {
      const bus = await there.open();
      const child = await there.spawn();
      child.tell({ do: 'claim', key: 'build.1', by: 'child' });
      await child.hears('claimed');
      assert.equal(await bus.holder('build.1'), 'child');
      await child.kill();
      await until('the claim is free', () => bus.claim('build.1', 'parent'), FREE_WITHIN_MS);
    }),
  );

  test(
    'a claim is free within ten seconds when its process stands still, which knows it when it goes on',
    on(engine, async (there) => {
      const bus = await there.open();
      const child = await there.spawn();
      for (const key of ['build.1', 'build.2']) {
        child.tell({ do: 'claim', key, by: 'child' });
        await child.hears('claimed', undefined, key);
      }
      child.pause();
      const claim = await until('the claim is free', () => bus.claim('build.1', 'parent'), FREE_WITHIN_MS);
      child.tell({ do: 'verify', key: 'build.1' });
      child.tell({ do: 'verify', key: 'build.2' });
      child.goOn();
      // The second one nobody took: its term is over all the same, if a moment later, as it was claimed later.
      for (const key of ['build.1', 'build.2']) {
        const verified = await child.hears('verified', undefined, key);
        assert.deepEqual(verified, { is: 'verified', key, held: false });
        await child.hears('lost', undefined, key);
      }
      assert.equal(await claim.verify(), true);
      await until('nobody holds the second one', async () => (await bus.holder('build.2')) === null, FREE_WITHIN_MS);
      child.tell({ do: 'claim', key: 'build.2', by: 'child' });
      await until('the child may claim anew', async () => (await bus.holder('build.2')) === 'child');
    }),
  );

  test(
    'closing frees the claims at once',
    on(engine, async (there) => {
      const [bus, other] = [await there.open(), await there.open()];
      assert.ok(await bus.claim('build.1', 'process one'));
      await bus.close();
      assert.ok(await other.claim('build.1', 'process two'));
    }),
  );
}
