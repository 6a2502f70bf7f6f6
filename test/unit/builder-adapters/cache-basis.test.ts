import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CacheBasis } from '../../../src/builder/adapters/cache-basis.js';

const CACHE = 'layerwright-cache/f41/httpd:latest';

describe('the basis of a cache', () => {
  const at = { now: 0 };
  const made = (): CacheBasis => new CacheBasis(() => at.now);

  test('is the same for images that our labels alone tell apart, and for no others', () => {
    const basis = made();
    basis.made('one', 'aaa');
    basis.made('two', 'aaa');
    basis.made('three', 'bbb');
    assert.equal(basis.isSame('one', CACHE), false);
    basis.put(CACHE, 'one');
    assert.deepEqual(
      ['two', 'three', 'never made'].map((reference) => basis.isSame(reference, CACHE)),
      [true, false, false],
    );
    assert.equal(basis.isSame('two', 'another'), false);
  });

  test('is not known where the engine does not say it, nor while the cache is changed', () => {
    const basis = made();
    basis.made('one', null);
    basis.put(CACHE, 'one');
    assert.equal(basis.isSame('one', CACHE), false);
    basis.made('one', 'aaa');
    basis.put(CACHE, 'one');
    basis.put(CACHE, null);
    assert.equal(basis.isSame('one', CACHE), false);
  });

  test('counts for ten minutes, so that a cache in use looks used', () => {
    const basis = made();
    basis.made('one', 'aaa');
    basis.put(CACHE, 'one');
    at.now += 599_999;
    assert.equal(basis.isSame('one', CACHE), true);
    at.now += 1;
    assert.equal(basis.isSame('one', CACHE), false);
  });
});
