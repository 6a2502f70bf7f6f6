import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { claimName } from '../../../src/bus/amqp/claim-session.js';

test('a key of ours is readable in the name of its queue', () => {
  assert.equal(claimName('build.7c9e6679-7425-40de-944b-e07fc1f90ae7'), 'build.7c9e6679-7425-40de-944b-e07fc1f90ae7');
  assert.equal(claimName('tags.f41/base@f41'), 'tags.f41/base@f41');
});

test('every key has a name of its own that a queue may have', () => {
  const keys = fc.uniqueArray(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 90, maxLength: 300 })));
  fc.assert(
    fc.property(keys, (all) => {
      const names = all.map(claimName);
      assert.equal(new Set(names).size, all.length);
      for (const name of names) assert.match(name, /^[\w.:@/~-]{1,100}$/);
    }),
  );
});
