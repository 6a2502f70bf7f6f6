import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogEntry, LogName } from '../../src/bus/index.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import type { Message } from '../../src/messages/index.js';
import { until } from '../support/until.js';
import { type BusEngine, idsOf, on, output, push, readAll, request } from './kit.js';

const lost = (thrown: unknown): boolean => thrown instanceof ServiceError && thrown.code === 'position_lost';

/** The logs: reading, following, positions; and what only passes. */
export function logCases(engine: BusEngine): void {
  const both: readonly [LogName, (id: string) => Message][] = [
    ['git', push],
    ['ours', request],
  ];
  for (const [log, message] of both) {
    test(
      `the log ${log} is read in order from its start, a time, a position and its end, and has nothing of the other`,
      on(engine, async (there) => {
        const bus = await there.open();
        const stranger = log === 'git' ? request : push;
        for (const id of ['a', 'b', 'c']) await bus.publish(message(id));
        await bus.publish(stranger('x'));
        await bus.publish(output('line'));
        const before = await readAll(bus, log);
        await until(
          'the clock goes on',
          () => Date.now() > (before.at(-1)?.storedAt.getTime() ?? 0) + engine.timePrecisionMs + 1,
        );
        const time = new Date();
        for (const id of ['d', 'e']) await bus.publish(message(id));

        const all = await readAll(bus, log);
        assert.deepEqual(idsOf(all), ['a', 'b', 'c', 'd', 'e']);
        assert.deepEqual(idsOf(await readAll(bus, log, { time })), ['d', 'e']);
        assert.deepEqual(idsOf(await readAll(bus, log, { time: new Date(0) })), ['a', 'b', 'c', 'd', 'e']);
        for (const [index, entry] of all.entries()) {
          const rest = await readAll(bus, log, { after: entry.position });
          assert.deepEqual(rest, all.slice(index + 1));
        }
        for (const { storedAt } of all) {
          const since = all.filter((entry) => entry.storedAt >= storedAt);
          assert.deepEqual(await readAll(bus, log, { time: storedAt }), since);
        }
        assert.deepEqual(await readAll(bus, log, 'end'), []);
        assert.ok(all.every(({ storedAt }) => Math.abs(storedAt.getTime() - Date.now()) < 60_000));
      }),
    );

    test(
      `the log ${log} is followed: first what is there, then what comes, from any process, each once and in order`,
      on(engine, async (there) => {
        const [bus, other] = [await there.open(), await there.open()];
        for (let index = 0; index < 700; index += 1) void bus.publish(message(`old-${index}`)).catch(() => undefined);
        await until('all are stored', async () => (await readAll(bus, log)).length === 700);
        const seen: LogEntry[] = [];
        const follower = await bus.follow(log, 'start', (batch) => {
          seen.push(...batch);
        });
        await follower.caughtUp();
        assert.equal(seen.length, 700);
        await bus.publish(message('own'));
        await other.publish(message('another'));
        await until('both come', () => seen.length === 702);
        assert.deepEqual(idsOf(seen), idsOf(await readAll(bus, log)));
        await follower.stop();
        await follower.stopped;
        await bus.publish(message('after'));
        assert.equal(seen.length, 702);
      }),
    );
  }

  test(
    'a follower from the end, and one from a position, get what comes after and nothing before',
    on(engine, async (there) => {
      const bus = await there.open();
      for (const id of ['a', 'b']) await bus.publish(push(id));
      const [first] = await readAll(bus, 'git');
      assert.ok(first);
      const seen: Record<'end' | 'after', string[]> = { end: [], after: [] };
      const followers = [
        await bus.follow('git', 'end', (batch) => void seen.end.push(...idsOf(batch))),
        await bus.follow('git', { after: first.position }, (batch) => void seen.after.push(...idsOf(batch))),
      ];
      await bus.publish(push('c'));
      await Promise.all(followers.map((follower) => follower.caughtUp()));
      assert.deepEqual(seen, { end: ['c'], after: ['b', 'c'] });
    }),
  );

  test(
    'catching up waits until everything stored before has been handled, what another process stored included',
    on(engine, async (there, latch) => {
      const [bus, other] = [await there.open(), await there.open()];
      const held = latch();
      const handled: string[] = [];
      const follower = await bus.follow('ours', 'start', async (batch) => {
        await held.opened;
        handled.push(...idsOf(batch));
      });
      await follower.caughtUp();
      await other.publish(request('one'));
      let there_ = false;
      const caughtUp = follower.caughtUp().then(() => {
        there_ = true;
      });
      await bus.health();
      assert.equal(there_, false);
      held.open();
      await caughtUp;
      assert.deepEqual(handled, ['one']);
    }),
  );

  test(
    'a position in a log that was made anew is lost, also where another message is at its place',
    on(engine, async (there) => {
      const before = await there.open();
      await before.publish(push('old'));
      const [entry] = await readAll(before, 'git');
      assert.ok(entry);
      await there.makeAnew();
      const bus = await there.open();
      await assert.rejects(readAll(bus, 'git', { after: entry.position }), lost);
      await bus.publish(push('new'));
      await assert.rejects(readAll(bus, 'git', { after: entry.position }), lost);
      await assert.rejects(
        bus.follow('git', { after: entry.position }, () => undefined),
        lost,
      );
      await assert.rejects(readAll(bus, 'git', { after: { at: 'nowhere', id: 'new' } }), lost);
    }),
  );

  test(
    'a follower whose batch is refused stops and says why',
    on(engine, async (there) => {
      const bus = await there.open();
      await bus.publish(push('one'));
      const follower = await bus.follow('git', 'start', () => {
        throw new Error('no room');
      });
      await assert.rejects(follower.stopped, /no room/);
      await assert.rejects(follower.caughtUp(), /stopped/);
    }),
  );

  test(
    'listeners hear what passes from now on in every process, unlogged topics too, and nothing after they stop',
    on(engine, async (there, latch) => {
      const [bus, other] = [await there.open(), await there.open()];
      await bus.publish(output('before'));
      const heard: string[] = [];
      const listener = await bus.listen([output('x').topic, '*.example.git.#'], ({ id }) => {
        heard.push(id);
        if (id === 'line') throw new Error('a listener that throws is heard of, and goes on');
      });
      await bus.publish(output('line'));
      const late: string[] = [];
      await bus.listen([output('x').topic], ({ id }) => void late.push(id));
      await other.publish(push('push'));
      await other.publish(request('not asked for'));
      await other.publish(output('last'));
      await until('the last one is heard', () => heard.includes('last'));
      await listener.stop();
      const again = latch();
      await bus.listen(['#'], () => again.open());
      await bus.publish(output('after'));
      await again.opened;
      assert.deepEqual(heard, ['line', 'push', 'last']);
      assert.deepEqual(late, ['last', 'after'], 'a listener hears nothing from before it');
    }),
  );
}
