import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bus } from '../../src/bus/index.js';
import { until } from '../support/until.js';
import {
  ACK,
  type BusEngine,
  COMES_BACK_MS,
  collect,
  idsOf,
  numbered,
  on,
  push,
  readAll,
  request,
  settled,
  TOPOLOGY,
  withGroups,
} from './kit.js';

/** How long a case looks on when it shows that nothing happens; milliseconds. */
const LOOK_ON_MS = 300;

/** Groups: who gets a message, and how often. */
export function deliveryCases(engine: BusEngine): void {
  test(
    'a message waits for its group while none of the consumers lives',
    on(engine, async (there) => {
      const publisher = await there.open();
      await publisher.publish(push('one'));
      await publisher.close();
      const bus = await there.open();
      assert.equal(await bus.waiting('pushes'), 1);
      const { ids } = await collect(bus, 'pushes');
      await until('the message comes', () => ids.length === 1);
      assert.deepEqual(ids, ['one']);
    }),
  );

  test(
    'a new group starts at now',
    on(engine, async (there) => {
      const bus = await there.open(withGroups({ requests: TOPOLOGY.groups['requests'] ?? [] }));
      await bus.publish(push('before'));
      const later = await there.open();
      await later.publish(push('after'));
      const { ids } = await collect(later, 'pushes');
      await until('the message comes', () => ids.length > 0);
      assert.deepEqual(ids, ['after']);
    }),
  );

  test(
    'a group that another process declared gets what is published by one that does not know it',
    on(engine, async (there) => {
      const publisher = await there.open(withGroups({}));
      const bus = await there.open(withGroups({ strangers: ['#'] }));
      await publisher.publish(push('one'));
      const { ids } = await collect(bus, 'strangers');
      await until('the message comes', () => ids.length === 1);
    }),
  );

  test(
    'each group gets its own copy of what its patterns match, and nothing else',
    on(engine, async (there) => {
      const bus = await there.open();
      await bus.publish(push('deep'));
      await bus.publish({ ...push('one-word'), topic: 'org.git.receive' });
      await bus.publish({ ...push('no-word'), topic: 'git.receive' });
      await bus.publish(request('request'));
      await bus.publish({ ...push('more'), topic: `${request('x').topic}.more` });
      const got = async (group: string, count: number): Promise<string[]> => {
        const { ids } = await collect(bus, group);
        await until(`${group} has its messages`, () => ids.length >= count);
        await settled(bus, group);
        return ids;
      };
      assert.deepEqual(await got('pushes', 3), ['deep', 'one-word', 'no-word']);
      assert.deepEqual(await got('pushes.too', 3), ['deep', 'one-word', 'no-word']);
      assert.deepEqual(await got('one.word', 1), ['one-word']);
      assert.deepEqual(await got('requests', 1), ['request']);
      assert.deepEqual(await got('everything', 4), ['deep', 'one-word', 'no-word', 'request']);
    }),
  );

  test(
    'consumers of a group compete: each message goes to one of them, and both get some',
    on(engine, async (there, latch) => {
      const [one, two] = [await there.open(), await there.open()];
      const wanted = numbered(60);
      for (const message of wanted) await one.publish(message);
      const both = latch();
      const seen = new Map<Bus, string[]>([
        [one, []],
        [two, []],
      ]);
      for (const [bus, ids] of seen) {
        await bus.consume(
          'pushes',
          async ({ message }) => {
            ids.push(message.id);
            if ([...seen.values()].every((list) => list.length > 0)) both.open();
            await both.opened;
            return ACK;
          },
          { slots: 2 },
        );
      }
      const all = (): string[] => [...seen.values()].flat();
      await until('all messages come', () => all().length >= wanted.length);
      await settled(one, 'pushes');
      assert.deepEqual(all().sort(), wanted.map(({ id }) => id).sort());
    }),
  );

  test(
    'a publish that resolved survives a kill of its process',
    on(engine, async (there) => {
      const child = await there.spawn();
      child.tell({ do: 'publish', messages: [push('one')] });
      await child.hears('published');
      await child.kill();
      const bus = await there.open();
      const { ids } = await collect(bus, 'pushes');
      await until('the message comes', () => ids.length === 1);
      assert.deepEqual(idsOf(await readAll(bus, 'git')), ['one']);
    }),
  );

  test(
    'processes that publish at the same time lose nothing and block nobody',
    on(engine, async (there) => {
      const bus = await there.open();
      const { ids } = await collect(bus, 'pushes', undefined, { slots: 8 });
      const children = await Promise.all([there.spawn(), there.spawn()]);
      const wanted: string[] = [];
      children.forEach((child, index) => {
        const messages = numbered(300, `child-${index}-`);
        wanted.push(...messages.map(({ id }) => id));
        child.tell({ do: 'publish', messages });
      });
      const own = numbered(300, 'own-');
      wanted.push(...own.map(({ id }) => id));
      await Promise.all(own.map((message) => bus.publish(message)));
      await until('all messages come', () => ids.length >= wanted.length, 60_000);
      assert.deepEqual(ids.toSorted(), wanted.toSorted());
      assert.deepEqual(idsOf(await readAll(bus, 'git')).sort(), wanted.toSorted());
    }),
  );

  test(
    'the same id is delivered once, where the broker knows duplicates; with `again` once more, under the same id',
    on(engine, async (there) => {
      const [bus, other] = [await there.open(), await there.open()];
      const { ids } = await collect(bus, 'pushes');
      await Promise.all([bus.publish(push('one')), bus.publish(push('one')), other.publish(push('one'))]);
      await bus.publish(push('one'));
      await bus.publish(push('one'), { again: 'sweep-1' });
      await other.publish(push('one'), { again: 'sweep-1' });
      await bus.publish(push('end'));
      await until('the last message comes', () => ids.includes('end'));
      const copies = ids.filter((id) => id === 'one').length;
      assert.equal(ids.length, copies + 1);
      if (engine.duplicates === 'one') assert.equal(copies, 2);
      // As often as it was published, at the most.
      else assert.ok(copies >= 2 && copies <= 6, `${copies} copies`);
    }),
  );

  test(
    'an early ack ends the delivery, the slot stays taken, and an idle consumer gets what the busy one cannot take',
    on(engine, async (there, latch) => {
      const [busy, idle] = [await there.open(), await there.open()];
      const work = latch();
      const begun = latch();
      const consumer = await busy.consume(
        'pushes',
        async () => ({
          kind: 'ack',
          work: async () => {
            begun.open();
            await work.opened;
          },
        }),
        { slots: 1 },
      );
      await busy.publish(push('one'));
      await begun.opened;
      assert.equal(consumer.busy, 1);
      await busy.publish(push('two'));
      await lookOn();
      assert.equal(await busy.waiting('pushes'), 1, 'the second message waits, in nobody’s hands');
      const { ids } = await collect(idle, 'pushes');
      await until('the idle consumer has it', () => ids.length > 0);
      assert.deepEqual(ids, ['two']);
      assert.equal(consumer.busy, 1);
      work.open();
      await until('the slot is free', () => consumer.busy === 0);
    }),
  );

  test(
    'no more handlers run than there are slots',
    on(engine, async (there, latch) => {
      const bus = await there.open();
      const wanted = numbered(20);
      const held = latch();
      const begun: string[] = [];
      await Promise.all(wanted.map((message) => bus.publish(message)));
      const consumer = await bus.consume(
        'pushes',
        async ({ message }) => {
          begun.push(message.id);
          await held.opened;
          return ACK;
        },
        { slots: 3 },
      );
      await until('the slots are taken', () => begun.length >= 3);
      await lookOn();
      assert.equal(begun.length, 3);
      assert.equal(consumer.busy, 3);
      assert.equal(await bus.waiting('pushes'), 17);
      held.open();
      await until('all are done', () => begun.length === wanted.length && consumer.busy === 0);
    }),
  );

  test(
    'a paused consumer takes nothing, and goes on when it is resumed',
    on(engine, async (there) => {
      const bus = await there.open();
      const ids: string[] = [];
      const consumer = await bus.consume(
        'pushes',
        async ({ message }) => {
          ids.push(message.id);
          return ACK;
        },
        { slots: 1 },
      );
      await consumer.pause();
      await bus.publish(push('one'));
      await lookOn();
      assert.deepEqual(ids, []);
      assert.equal(await bus.waiting('pushes'), 1);
      await consumer.resume();
      await until('the message comes', () => ids.length === 1);
    }),
  );

  test(
    'stopping signals the handlers and waits for them; what they hand back goes to others',
    on(engine, async (there, latch) => {
      const [bus, other] = [await there.open(), await there.open()];
      const begun = latch();
      const consumer = await bus.consume(
        'pushes',
        async ({ signal }) => {
          begun.open();
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          return { kind: 'retry', after: 0, uncounted: true, reason: 'handed back' };
        },
        { slots: 1 },
      );
      await bus.publish(push('one'));
      await begun.opened;
      await consumer.stop();
      assert.equal(consumer.busy, 0);
      const { ids, retries } = await collect(other, 'pushes');
      await until('the other has it', () => ids.length === 1);
      assert.deepEqual(retries, [0]);
    }),
  );

  test(
    'a delivery whose process is killed comes back to another, and is no retry, however often',
    on(engine, async (there) => {
      const bus = await there.open();
      await bus.publish(push('one'));
      for (let crash = 0; crash < 2; crash += 1) {
        const child = await there.spawn();
        child.tell({ do: 'consume', group: 'pushes', slots: 1 });
        await child.hears('took', COMES_BACK_MS);
        await child.kill();
      }
      const { ids, retries } = await collect(bus, 'pushes', undefined, { maxRetries: 0 });
      await until('the message comes back', () => ids.length > 0, COMES_BACK_MS);
      assert.deepEqual([ids, retries], [['one'], [0]]);
      await settled(bus, 'pushes');
      assert.deepEqual(await readAll(bus, 'dead'), []);
    }),
  );

  test(
    'a process that stood still can no longer settle what another has taken since',
    on(engine, async (there, latch) => {
      const bus = await there.open();
      const child = await there.spawn();
      child.tell({ do: 'consume', group: 'pushes', slots: 1 });
      await bus.publish(push('one'));
      await child.hears('took');
      child.pause();
      const held = latch();
      const { ids } = await collect(bus, 'pushes', async () => {
        await held.opened;
        return ACK;
      });
      await until('the message comes back', () => ids.length === 1, COMES_BACK_MS);
      child.goOn();
      child.tell({ do: 'verdict', verdict: { kind: 'drop', code: 'late', reason: 'too late' } });
      child.tell({ do: 'close' });
      await child.hears('closed');
      held.open();
      await bus.close();
      const after = await there.open();
      assert.equal(await after.waiting('pushes'), 0);
      assert.deepEqual(await readAll(after, 'dead'), []);
      assert.deepEqual(ids, ['one']);
    }),
  );
}

const lookOn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LOOK_ON_MS));
