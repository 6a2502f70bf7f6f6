/** Every recorded message of other services, on every bus: published by their means, read by ours. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Bus, openBus, type Topology } from '../../src/bus/index.js';
import type { Message } from '../../src/messages/index.js';
import { BUS_PLACES } from '../support/bus-places.js';
import { recorded, recordedNames } from '../support/recorded.js';
import { PREFIX } from '../support/samples.js';
import { publishAsStranger } from '../support/strangers.js';
import { until } from '../support/until.js';

const MESSAGES = allRecorded();
const PATTERNS = [...new Set(MESSAGES.map(({ topic }) => `${topic.split('.').slice(0, 2).join('.')}.#`))];
const TOPOLOGY: Topology = {
  prefix: PREFIX,
  git: PATTERNS,
  groups: { strangers: PATTERNS },
  gitLog: { maxAgeMs: 30 * 86_400_000, maxBytes: 1_000_000_000 },
};
/** Of 250 messages on a busy machine. */
const DEADLINE_MS = 60_000;

describe(`${MESSAGES.length} messages of other services`, () => {
  test('are all that were recorded', () => assert.equal(MESSAGES.length, 249));

  for (const { kind, skip, make } of BUS_PLACES) {
    test(`come through the ${kind} bus as they were: to a group, a listener and the log`, { skip }, async () => {
      const place = await make();
      const opened: Bus[] = [];
      try {
        const bus = await openBus(place.settings, TOPOLOGY);
        opened.push(bus);
        const heard: Message[] = [];
        await bus.listen(PATTERNS, (message) => heard.push(message));
        await publishAsStranger(place.settings, TOPOLOGY, MESSAGES);
        const consumed: Message[] = [];
        await bus.consume(
          'strangers',
          async ({ message }) => {
            consumed.push(message);
            return { kind: 'ack' };
          },
          { slots: 4 },
        );
        await until('the group got all', () => consumed.length >= MESSAGES.length, DEADLINE_MS);
        await until('the listener heard all', () => heard.length >= MESSAGES.length, DEADLINE_MS);
        const logged: Message[] = [];
        for await (const batch of bus.read('git', 'start')) logged.push(...batch.map(({ message }) => message));
        assert.deepEqual(logged, MESSAGES, 'in the log, in the order of publishing');
        assert.deepEqual(byId(heard), byId(MESSAGES));
        assert.deepEqual(byId(consumed), byId(MESSAGES));
        assert.equal(await bus.waiting('strangers'), 0);
      } finally {
        await Promise.all(opened.map((bus) => bus.close()));
        await place.remove();
      }
    });
  }
});

/** Some were recorded twice under one id; a bus may leave out the second, so it gets an id of its own here. */
function allRecorded(): readonly Message[] {
  const seen = new Set<string>();
  return recordedNames().map((name) => {
    const message = recorded(name);
    // Old envelopes have numbers for ids.
    const id = seen.has(String(message.id)) ? name : String(message.id);
    seen.add(id);
    return { ...message, id };
  });
}

function byId(messages: readonly Message[]): readonly Message[] {
  return [...messages].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}
