import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/until.js';
import { ACK, type BusEngine, collect, idsOf, type NetworkEngine, on, push, readAll, request, settled } from './kit.js';

/** Within what time all goes on after a new start of the server; milliseconds. */
const BACK_MS = 60_000;

const own = (network: NetworkEngine) => ({ start: () => network.startOwn() });

/** Servers that crash and come back, and servers that grow impatient. */
export function restartCases(engine: BusEngine, network: NetworkEngine): void {
  test(
    'a server that crashes in mid-stream and comes back loses nothing that was stored, and all goes on; claims are lost',
    on(own(network), async (there) => {
      const [bus, publisher, follows] = [await there.open(), await there.open(), await there.open()];
      const { ids, retries } = await collect(bus, 'requests', undefined, { slots: 4, maxRetries: 0 });
      const followed: string[] = [];
      const follower = await follows.follow('ours', 'start', (batch) => void followed.push(...idsOf(batch)));
      const claim = await bus.claim('build.1', 'me');
      const published = new Set<string>();
      let stop = false;
      let next = 0;
      const publish = async (): Promise<void> => {
        while (!stop) {
          const id = `message-${next++}`;
          await publisher.publish(request(id)).then(
            () => published.add(id),
            () => undefined,
          );
        }
      };
      const publishing = Promise.all([publish(), publish(), publish()]);
      await until('all is going on', () => followed.length > 50 && ids.length > 50);
      await there.kill();
      const before = published.size;
      await there.startAgain();
      await until('publishing goes on', () => published.size > before + 50, BACK_MS);
      stop = true;
      await publishing;

      await until('all are handled', () => [...published].every((id) => ids.includes(id)), BACK_MS);
      await settled(bus, 'requests');
      await follower.caughtUp();
      const stored = idsOf(await readAll(await there.open(), 'ours'));
      assert.deepEqual(
        [...published].filter((id) => !stored.includes(id)),
        [],
        'what resolved is on the log',
      );
      if (engine.duplicates === 'one') assert.equal(new Set(stored).size, stored.length);
      assert.deepEqual(followed, stored);
      assert.ok(retries.every((count) => count === 0));
      assert.deepEqual(await readAll(bus, 'dead'), []);
      assert.ok([bus, publisher, follows].every((one) => one.term() > 0));
      assert.equal(claim?.lost.aborted, true);
      assert.equal(await claim?.verify(), false);
      await until('the claim is free', () => follows.claim('build.1', 'another'));
    }),
  );

  test(
    'retries and their count survive a crash of the server',
    on(own(network), async (there) => {
      const bus = await there.open();
      const first = await collect(bus, 'pushes', () => ({ kind: 'retry', after: 1_000, reason: 'not yet' }));
      await bus.publish(push('one'));
      await until('it came twice', () => first.ids.length === 2);
      await first.stop();
      // Twice, or more often where stopping took longer than the wait.
      const times = first.ids.length;
      assert.equal(await bus.waiting('pushes'), 1);
      await there.kill();
      await there.startAgain();
      await until('the bus is back', async () => (await bus.health()).ok, BACK_MS);
      const { ids, retries } = await collect(bus, 'pushes');
      await until('it comes with its count', () => retries.includes(times), BACK_MS);
      // A crash may undo the last acknowledgement (JetStream writes them a tenth of a second later): what came once more
      // has the count that it had, and is no further retry.
      assert.ok(ids.length <= 2 && ids.every((id) => id === 'one'), String(ids));
      assert.deepEqual(retries.toSorted(), ids.length === 1 ? [times] : [times - 1, times]);
      await settled(bus, 'pushes');
    }),
  );

  test(
    'work after an early ack may take longer than the server is patient: nothing is disturbed',
    on(own(network), async (there) => {
      const bus = await there.open();
      let undisturbed = 0;
      const { ids } = await collect(bus, 'pushes', () => ({
        kind: 'ack',
        work: async (signal) => {
          await lasting(network.patienceMs, signal);
          undisturbed += signal.aborted ? 0 : 1;
        },
      }));
      await bus.publish(push('one'));
      await bus.publish(push('two'));
      await until('both are worked on', () => undisturbed === 2, 3 * network.patienceMs + BACK_MS);
      assert.deepEqual(ids, ['one', 'two']);
      assert.equal(bus.term(), 0);
      await settled(bus, 'pushes');
    }),
  );

  test(
    'a handler without a verdict for longer than the server is patient is no retry, and the consumer goes on',
    on(own(network), async (there) => {
      const bus = await there.open();
      const { ids, retries } = await collect(
        bus,
        'pushes',
        async ({ message, signal }) => {
          if (message.id === 'slow' && ids.length === 1) await lasting(network.patienceMs, signal);
          return ACK;
        },
        { maxRetries: 0 },
      );
      await bus.publish(push('slow'));
      await until('it is in hand', () => ids.length === 1);
      await bus.publish(push('next'));
      await until('the next one comes', () => ids.includes('next'), network.patienceMs + BACK_MS);
      await settled(bus, 'pushes');
      assert.ok(ids.filter((id) => id === 'slow').length <= 2);
      assert.ok(retries.every((count) => count === 0));
      assert.deepEqual(await readAll(bus, 'dead'), []);
    }),
  );
}

/** Works for a time that the server finds too long, or until the signal. */
function lasting(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
