import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterWarmUp, slopePer1000 } from '../../soak/slopes.js';

test('a slope is what a figure gains with 1,000 builds, whatever lies around the line', () => {
  const line = [0, 100, 200, 300].map((at) => ({ at, value: 50 + at / 100 }));
  assert.ok(Math.abs((slopePer1000(line) ?? 0) - 10) < 1e-9);
  const noise = [0, 100, 200, 300].map((at) => ({ at, value: at % 200 === 0 ? 5 : 7 }));
  assert.ok(Math.abs(slopePer1000(noise) ?? 100) < 5);
  assert.equal(slopePer1000([{ at: 5, value: 5 }]), null);
  assert.equal(slopePer1000([]), null);
});

test('what could not be measured is left out', () => {
  const line = [0, 100, 200, 300].map((at) => ({ at, value: at === 100 ? Number.NaN : at / 100 }));
  assert.ok(Math.abs((slopePer1000(line) ?? 0) - 10) < 1e-9);
  assert.equal(slopePer1000(line.map(({ at }) => ({ at, value: Number.NaN }))), null);
});

test('the first quarter of a run is left out', () => {
  const samples = [10, 20, 30, 40].map((builds) => ({ builds }));
  assert.deepEqual(afterWarmUp(samples), samples);
  const more = [10, 50, 100, 200, 400].map((builds) => ({ builds }));
  assert.deepEqual(
    afterWarmUp(more).map(({ builds }) => builds),
    [100, 200, 400],
  );
});
