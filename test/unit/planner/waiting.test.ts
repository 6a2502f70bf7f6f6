import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDue } from '../../../src/planner/decide/waiting.js';

const SKIPPED_AT = '2026-11-23T12:00:00.000Z';
const row = (waitingFor: readonly string[], state: 'skipped' | 'requested' = 'skipped') => ({
  state,
  skipped: { code: 'waiting_for', message: '', waitingFor },
  messages: [{ topic: 'org.example.container.build.skipped', id: 'a', storedAt: SKIPPED_AT }],
});

describe('a build that waits for its parents', () => {
  it('is asked for when the last of them has come', () => {
    const times: Record<string, string> = { base: '2026-11-23T12:05:00.000Z' };
    const at = (component: string): string | null => times[component] ?? null;

    assert.equal(isDue(row(['base']), at), true);
    assert.equal(isDue(row(['base', 'python']), at), false);
    times['python'] = '2026-11-23T11:00:00.000Z';
    assert.equal(isDue(row(['base', 'python']), at), true);
  });

  it('is asked for when its parent came in the moment in which it was skipped', () => {
    assert.equal(
      isDue(row(['base']), () => '2026-11-23T11:59:59.000Z'),
      true,
    );
  });

  it('is not asked for on account of what was there long before', () => {
    assert.equal(
      isDue(row(['base']), () => '2026-11-23T11:00:00.000Z'),
      false,
    );
  });

  it('is left alone once it was asked for, or when it waits for nothing', () => {
    assert.equal(
      isDue(row(['base'], 'requested'), () => '2026-11-23T12:05:00.000Z'),
      false,
    );
    assert.equal(
      isDue(row([]), () => '2026-11-23T12:05:00.000Z'),
      false,
    );
  });
});
