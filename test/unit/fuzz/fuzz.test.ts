/** Every target of `npm run test:fuzz`, for a moment and always with the same cases. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TARGETS } from '../../fuzz/targets.js';

const CASES = 400;
const SEED = 1;

for (const target of TARGETS) {
  test(`${target.name}: ${target.about}`, async () => {
    const { failure } = await target.run({ cases: CASES, seed: SEED });
    const again = `npm run test:fuzz -- --target ${target.name} --seed ${SEED} --path ${failure?.path}`;
    assert.equal(failure, null, `${failure?.error}\nfor ${failure?.input}\n${again}`);
  });
}
