import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bus } from '../../src/bus/index.js';
import { LIMITS } from '../../src/kernel/limits.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import { BLACK_HOLE, type Fault, PASS } from '../support/faulty-proxy.js';
import { until } from '../support/until.js';
import {
  ACK,
  type BusEngine,
  COMES_BACK_MS,
  collect,
  idsOf,
  type NetworkEngine,
  numbered,
  on,
  push,
  readAll,
  settled,
} from './kit.js';

/** Within what time a dead connection is noticed by whoever only waits; milliseconds. */
const NOTICED_MS = 30_000;
/** Within what time work goes on once the way is free again; milliseconds. */
const BACK_MS = 30_000;
/** A consumer with a free slot looks for itself after 20 s without a message (design, section 3). */
const SILENCE_MS = 45_000;

/** What a network does to connections, and what the bus makes of it. */
export function faultCases(engine: BusEngine, network: NetworkEngine): void {
  test(
    'connections that are reset under load lose nothing: all is stored, handled and followed, in order',
    on(network, async (there) => {
      const proxy = await there.proxy();
      const [bus, direct] = [await there.open(undefined, proxy), await there.open()];
      const { ids, retries } = await collect(bus, 'pushes', undefined, { slots: 4, maxRetries: 0 });
      const followed: string[] = [];
      const follower = await bus.follow('git', 'start', (batch) => void followed.push(...idsOf(batch)));
      const wanted = numbered(400).map(({ id }) => id);
      for (const [index, part] of portions(wanted, 100).entries()) {
        const publishing = Promise.all(part.map((id) => bus.publish(push(id))));
        await until('some are handled', () => ids.length > index * 80);
        proxy.reset();
        await publishing;
      }
      await until('all are handled', () => new Set(ids).size === wanted.length, BACK_MS);
      await settled(direct, 'pushes');
      await follower.caughtUp();
      const stored = idsOf(await readAll(direct, 'git'));
      assert.deepEqual([...new Set(stored)].sort(), wanted.toSorted());
      if (engine.duplicates === 'one') assert.equal(stored.length, wanted.length);
      assert.deepEqual(followed, stored);
      assert.ok(retries.every((count) => count === 0));
      assert.deepEqual(await readAll(direct, 'dead'), []);
      assert.ok(bus.term() > 0);
      assert.equal(direct.term(), 0);
    }),
  );

  test(
    'a cut in the middle of a handler is no retry and no dead letter, however often',
    on(network, async (there) => {
      const proxy = await there.proxy();
      const [bus, direct] = [await there.open(undefined, proxy), await there.open()];
      const cut = new Set<string>();
      const { ids, retries } = await collect(
        bus,
        'pushes',
        async ({ message }) => {
          if (!cut.has(message.id)) {
            cut.add(message.id);
            await cutOff(bus, () => proxy.reset());
          }
          return ACK;
        },
        { maxRetries: 0 },
      );
      for (const id of ['a', 'b', 'c']) await direct.publish(push(id));
      await until('all have been cut', () => cut.size === 3, COMES_BACK_MS);
      await until('all are settled', async () => (await direct.waiting('pushes')) === 0);
      await direct.publish(push('last'));
      await until('the last one comes', () => ids.includes('last'), BACK_MS);
      assert.ok(retries.every((count) => count === 0));
      assert.deepEqual(await readAll(direct, 'dead'), []);
    }),
  );

  test(
    'a black hole is noticed; another process does the work meanwhile; after it all goes on',
    on(network, async (there) => {
      const proxy = await there.proxy();
      const [bus, direct] = [await there.open(undefined, proxy), await there.open()];
      const [mine, others] = [await collect(bus, 'pushes'), await collect(direct, 'pushes')];
      const term = bus.term();
      proxy.set(BLACK_HOLE);
      const wanted = numbered(10).map(({ id }) => id);
      for (const id of wanted) await direct.publish(push(id));
      await until(
        'the other did all the work',
        () => wanted.every((id) => others.ids.includes(id)),
        COMES_BACK_MS + NOTICED_MS,
      );
      await until('it is noticed', () => bus.term() > term, NOTICED_MS);
      assert.equal((await bus.health()).ok, false);
      const held = bus.publish(push('held')).then(
        () => true,
        (thrown) => {
          assert.ok(thrown instanceof ServiceError && thrown.transient);
          return false;
        },
      );
      proxy.set(PASS);
      await until('it answers again', async () => (await bus.health()).ok, BACK_MS);
      await others.stop();
      await bus.publish(push('after'));
      await until('the consumer goes on', () => mine.ids.includes('after'), BACK_MS);
      const stored = idsOf(await readAll(direct, 'git'));
      if (await held) assert.ok(stored.includes('held'), 'what resolved is stored');
      assert.deepEqual(await readAll(direct, 'dead'), []);
    }),
  );

  const halfOpen = [
    { what: 'from the server', fault: { kind: 'stuck', directions: ['down'] } },
    { what: 'to the server', fault: { kind: 'stuck', directions: ['up'] } },
  ] as const satisfies readonly { what: string; fault: Fault }[];
  for (const { what, fault } of halfOpen) {
    test(
      `a connection that is dead only on the way ${what} is noticed, and replaced when it can be`,
      on(network, async (there) => {
        const proxy = await there.proxy();
        const [bus, direct] = [await there.open(undefined, proxy), await there.open()];
        const { ids } = await collect(bus, 'pushes');
        const followed: string[] = [];
        await bus.follow('git', 'start', (batch) => void followed.push(...idsOf(batch)));
        const term = bus.term();
        proxy.set(fault);
        await direct.publish(push('meanwhile'));
        await until('it is noticed', () => bus.term() > term, NOTICED_MS);
        proxy.set(PASS);
        await until('the message comes', () => ids.includes('meanwhile'), COMES_BACK_MS + BACK_MS);
        await until('the follower has it', () => followed.includes('meanwhile'), BACK_MS);
        await bus.publish(push('after'));
        await until('all goes on', () => ids.includes('after') && followed.includes('after'), BACK_MS);
      }),
    );
  }

  test(
    'a slow connection is no broken one, with the largest messages too',
    on(network, async (there) => {
      const proxy = await there.proxy();
      proxy.set({ kind: 'slow', latencyMs: 20, bytesPerSecond: 800_000 });
      const bus = await there.open(undefined, proxy);
      const { ids } = await collect(bus, 'pushes', undefined, { slots: 2 });
      const large = { text: 'x'.repeat(LIMITS.messageBytes - JSON.stringify({ text: '' }).length) };
      const messages = [push('large', large), ...numbered(10)];
      await Promise.all(messages.map((message) => bus.publish(message)));
      await until('all come', () => ids.length === messages.length, 60_000);
      assert.equal(bus.term(), 0);
      assert.equal((await readAll(bus, 'git')).length, messages.length);
    }),
  );

  test(
    'a consumer that gets nothing though its connection lives finds out, and gets what waits',
    on(network, async (there) => {
      const proxy = await there.proxy();
      const [bus, direct] = [await there.open(undefined, proxy), await there.open()];
      const { ids, retries } = await collect(bus, 'pushes', undefined, { maxRetries: 0 });
      await direct.publish(push('before'));
      await until('it works', () => ids.length === 1);
      proxy.rewrite(network.swallowDeliveries);
      for (const id of ['a', 'b', 'c']) await direct.publish(push(id));
      await until('all come', () => ['a', 'b', 'c'].every((id) => ids.includes(id)), SILENCE_MS + COMES_BACK_MS);
      assert.ok(retries.every((count) => count === 0));
      assert.deepEqual(await readAll(direct, 'dead'), []);
    }),
  );

  test(
    'followers and listeners go on after a cut, and nothing is left of what was cut',
    on(network, async (there) => {
      const proxy = await there.proxy();
      const [bus, direct] = [await there.open(undefined, proxy), await there.open()];
      await direct.publish(push('one'));
      const followed: string[] = [];
      const follower = await bus.follow('git', 'start', (batch) => void followed.push(...idsOf(batch)));
      const heard: string[] = [];
      await bus.listen(['#'], ({ id }) => void heard.push(id));
      const { ids } = await collect(bus, 'pushes', undefined, { slots: 3 });
      assert.ok(await bus.claim('build.1', 'me'));
      await follower.caughtUp();
      await cutOff(bus, () => proxy.reset());
      await direct.publish(push('two'));
      await until('the consumer has it', () => ids.includes('two'), BACK_MS);
      await follower.caughtUp();
      assert.deepEqual(followed, ['one', 'two']);
      await until('the listener hears again', async () => {
        await direct.publish(push(`to be heard ${heard.length}`), { again: String(performance.now()) });
        return heard.some((id) => id.startsWith('to be heard'));
      });
      await bus.close();
      await direct.close();
      assert.deepEqual(await there.leftovers(), []);
      assert.equal(proxy.connections, 0);
    }),
  );
}

/** Cuts, and waits until the bus knows it. */
async function cutOff(bus: Bus, cut: () => void): Promise<void> {
  const term = bus.term();
  cut();
  await until('the cut is noticed', () => bus.term() > term);
}

function portions<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}
