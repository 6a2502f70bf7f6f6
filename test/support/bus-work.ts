/** What roles do on a bus, for tests that do it with few rights. Each part fails when the bus refuses it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Bus, LogName } from '../../src/bus/index.js';
import type { Message } from '../../src/messages/index.js';
import { latch, until } from './until.js';

const RETRY_MS = 100;

export function messageTo(topic: string): Message {
  return { id: randomUUID(), topic, headers: { 'sent-at': '2026-11-24T19:00:00+00:00' }, body: {} };
}

/** Publishes and takes it from a group: at first it is to come again, then it is done. */
export async function takeTwice(bus: Bus, publisher: Bus, group: string, topic: string): Promise<void> {
  const message = messageTo(topic);
  const retries: number[] = [];
  const consumer = await bus.consume(
    group,
    async (delivery) => {
      if (delivery.message.id !== message.id) return { kind: 'ack' };
      retries.push(delivery.retries);
      return delivery.retries > 0 ? { kind: 'ack' } : { kind: 'retry', after: RETRY_MS, reason: 'once more' };
    },
    { slots: 1 },
  );
  try {
    await publisher.publish(message);
    await until(`${group} had it twice`, () => retries.length === 2);
    assert.deepEqual(retries, [0, 1]);
    await until(`nothing waits in ${group}`, async () => (await bus.waiting(group)) === 0);
  } finally {
    await consumer.stop();
  }
}

/** A message of a group that goes to the dead letters. */
export async function bury(bus: Bus, publisher: Bus, group: string, topic: string): Promise<void> {
  const message = messageTo(topic);
  const consumer = await bus.consume(
    group,
    async ({ message: { id } }) =>
      id === message.id ? { kind: 'drop', code: 'not_wanted', reason: 'a test' } : { kind: 'ack' },
    { slots: 1 },
  );
  try {
    await publisher.publish(message);
    await until(`a dead letter of ${group}`, async () => {
      for await (const batch of publisher.read('dead', 'start')) {
        if (batch.some((entry) => entry.message.id === message.id)) return true;
      }
      return false;
    });
  } finally {
    await consumer.stop();
  }
}

/** Follows a log from its start until it has caught up, then goes on after a place in it, as a ledger does. */
export async function readLog(bus: Bus, publisher: Bus, log: LogName, topic: string): Promise<void> {
  const message = messageTo(topic);
  await publisher.publish(message);
  const seen = new Map<string, string>();
  const follower = await bus.follow(log, 'start', (batch) => {
    for (const { position } of batch) seen.set(position.id, position.at);
  });
  await follower.caughtUp();
  await follower.stop();
  const at = seen.get(message.id);
  assert.ok(at !== undefined, `the log ${log} has what was published`);
  const resumed = await bus.follow(log, { after: { at, id: message.id } }, () => undefined);
  await resumed.caughtUp();
  await resumed.stop();
}

/** Takes a key, holds it against another process, gives it back. */
export async function claimOnce(bus: Bus, other: Bus): Promise<void> {
  const key = `build.${randomUUID()}`;
  const claim = await bus.claim(key, 'the one who works');
  assert.ok(claim !== null);
  assert.equal(await claim.verify(), true);
  assert.equal(await other.holder(key), 'the one who works');
  await claim.release();
  assert.equal(await bus.holder(key), null);
  const theirs = await other.claim(key, 'another');
  assert.equal(await bus.claim(key, 'the one who works'), null);
  assert.equal(await bus.holder(key), 'another');
  await theirs?.release();
}

/** Hears what passes. */
export async function hear(bus: Bus, publisher: Bus, topic: string): Promise<void> {
  const message = messageTo(topic);
  const heard = latch();
  const listener = await bus.listen([topic], ({ id }) => {
    if (id === message.id) heard.open();
  });
  await publisher.publish(message);
  await heard.opened;
  await listener.stop();
}
