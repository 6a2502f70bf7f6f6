/** Deliveries on NATS that are late: the server's patience is over sooner than who got them could know by the time of their coming. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Bus, openBus, type Verdict } from '../../src/bus/index.js';
import { settingsOf } from '../../src/library/address.js';
import { ACK, push, readAll, settled, TOPOLOGY } from '../conformance/kit.js';
import { type FaultyProxy, PASS, startFaultyProxy } from '../support/faulty-proxy.js';
import { type NatsServer, startNatsServer } from '../support/nats-server.js';
import { requireNatsServer } from '../support/services.js';
import { latch, until } from '../support/until.js';

/** How long the delivery is on its way; shorter than the service allows for. Milliseconds. */
const LATE_MS = 1_000;
/** Within what time the server gives a message to another; milliseconds. */
const COMES_BACK_MS = 15_000;

describe('NATS: deliveries that are late', { skip: requireNatsServer().skip }, () => {
  let server: NatsServer;
  let proxy: FaultyProxy;
  let far: Bus;
  let near: Bus;
  /** The server keeps a request for whatever comes into the log. */
  const asked = latch();

  before(async () => {
    server = await startNatsServer();
    proxy = await startFaultyProxy(server.url, (chunk) => {
      if (/MSG\.NEXT\.\S+-git\.pushes .*?"expires"/s.test(chunk.toString('latin1'))) asked.open();
    });
    far = await open(`nats://${proxy.address}`);
    near = await open(server.url);
  });
  after(async () => {
    proxy.set(PASS);
    await Promise.all([far.close(), near.close()]);
    await proxy.close();
    await server.stop();
  });

  test('who got it late can no longer settle what another has taken since', async () => {
    const [took, verdict, held] = [latch(), latch<Verdict>(), latch()];
    const taken: string[] = [];
    await far.consume(
      'pushes',
      () => {
        // Nothing that is said of it from here gets through, until another has it.
        proxy.set({ kind: 'stuck', directions: ['up'] });
        took.open();
        return verdict.opened;
      },
      { slots: 1 },
    );
    await asked.opened;
    proxy.set({ kind: 'stuck', directions: ['down'] });
    await near.publish(push('one'));
    setTimeout(() => proxy.set(PASS), LATE_MS);
    await took.opened;

    await near.consume(
      'pushes',
      async ({ message }) => {
        taken.push(message.id);
        await held.opened;
        return ACK;
      },
      { slots: 1 },
    );
    await until('another has it', () => taken.length === 1, COMES_BACK_MS);
    proxy.set(PASS);
    // What it said before is answered by now, and is no word on what another has.
    assert.equal(await far.waiting('pushes'), 0);
    verdict.open({ kind: 'drop', code: 'late', reason: 'too late' });
    await far.close();
    held.open();
    await settled(near, 'pushes');
    assert.deepEqual(await readAll(near, 'dead'), []);
    assert.deepEqual(taken, ['one']);
  });
});

const open = (url: string): Promise<Bus> => openBus(settingsOf(url), TOPOLOGY, { onFault: () => undefined });
