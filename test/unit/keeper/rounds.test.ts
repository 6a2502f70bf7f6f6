import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LEFTOVER_GRACE_MS } from '../../../src/keeper/decide/images.js';
import { firstRoundMs, nextRoundMs } from '../../../src/keeper/decide/rounds.js';

const HOUR = 3_600_000;

test('the first round comes soon after the begin, but not before leftovers have had their grace', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 5 * 60_000, max: 48 * HOUR }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (everyMs, share) => {
        const first = firstRoundMs(everyMs, share);
        assert.ok(first >= LEFTOVER_GRACE_MS);
        assert.ok(first <= 75_000);
      },
    ),
  );
  assert.notEqual(firstRoundMs(HOUR, 0), firstRoundMs(HOUR, 1), 'processes that were started together are spread');
});

test('a keeper with a short period does not wait longer for its first round than for the others', () => {
  fc.assert(
    fc.property(fc.nat(HOUR), fc.double({ min: 0, max: 1, noNaN: true }), (everyMs, share) => {
      assert.ok(firstRoundMs(everyMs, share) <= everyMs);
    }),
  );
});

test('a round that failed is followed soon, later each time, and never later than one that did not', () => {
  assert.equal(nextRoundMs(HOUR, 0, 0.5), HOUR);
  fc.assert(
    fc.property(
      fc.nat(HOUR),
      fc.integer({ min: 1, max: 100 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (everyMs, failed, share) => {
        const [next, after] = [nextRoundMs(everyMs, failed, share), nextRoundMs(everyMs, failed + 1, share)];
        assert.ok(next <= after && after <= everyMs);
      },
    ),
  );
  assert.equal(nextRoundMs(HOUR, 1, 0), firstRoundMs(HOUR, 0));
});
