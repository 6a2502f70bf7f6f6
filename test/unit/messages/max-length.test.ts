import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { MAX_LENGTH } from '../../../src/messages/max-length.js';

const MOST = 12;

test('a text is as long as the library’s own keyword finds it, and the fault is told in the same words', () => {
  // Units of one half of a surrogate pair, which JSON may carry, beside whole pairs and plain letters.
  const unit = fc.constantFrom('a', 'é', '😀', '\ud83d', '\ude00');
  const text = fc.array(unit, { maxLength: 3 * MOST }).map((units) => units.join(''));
  const compiledBy = (ajv: Ajv2020) => (maxLength: number) => ajv.compile({ type: 'string', maxLength });
  const limits = Array.from({ length: MOST }, (_, limit) => limit);
  const own = limits.map(compiledBy(new Ajv2020()));
  const ours = limits.map(compiledBy(new Ajv2020().removeKeyword('maxLength').addKeyword(MAX_LENGTH)));
  fc.assert(
    fc.property(text, fc.constantFrom(...limits), (data, limit) => {
      assert.equal(ours[limit]?.(data), own[limit]?.(data));
      assert.deepEqual(ours[limit]?.errors, own[limit]?.errors);
    }),
    { numRuns: 1_000 },
  );
});
