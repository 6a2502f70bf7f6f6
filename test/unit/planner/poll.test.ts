import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type PollSettings, pollsNow, restMs, type Watched } from '../../../src/planner/decide/poll.js';

const MINUTE = 60_000;
const SETTINGS: PollSettings = { pollMs: 15 * MINUTE, pollsPerMinute: 30 };

function watchedOf(count: number, registries = 1): readonly Watched[] {
  return Array.from({ length: count }, (_, at) => ({
    name: `r${at % registries}/i:${at}`,
    registry: `r${at % registries}`,
  }));
}

/** Registries that are asked by the plan, with a clock. */
class World {
  readonly asked = new Map<string, number>();
  readonly spent = new Map<string, readonly number[]>();
  readonly rests = new Map<string, number>();
  readonly requests: { readonly name: string; readonly registry: string; readonly at: number }[] = [];
  now = 1_000_000;

  /** Gives the milliseconds until the next look. */
  look(watched: readonly Watched[], settings = SETTINGS): number | null {
    const { ask, waitMs } = pollsNow(watched, this, this.now, settings);
    if (ask.length === 0) return waitMs;
    for (const { name, registry } of ask) {
      this.asked.set(name, this.now);
      const spent = (this.spent.get(registry) ?? []).filter((time) => time > this.now - MINUTE);
      this.spent.set(registry, [...spent, this.now]);
      this.requests.push({ name, registry, at: this.now });
    }
    return this.look(watched, settings);
  }
}

describe('images that are not ours', () => {
  it('are asked for at once when they were never asked for, and again after the interval, each with its own spread', () => {
    const world = new World();
    const watched = watchedOf(20);
    const waitMs = world.look(watched) ?? 0;
    assert.equal(world.requests.length, 20);
    assert.ok(waitMs >= 0.9 * SETTINGS.pollMs && waitMs <= 1.1 * SETTINGS.pollMs);
    world.now += waitMs - 1;
    world.look(watched);
    assert.equal(world.requests.length, 20);
    world.now += 1;
    world.look(watched);
    assert.equal(world.requests.length, 21, 'not all in one moment');
    world.now += 0.2 * SETTINGS.pollMs;
    world.look(watched);
    assert.equal(world.requests.length, 40);
  });

  it('wait while their registry rests, which is nothing to the others', () => {
    const world = new World();
    world.rests.set('r0', world.now + 7_000);
    assert.equal(world.look(watchedOf(4, 2)), 7_000);
    assert.deepEqual([...world.asked.keys()].sort(), ['r1/i:1', 'r1/i:3']);
    world.now += 7_000;
    world.look(watchedOf(4, 2));
    assert.equal(world.asked.size, 4);
  });

  it('are nobody’s affair where there are none', () => {
    assert.deepEqual(pollsNow([], new World(), 0, SETTINGS), { ask: [], waitMs: null });
  });

  it('are asked for within the budget of each registry, each in its turn, none forgotten', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 30 }),
        fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 10 }),
        (count, registries, pollsPerMinute, pollMinutes, late) => {
          const world = new World();
          const watched = watchedOf(count, registries);
          const settings = { pollMs: pollMinutes * MINUTE, pollsPerMinute };
          const begun = world.now;
          // What the budget allows bounds it where there are more names than that.
          const roundMs = Math.ceil(count / registries / pollsPerMinute + 1) * (MINUTE + 20_000);
          const boundMs = 1.1 * settings.pollMs + roundMs + 20_000;
          for (let looks = 0; world.now < begun + 3 * boundMs; looks += 1) {
            const waitMs = world.look(watched, settings);
            assert.ok(waitMs === null || waitMs > 0);
            world.now += (waitMs ?? settings.pollMs) + (late[looks % late.length] ?? 0);
          }
          for (const { name } of watched) {
            const times = [begun, ...world.requests.filter((one) => one.name === name).map(({ at }) => at), world.now];
            for (const [at, time] of times.slice(1).entries())
              assert.ok(time - (times[at] ?? 0) <= boundMs, `${name} after ${time - (times[at] ?? 0)} of ${boundMs}`);
          }
          for (const registry of new Set(watched.map((one) => one.registry))) {
            const times = world.requests.filter((one) => one.registry === registry).map(({ at }) => at);
            for (const time of times)
              assert.ok(times.filter((other) => other > time - MINUTE && other <= time).length <= pollsPerMinute);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('are left in peace for longer each time that a registry is away, as long as it asks for, and no longer than the interval', () => {
    const pollMs = 15 * MINUTE;
    assert.deepEqual(
      [1, 2, 3, 4, 5, 60].map((times) => restMs(times, 0, { pollMs })),
      [1, 2, 4, 8, 15, 15].map((minutes) => minutes * MINUTE),
    );
    assert.equal(restMs(1, 20 * MINUTE, { pollMs }), 20 * MINUTE);
    assert.equal(restMs(1, 10, { pollMs: 1_000 }), MINUTE);
  });
});
