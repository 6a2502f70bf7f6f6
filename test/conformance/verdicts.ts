import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeadReason } from '../../src/bus/index.js';
import { until } from '../support/until.js';
import { ACK, type BusEngine, collect, dead, idsOf, on, push, readAll, settled } from './kit.js';

/** What a handler's end does to its message. */
export function verdictCases(engine: BusEngine): void {
  test(
    'a retry comes again with its count, an uncounted one without',
    on(engine, async (there) => {
      const bus = await there.open();
      const ends = [
        { kind: 'retry', after: 1, reason: 'first' },
        { kind: 'retry', after: 1, uncounted: true, reason: 'waiting' },
        { kind: 'retry', after: 1.5, reason: 'second' },
        ACK,
      ] as const;
      const { ids, retries } = await collect(bus, 'pushes', () => ends[ids.length - 1] ?? ACK);
      await bus.publish(push('one'));
      await until('it came four times', () => ids.length === 4);
      assert.deepEqual(retries, [0, 1, 1, 2]);
      await settled(bus, 'pushes');
      assert.deepEqual(await readAll(bus, 'dead'), []);
    }),
  );

  test(
    'a retry waits for its time, also in another process, while other messages go on',
    on(engine, async (there) => {
      const [bus, other] = [await there.open(), await there.open()];
      const times: number[] = [];
      const first = await collect(bus, 'pushes', () => {
        times.push(performance.now());
        return { kind: 'retry', after: 700, reason: 'not yet' };
      });
      await bus.publish(push('slow'));
      await until('it came once', () => times.length === 1);
      await first.stop();
      const { ids } = await collect(other, 'pushes', () => {
        times.push(performance.now());
        return ACK;
      });
      await bus.publish(push('quick'));
      await until('both came', () => ids.length === 2);
      assert.deepEqual(ids, ['quick', 'slow']);
      const waited = (times[2] ?? 0) - (times[0] ?? 0);
      assert.ok(waited >= 650, `the retry came after ${waited} ms`);
    }),
  );

  test(
    'a retry without a time backs off by itself',
    on(engine, async (there) => {
      const bus = await there.open();
      const times: number[] = [];
      await collect(bus, 'pushes', () => {
        times.push(performance.now());
        return times.length === 1 ? { kind: 'retry', reason: 'later' } : ACK;
      });
      await bus.publish(push('one'));
      await until('it came twice', () => times.length === 2);
      assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 900);
    }),
  );

  test(
    'a message that was retried too often is dead, with the last reason; whoever asked is told before',
    on(engine, async (there) => {
      const bus = await there.open();
      const told: { readonly id: string; readonly why: DeadReason; readonly dead: number }[] = [];
      let calls = 0;
      await bus.consume(
        'pushes',
        async () => {
          calls += 1;
          return { kind: 'retry', after: 1, reason: `failed ${calls}` };
        },
        {
          slots: 1,
          maxRetries: 2,
          onDead: async ({ id }, why) => {
            told.push({ id, why, dead: (await readAll(bus, 'dead')).length });
          },
        },
      );
      await bus.publish(push('one'));
      const [letter] = await dead(bus, 1);
      assert.equal(calls, 3);
      assert.equal(letter?.body.code, 'too_many_retries');
      assert.match(letter?.body.reason ?? '', /failed 3/);
      assert.deepEqual(told, [{ id: 'one', why: { code: 'too_many_retries', reason: letter?.body.reason }, dead: 0 }]);
      assert.equal(await bus.waiting('pushes'), 0);
    }),
  );

  test(
    'a message is not dead while telling of it fails',
    on(engine, async (there) => {
      const bus = await there.open();
      let calls = 0;
      let tellings = 0;
      await bus.consume(
        'pushes',
        async () => {
          calls += 1;
          return { kind: 'drop', code: 'unwanted', reason: 'no' };
        },
        {
          slots: 1,
          onDead: async () => {
            tellings += 1;
            if (tellings === 1) throw new Error('the telling failed');
          },
        },
      );
      await bus.publish(push('one'));
      await dead(bus, 1);
      assert.deepEqual([calls, tellings], [2, 2]);
    }),
  );

  test(
    'a dropped message is in the log of the dead with code, reason, group, headers and content, under its own id',
    on(engine, async (there) => {
      const bus = await there.open();
      await collect(bus, 'pushes', () => ({ kind: 'drop', code: 'unwanted', reason: 'nobody wants it' }));
      await bus.publish(push('one', { text: 'ünïcode' }));
      const [letter] = await dead(bus, 1);
      assert.equal(letter?.entry.message.id, 'one');
      assert.equal(letter?.entry.message.topic, push('one').topic);
      assert.deepEqual(letter?.body, {
        code: 'unwanted',
        reason: 'nobody wants it',
        group: 'pushes',
        headers: push('one').headers,
        content: '{"text":"ünïcode"}',
        encoding: 'utf8',
      });
    }),
  );

  test(
    'a handler that throws has its message dead-lettered with the stack, once, and the next message is handled',
    on(engine, async (there) => {
      const bus = await there.open();
      const { ids } = await collect(bus, 'pushes', ({ message }) => {
        if (message.id === 'poison') throw new TypeError('it is poison');
        return ACK;
      });
      for (const id of ['poison', 'a', 'b', 'c']) await bus.publish(push(id));
      await until('the others come', () => ids.includes('c'));
      await settled(bus, 'pushes');
      assert.deepEqual(ids, ['poison', 'a', 'b', 'c']);
      const [letter] = await dead(bus, 1);
      assert.equal(letter?.body.code, 'handler_failed');
      assert.match(letter?.body.reason ?? '', /TypeError: it is poison\n\s+at /);
    }),
  );

  test(
    'work after an early ack that throws neither brings the message back nor stops the consumer',
    on(engine, async (there) => {
      const bus = await there.open();
      const { ids } = await collect(bus, 'pushes', () => ({
        kind: 'ack',
        work: async () => {
          throw new Error('the work failed');
        },
      }));
      await bus.publish(push('one'));
      await bus.publish(push('two'));
      await until('both come', () => ids.length === 2);
      await settled(bus, 'pushes');
      assert.deepEqual(ids, ['one', 'two']);
      assert.deepEqual(idsOf(await readAll(bus, 'dead')), []);
    }),
  );
}
