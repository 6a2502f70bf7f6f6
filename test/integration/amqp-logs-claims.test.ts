/** RabbitMQ's logs and claims where they differ from other engines: connections that the broker ends, rights, doctor. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type AmqpSettings, type Bus, openBus } from '../../src/bus/index.js';
import { idsOf, push, TOPOLOGY } from '../conformance/kit.js';
import { type AmqpVhost, makeVhost, vhostSkip } from '../support/amqp-vhost.js';
import { type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.js';
import { requireAmqpManagement } from '../support/services.js';
import { until } from '../support/until.js';

describe('RabbitMQ: logs, claims and doctor', { skip: vhostSkip() }, () => {
  let vhost: AmqpVhost;
  const open: Bus[] = [];
  let proxy: FaultyProxy;
  const settings = (address = new URL(vhost.url).host): AmqpSettings => ({
    kind: 'amqp',
    urls: [Object.assign(new URL(vhost.url), { host: address }).href],
    credentials: null,
    tls: null,
    passiveDeclares: false,
    managementUrl: requireAmqpManagement().url,
  });
  const openOne = async (address?: string): Promise<Bus> => {
    const bus = await openBus(settings(address), TOPOLOGY, { onFault: () => undefined });
    open.push(bus);
    return bus;
  };

  before(async () => {
    vhost = await makeVhost();
    proxy = await startFaultyProxy(vhost.url);
  });
  after(async () => {
    await Promise.all(open.map((bus) => bus.close()));
    await proxy.close();
    await vhost.remove();
  });

  test('a follower goes on where it was when its connection was reset: each entry once, in order', async () => {
    const bus = await openOne(proxy.address);
    const seen: string[] = [];
    const follower = await bus.follow('git', 'end', (batch) => void seen.push(...idsOf(batch)));
    const wanted: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (let index = 0; index < 20; index += 1) {
        wanted.push(`${round}-${index}`);
        await bus.publish(push(`${round}-${index}`));
      }
      const term = bus.term();
      proxy.reset();
      await until('the break is noticed', () => bus.term() > term);
    }
    await follower.caughtUp();
    assert.deepEqual(seen, wanted);
    await follower.stop();
    await bus.close();
  });

  test('any text is a key', async () => {
    const [bus, other] = [await openOne(), await openOne()];
    for (const key of ['', '#', 'ä b\n', '~', 'x'.repeat(4_000), `${'x'.repeat(4_000)}y`]) {
      assert.ok(await bus.claim(key, `holder of ${key.length}`), key);
      assert.equal(await other.claim(key, 'another'), null);
      assert.equal(await other.holder(key), `holder of ${key.length}`);
    }
    await Promise.all([bus.close(), other.close()]);
  });

  test('doctor finds a broker that is well, and says what it can not see', async () => {
    const bus = await openOne();
    const found = await bus.examine();
    assert.deepEqual(
      found.filter(({ status }) => status !== 'ok'),
      [],
    );
    const text = found.map((one) => one.text).join('\n');
    for (const part of [/RabbitMQ \d/, /one node runs/, /configure, write and read/, /cluster_partition_handling/]) {
      assert.match(text, part);
    }
    assert.doesNotMatch(text, /guest/);
    await bus.close();
  });

  test('without the management API doctor says what it did not look at', async () => {
    const bus = await openBus({ ...settings(), managementUrl: null }, TOPOLOGY);
    open.push(bus);
    const [found, ...more] = (await bus.examine()).filter(({ status }) => status !== 'ok');
    assert.match(`${found?.text} ${found?.advice}`, /alarms.*management_url/);
    assert.deepEqual(more, []);
    await bus.close();
  });
});
