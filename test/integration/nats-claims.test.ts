/** Claims on NATS whose answer does not come in time: the server has stored them, or not. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Bus, openBus } from '../../src/bus/index.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import { settingsOf } from '../../src/library/address.js';
import { TOPOLOGY } from '../conformance/kit.js';
import { type Direction, type FaultyProxy, PASS, startFaultyProxy } from '../support/faulty-proxy.js';
import { type NatsServer, startNatsServer } from '../support/nats-server.js';
import { requireNatsServer } from '../support/services.js';
import { until } from '../support/until.js';

/** Longer than one question about a claim may take, shorter than a claim lives that nobody renews; milliseconds. */
const SILENT_MS = 2_500;
/** After a claim was given up or has lapsed, anybody has it within this time; milliseconds. */
const FREE_MS = 20_000;

describe('NATS: claims that get no answer', { skip: requireNatsServer().skip }, () => {
  let server: NatsServer;
  let proxy: FaultyProxy;
  let bus: Bus;
  /** What happens when the next claim is written. */
  let onWrite: () => void = () => undefined;

  before(async () => {
    server = await startNatsServer();
    proxy = await startFaultyProxy(server.url, (chunk) => {
      if (/HPUB \S*claim/i.test(chunk.toString('latin1'))) onWrite();
    });
    bus = await openBus(settingsOf(`nats://${proxy.address}`), TOPOLOGY, { onFault: () => undefined });
  });
  after(async () => {
    proxy.set(PASS);
    await bus.close();
    await proxy.close();
    await server.stop();
  });

  const silence = (direction: Direction, milliseconds: number): void => {
    onWrite = () => {
      onWrite = () => undefined;
      proxy.set({ kind: 'stuck', directions: [direction] });
      setTimeout(() => proxy.set(PASS), milliseconds);
    };
  };

  test('an answer that is late: the claim is had, and can be given up', async () => {
    silence('down', SILENT_MS);
    const claim = await bus.claim('late', 'me');
    assert.ok(claim);
    assert.equal(await claim.verify(), true);
    assert.equal(await bus.holder('late'), 'me');
    await claim.release();
    assert.equal(await bus.holder('late'), null);
  });

  test('an answer that never comes is a passing fault of the bus, and the claim can be had later', async () => {
    silence('down', 3 * SILENT_MS);
    await assert.rejects(bus.claim('never', 'me'), (thrown: unknown) => {
      assert.ok(thrown instanceof ServiceError, String(thrown));
      assert.deepEqual(
        { code: thrown.code, transient: thrown.transient },
        { code: 'bus_unavailable', transient: true },
      );
      return true;
    });
    const claim = await until('it can be had', () => bus.claim('never', 'me').catch(() => null), FREE_MS);
    assert.equal(await claim.verify(), true);
  });
});
