import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNewest } from '../../../src/builder/rivals.js';
import type { Ledger } from '../../../src/ledger/index.js';

const OWN = { id: 'own', component: 'httpd', target: 'f41', commit: 'a', requestedSeq: 7 };

function ledgerOf(...ids: readonly string[]): Ledger {
  return { builds: ({ limit = 100 }) => ids.slice(0, limit).map((id) => ({ id })) } as unknown as Ledger;
}

test('a build is the newest when its commit is the head and nothing was asked for after it', () => {
  assert.equal(isNewest(ledgerOf('own', 'older'), OWN, { head: 'a' }), true);
  assert.equal(isNewest(ledgerOf('later', 'own'), OWN, { head: 'a' }), false);
  assert.equal(isNewest(ledgerOf('own', 'older'), OWN, { head: 'b' }), false);
  assert.equal(isNewest(ledgerOf('own', 'older'), OWN, { head: null }), false);
});
