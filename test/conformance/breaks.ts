import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../src/kernel/service-error.js';
import { BLACK_HOLE, PASS } from '../support/faulty-proxy.js';
import { until } from '../support/until.js';
import { collect, idsOf, type NetworkEngine, on, push, readAll, request } from './kit.js';

/** Within what time a claim is free whose holder is cut off; milliseconds (design, section 3). */
const FREE_WITHIN_MS = 10_000;
/** Within what time work goes on once the way is free again; milliseconds. */
const BACK_MS = 30_000;

/** What must not come back by itself after a break, and what must. */
export function breakCases(network: NetworkEngine): void {
  test(
    'a claim is free for others when its holder is cut off, and the holder never has it again by itself',
    on(network, async (there) => {
      const proxy = await there.proxy();
      const [bus, other] = [await there.open(undefined, proxy), await there.open()];
      const claim = await bus.claim('build.1', 'process one');
      assert.equal(await claim?.verify(), true);
      proxy.set({ kind: 'refuse' });
      const next = await until('the claim is free', () => other.claim('build.1', 'process two'), FREE_WITHIN_MS);
      await until('the holder knows', () => claim?.lost.aborted, FREE_WITHIN_MS);
      proxy.set(PASS);
      await until('the connection is back', async () => (await bus.health()).ok, BACK_MS);
      assert.equal(await claim?.verify(), false);
      assert.equal(await bus.claim('build.1', 'process one'), null);
      assert.equal(await next.verify(), true);
      await next.release();
      assert.equal(await claim?.verify(), false, 'lost is lost, though nobody has it now');
      await claim?.release();
      const anew = await bus.claim('build.1', 'process one');
      assert.equal(await anew?.verify(), true);
      await claim?.release();
      assert.equal(await anew?.verify(), true, 'the release of a lost claim frees nobody’s');
    }),
  );

  test(
    'a claim whose connection was cut for a moment is lost, says so, and is free soon',
    on(network, async (there) => {
      const proxy = await there.proxy();
      const [bus, other] = [await there.open(undefined, proxy), await there.open()];
      const claim = await bus.claim('build.1', 'process one');
      const term = bus.term();
      proxy.reset();
      await until('the holder knows', () => claim?.lost.aborted, FREE_WITHIN_MS);
      assert.equal(await claim?.verify(), false);
      await until('the term has risen', () => bus.term() > term);
      await until('the claim is free', () => other.claim('build.1', 'process two'), FREE_WITHIN_MS);
      assert.equal(await claim?.verify(), false);
    }),
  );

  test(
    'a claim whose holder is in a black hole is free within ten seconds, and the holder knows',
    on(network, async (there) => {
      const proxy = await there.proxy();
      const [bus, other] = [await there.open(undefined, proxy), await there.open()];
      const claim = await bus.claim('build.1', 'process one');
      proxy.set(BLACK_HOLE);
      await until('the claim is free', () => other.claim('build.1', 'process two'), FREE_WITHIN_MS);
      await until('the holder knows', () => claim?.lost.aborted, FREE_WITHIN_MS);
      proxy.set(PASS);
      await until('the connection is back', async () => (await bus.health()).ok, BACK_MS);
      assert.equal(await claim?.verify(), false);
      assert.equal(await other.holder('build.1'), 'process two');
    }),
  );

  test(
    'a follower whose log is made anew under it stops and says so',
    on(network, async (there) => {
      const bus = await there.open();
      for (const id of ['a', 'b']) await bus.publish(push(id));
      const followed: string[] = [];
      const follower = await bus.follow('git', 'start', (batch) => void followed.push(...idsOf(batch)));
      await follower.caughtUp();
      let stopped: unknown = null;
      void follower.stopped.catch((thrown) => {
        stopped = thrown;
      });
      await there.makeAnewUnder();
      await until('the follower stops', () => stopped !== null, BACK_MS);
      assert.ok(stopped instanceof ServiceError && stopped.code === 'position_lost', String(stopped));
      await until('the bus works', async () => (await bus.health()).ok, BACK_MS);
      const after = await there.open();
      await bus.publish(push('new'));
      assert.deepEqual(idsOf(await readAll(after, 'git')), ['new']);
      assert.deepEqual(followed, ['a', 'b']);
    }),
  );

  test(
    'a publish whose logs and groups were removed is never said to be stored when it is not; made again, all works',
    on(network, async (there) => {
      const bus = await there.open();
      await bus.publish(request('before'));
      await there.removeLogs();
      const resolved = await bus.publish(request('into nothing')).then(
        () => true,
        (thrown) => {
          assert.ok(thrown instanceof ServiceError && /^bus_/.test(thrown.code), String(thrown));
          return false;
        },
      );
      const after = await there.open();
      if (resolved) assert.deepEqual(idsOf(await readAll(after, 'ours')), ['into nothing']);
      await bus.publish(request('after'));
      assert.ok(idsOf(await readAll(after, 'ours')).includes('after'));
      const { ids } = await collect(after, 'requests');
      await until('the group has it', () => ids.includes('after'));
    }),
  );
}
