/** The ledger's file itself: a write is all or nothing, in steps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildFacts } from '../../../src/ledger/facts.js';
import { fold, read } from '../../../src/ledger/fold.js';
import { rowOf } from '../../../src/ledger/row.js';
import type { Written } from '../../../src/ledger/schema.js';
import { BEGINNING } from '../../../src/ledger/standing.js';
import { Store } from '../../../src/ledger/store.js';
import { PREFIX, requested, sampleBuild, sampleCommit } from '../../support/samples.js';

const COUNT = 300;

function written(n: number): Written {
  const found = read(PREFIX, requested(sampleBuild({ source: { commit: sampleCommit(`commit ${n}`) } })));
  assert.ok(found?.ok);
  const facts: BuildFacts = fold(null, found.value, { seq: n, storedAt: '2026-01-01T00:00:00.000Z' });
  return { facts, row: rowOf(facts) };
}

const BUILDS = Array.from({ length: COUNT }, (_, n) => written(n));
const STANDING = { position: { at: '299', id: 'last' }, seq: COUNT, skipped: 0 };
const changeOf = (builds: Iterable<Written>) => ({ builds, waves: [], skipped: [], standing: STANDING });
const countOf = (store: Store): number => store.ask((tables) => tables.count());

function withStore(body: (store: Store) => void): void {
  const store = Store.make(null, { prefix: PREFIX, foldVersion: 1 });
  try {
    body(store);
  } finally {
    store.close();
  }
}

test('a write has steps of at most 64 builds, and its place on the log counts from the last one on', () =>
  withStore((store) => {
    let before = 0;
    for (const _ of store.writing(changeOf(BUILDS))) {
      const now = countOf(store);
      assert.ok(now - before <= 64, `${now - before} at once`);
      assert.deepEqual(
        store.ask((tables) => tables.facts(BUILDS[0]?.facts.id ?? '')),
        BUILDS[0]?.facts,
      );
      before = now;
    }
    assert.equal(countOf(store), COUNT);
    assert.deepEqual(store.standing(), STANDING);
  }));

test('a write that breaks off has written nothing, and can be done again', () =>
  withStore((store) => {
    function* broken(): Generator<Written> {
      yield* BUILDS.slice(0, 200);
      throw new Error('no more');
    }
    assert.throws(() => [...store.writing(changeOf(broken()))]);
    assert.equal(countOf(store), 0);
    assert.deepEqual(store.standing(), BEGINNING);
    for (const _ of store.writing(changeOf(BUILDS)));
    assert.equal(countOf(store), COUNT);
    const [message] = BUILDS[0]?.facts.facts ?? [];
    const found = store.ask((tables) => tables.byTerm('message', message?.id ?? '', 1, () => true));
    assert.deepEqual(found, [BUILDS[0]?.facts], 'its terms too');
  }));
