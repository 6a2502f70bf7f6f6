import assert from 'node:assert/strict';
import { it } from 'node:test';
import { DueTimes, type Now } from '../../../src/rebuilds/decide/due.js';
import { BuildHistory } from '../../support/build-history.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BEGAN = Date.UTC(2027, 0, 1);

/** How often in some hours an image is made anew for its age, each time at once, by a clock that is so far ahead of the bus. */
function rebuilds(hours: number, aheadMs: number): number {
  const times = new DueTimes();
  const history = new BuildHistory();
  let made = 0;
  const build = (busMs: number): void => {
    history.build('base', [], { endedAt: new Date(busMs).toISOString() });
  };
  build(BEGAN);
  for (let hour = 1; hour <= hours; hour += 1) {
    const now: Now = { wall: BEGAN + aheadMs + hour * HOUR_MS, monotonic: hour * HOUR_MS };
    const node = history.graph().nodes.get('f41/base') ?? assert.fail('it has an image');
    times.set('f41/base', node, DAY_MS, now);
    times.look(now);
    assert.notEqual(times.waitMs(now.wall), null);
    if (times.of('f41/base', now) === null) continue;
    made += 1;
    build(now.wall - aheadMs);
  }
  return made;
}

it('a clock that is far ahead of that of the bus has each image made anew once, and then once a schedule', () => {
  assert.equal(rebuilds(60, 30 * DAY_MS), 3);
});

it('a clock as that of the bus has each image made anew once a schedule and up to a tenth', () => {
  assert.equal(rebuilds(60, 0), 2);
});
