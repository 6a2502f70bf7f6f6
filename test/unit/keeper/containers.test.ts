import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { containersThatGo } from '../../../src/keeper/decide/containers.js';

const NOW = 10_000_000;
const GRACE = 60_000;

test('a container of a step goes when its build has ended and both are old enough, and no other does', () => {
  const age = fc.nat(2 * GRACE);
  fc.assert(
    fc.property(fc.constantFrom('ended', 'runs', 'unknown'), age, age, (state, endedFor, madeFor) => {
      const build = { ended: state === 'ended', endedAt: state === 'ended' ? NOW - endedFor : null };
      const container = { id: 'c', build: 'b', createdAt: NOW - madeFor };
      const going = containersThatGo([container], {
        build: (id) => (id === 'b' && state !== 'unknown' ? build : null),
        leftoverGraceMs: GRACE,
        now: NOW,
      });
      const goes = state === 'ended' && Math.min(endedFor, madeFor) >= GRACE;
      assert.deepEqual(going, goes ? [{ container, usedAt: NOW - Math.min(endedFor, madeFor) }] : []);
    }),
  );
});
