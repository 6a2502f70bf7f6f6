/** Terms in memory, more than one piece of it holds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PendingTerms } from '../../../src/ledger/pending-terms.js';
import { BUCKETS, bucketOf, KEYS } from '../../../src/ledger/terms.js';

/** Two pieces and a little. */
const MANY = 70_000;
const termAt = (at: number) => ({ key: (at * 7_919 * 65_537) % KEYS, n: at, place: at + 1, at: at + 0.5 });

test('many terms are found in their buckets, the last one first, and taken back from the end', () => {
  const terms = new PendingTerms();
  const all = Array.from({ length: MANY }, (_, at) => termAt(at));
  for (const term of all) terms.add(term);
  const check = (): void => {
    assert.equal(terms.size, all.length);
    for (const bucket of [0, 1, BUCKETS / 2, BUCKETS - 1]) {
      const fit = all.filter(({ key }) => bucketOf(key) === bucket).reverse();
      assert.deepEqual(terms.ofBucket(bucket), fit);
      const sought = fit[0]?.key ?? -1;
      assert.deepEqual(
        terms.ofBucket(bucket, sought),
        fit.filter(({ key }) => key === sought),
      );
    }
  };
  check();
  for (const size of [65_536, 65_535, 32_768, 32_767]) {
    terms.shrinkTo(size);
    all.length = size;
    check();
    assert.deepEqual(terms.since(size - 3), all.slice(-3));
  }
  for (let at = 0; at < 3; at += 1) {
    terms.add(termAt(MANY + at));
    all.push(termAt(MANY + at));
  }
  check();
});
