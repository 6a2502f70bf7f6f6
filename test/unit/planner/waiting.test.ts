import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lastTold } from '../../../src/kernel/last-told.js';
import { isDue, type Told } from '../../../src/planner/decide/waiting.js';

const SKIP = { seq: 100, storedAt: '2026-11-23T12:00:00.000Z' };
const row = (waitingFor: readonly string[], state: 'skipped' | 'requested' = 'skipped') => ({
  state,
  skipped: { code: 'waiting_for', message: '', waitingFor },
  messages: [{ topic: 'org.example.container.build.skipped', id: 'a', ...SKIP }],
});
const told = (seq: number, time: string): Told => ({ seq, storedAt: `2026-11-23T${time}.000Z` });

describe('a build that waits for its parents', () => {
  it('is asked for when the last of them has come', () => {
    const ends: Record<string, Told> = { base: told(101, '12:05:00') };
    const at = (component: string): Told | null => ends[component] ?? null;

    assert.equal(isDue(row(['base']), at), true);
    assert.equal(isDue(row(['base', 'python']), at), false);
    ends['python'] = told(5, '11:00:00');
    assert.equal(isDue(row(['base', 'python']), at), true);
  });

  it('is asked for when its parent came in the moment in which it was skipped', () => {
    assert.equal(
      isDue(row(['base']), () => told(99, '11:59:59')),
      true,
    );
  });

  it('is not asked for on account of what was there long before', () => {
    assert.equal(
      isDue(row(['base']), () => told(9, '11:00:00')),
      false,
    );
  });

  it('goes by the log where the clock was set: it is neither forgotten nor asked for again and again', () => {
    assert.equal(
      isDue(row(['base']), () => told(101, '11:05:00')),
      true,
    );
    assert.equal(
      isDue(row(['base']), () => told(9, '12:30:00')),
      false,
    );
  });

  it('is left alone once it was asked for, or when it waits for nothing', () => {
    assert.equal(
      isDue(row(['base'], 'requested'), () => told(101, '12:05:00')),
      false,
    );
    assert.equal(
      isDue(row([]), () => told(101, '12:05:00')),
      false,
    );
  });
});

it('of several words the one that is last on the log counts', () => {
  const topic = 'org.example.container.build.skipped';
  const messages = [
    { topic, id: 'b', seq: 7, storedAt: '' },
    { topic, id: 'a', seq: 3, storedAt: '' },
  ];
  assert.equal(lastTold({ messages }, 'skipped')?.seq, 7);
  assert.equal(lastTold({ messages }, 'completed'), null);
});
