import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../../src/kernel/service-error.js';
import type { Message } from '../../../src/messages/index.js';
import { inOrder, logSource, Spool, sendPlan } from '../../../src/replay/index.js';
import { fakeBus } from '../../support/fake-bus.js';
import { PREFIX, requested, SAMPLE_TIME } from '../../support/samples.js';
import { GIT, MemorySpool, push, World } from './world.js';

const CLOCK = { now: () => SAMPLE_TIME, monotonic: () => performance.now() };
const MESSAGES = ['nginx', 'httpd', 'redis'].map((component) => push(component, 1));

async function planned() {
  const spool = new MemorySpool();
  const plan = await World.open().plan(MESSAGES, {}, spool);
  const stop = new AbortController();
  const parts = { prefix: PREFIX, run: 'run-1', clock: CLOCK, rate: 1e9, signal: stop.signal, onSent: () => undefined };
  return { spool, plan, stop, parts };
}

test('it ends after the message in hand, and says which was the last', async () => {
  const { spool, plan, stop, parts } = await planned();
  const sent: string[] = [];
  const bus = {
    publish: async ({ id }: Message) => {
      stop.abort();
      sent.push(id);
    },
  };
  const { last, ...outcome } = await sendPlan(plan, spool, { ...parts, bus });
  assert.deepEqual(outcome, { sent: 1, failed: 0, interrupted: true, fault: null });
  assert.deepEqual([last?.id, sent], ['push nginx 1 f41', ['push nginx 1 f41']]);
});

test('a message that the bus can’t carry is told, and the rest goes on', async () => {
  const { spool, plan, parts } = await planned();
  const faults: (string | undefined)[] = [];
  const bus = {
    publish: async ({ id }: Message) => {
      if (id.includes('httpd')) throw new ServiceError('message_invalid', 'no broker has such a topic');
    },
  };
  const onSent = (_: number, __: unknown, fault: ServiceError | null): number => faults.push(fault?.code);
  const { sent, failed } = await sendPlan(plan, spool, { ...parts, bus, onSent });
  assert.deepEqual([sent, failed, faults], [2, 1, [undefined, 'message_invalid', undefined]]);
});

test('a bus that is away ends it where it can go on', async () => {
  const { spool, plan, parts } = await planned();
  const bus = {
    publish: async ({ id }: Message) => {
      if (id.includes('redis')) throw new ServiceError('bus_unavailable', 'gone', { transient: true });
    },
  };
  const outcome = await sendPlan(plan, spool, { ...parts, bus });
  assert.deepEqual([outcome.sent, outcome.last?.id, outcome.fault?.code], [2, 'push httpd 1 f41', 'bus_unavailable']);
});

test('it sends no quicker than it is told', async () => {
  const { spool, plan, parts } = await planned();
  const begun = performance.now();
  await sendPlan(plan, spool, { ...parts, rate: 20, bus: { publish: async () => undefined } });
  const took = performance.now() - begun;
  assert.ok(took >= 95, `3 messages at 20 a second took ${took} ms`);
});

test('a spool gives back what it was given, line ends of all sorts included', async () => {
  const spool = await Spool.open();
  const odd = { ...push('nginx', 1), body: { text: 'a\u2028b\u2029c\nd\re' } };
  const records = [odd, push('httpd', 1)].map((message, index) => ({ index, message, asks: [] }));
  try {
    for (const record of records) await spool.put(record);
    const back = [];
    for await (const record of spool.records()) back.push(record);
    assert.deepEqual(back, records);
  } finally {
    await spool.close();
  }
});

test('both logs come in the order of storing, to their ends as they were', async () => {
  let second = 0;
  const bus = fakeBus({
    git: GIT,
    now: () => {
      second += 1;
      return new Date(SAMPLE_TIME.getTime() + second * 1_000);
    },
  });
  await bus.publish(push('nginx', 1));
  await bus.publish(requested());
  await bus.publish(push('nginx', 2));
  const ids: string[] = [];
  for await (const batch of inOrder(bus, ['ours', 'git'], 'start')) {
    for (const { message } of batch) ids.push(message.id);
    if (ids.length === 1) await bus.publish(push('nginx', 3));
  }
  assert.deepEqual(ids, ['push nginx 1 f41', requested().id, 'push nginx 2 f41']);

  const until = new Date(SAMPLE_TIME.getTime() + 2_000);
  const chosen: string[] = [];
  for await (const batch of logSource(bus, ['git', 'ours'], { since: until, until })) {
    chosen.push(...batch.map(({ message }) => message.id));
  }
  assert.deepEqual(chosen, [requested().id]);
  await bus.close();
});
