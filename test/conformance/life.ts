import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../src/kernel/service-error.js';
import { until } from '../support/until.js';
import { ACK, type BusEngine, collect, on, output, push, request } from './kit.js';

/** Opening, health and the end. */
export function lifeCases(engine: BusEngine): void {
  test(
    'a bus that works says so, and counts what waits without what is in hands',
    on(engine, async (there, latch) => {
      const bus = await there.open();
      assert.deepEqual((await bus.health()).ok, true);
      const held = latch();
      const taken = latch();
      for (const id of ['a', 'b', 'c']) await bus.publish(push(id));
      assert.equal(await bus.waiting('pushes'), 3);
      await collect(bus, 'pushes', async () => {
        taken.open();
        await held.opened;
        return ACK;
      });
      await taken.opened;
      assert.equal(await bus.waiting('pushes'), 2);
      held.open();
      await until('all are handled', async () => (await bus.waiting('pushes')) === 0);
    }),
  );

  test(
    'a group that the topology does not have is refused',
    on(engine, async (there) => {
      const bus = await there.open();
      await assert.rejects(
        bus.consume('nobody', async () => ACK, { slots: 1 }),
        (thrown) => thrown instanceof ServiceError && thrown.code === 'usage' && /nobody/.test(thrown.message),
      );
    }),
  );

  test(
    'closing waits for handlers, stores what was published before, and leaves nothing behind',
    on(engine, async (there) => {
      const bus = await there.open();
      const ended: string[] = [];
      await bus.consume(
        'pushes',
        async ({ message, signal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          ended.push(message.id);
          return ACK;
        },
        { slots: 2 },
      );
      await bus.publish(push('one'));
      await bus.publish(output('line'));
      await bus.listen(['#'], () => undefined);
      const follower = await bus.follow('ours', 'start', () => undefined);
      assert.ok(await bus.claim('build.1', 'me'));
      await until('the handler runs', async () => (await bus.waiting('pushes')) === 0);
      const last = bus.publish(request('last'));
      await bus.close();
      await last;
      await follower.stopped;
      assert.deepEqual(ended, ['one']);
      assert.deepEqual(await there.leftovers(), []);
      await bus.close();
      await assert.rejects(
        bus.publish(push('late')),
        (thrown) => thrown instanceof ServiceError && thrown.code === 'bus_unavailable',
      );
      const after = await there.open();
      assert.equal(await after.waiting('requests'), 1);
      assert.equal(await after.waiting('pushes'), 0);
    }),
  );
}
