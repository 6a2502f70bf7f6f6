/** The ledger's file itself: a write is all or nothing, in steps. */
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'libsql';
import type { BuildFacts } from '../../../src/ledger/facts.js';
import { fold, read } from '../../../src/ledger/fold.js';
import { rowOf } from '../../../src/ledger/row.js';
import type { Written } from '../../../src/ledger/schema.js';
import { BEGINNING } from '../../../src/ledger/standing.js';
import { Store } from '../../../src/ledger/store.js';
import { completed, PREFIX, requested, sampleBuild, sampleCommit, withNvr } from '../../support/samples.js';

const COUNT = 300;
const FORMAT = { prefix: PREFIX, foldVersion: 1 };

/** The n-th build, asked for with one argument. */
function written(n: number, argument = ''): Written {
  const build = sampleBuild({ source: { commit: sampleCommit(`commit ${n}`) }, build_args: { A: argument } });
  const found = read(PREFIX, requested(build));
  assert.ok(found?.ok);
  const facts: BuildFacts = fold(null, found.value, { seq: n, storedAt: '2026-01-01T00:00:00.000Z' });
  return { facts, row: rowOf(facts) };
}

const BUILDS = Array.from({ length: COUNT }, (_, n) => written(n));
const STANDING = { position: { at: '299', id: 'last' }, seq: COUNT, skipped: 0 };
const changeOf = (builds: Iterable<Written>) => ({ builds, waves: [], skipped: [], standing: STANDING });
const changeTo = (seq: number, builds: Iterable<Written>) => ({
  ...changeOf(builds),
  standing: { ...STANDING, seq },
});
const countOf = (store: Store): number => store.ask((tables) => tables.count());

/** Whether a build is found by the message that asked for it. */
function finds(store: Store, { facts }: Written): boolean {
  const [message] = facts.facts;
  return store.ask((tables) => tables.byTerm('message', message?.id ?? '', 1, ({ id }) => id === facts.id)).length > 0;
}

function withStore(body: (store: Store) => void): void {
  const store = Store.make(null, FORMAT);
  try {
    body(store);
  } finally {
    store.close();
  }
}

interface InFile {
  readonly store: Store;
  readonly path: string;
  /** Of the next process's file. */
  readonly killed: string;
  /** What the next process finds after a kill: the files as they are. */
  afterKill(): Promise<Store>;
}

async function inFile(body: (world: InFile) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-store-'));
  const [path, killed] = [join(folder, 'ledger.db'), join(folder, 'killed.db')];
  const store = Store.make(path, FORMAT);
  const afterKill = async (): Promise<Store> => {
    for (const suffix of ['', '-journal']) await copyFile(path + suffix, killed + suffix);
    const next = Store.open(killed, FORMAT);
    assert.equal(next.made, 'found');
    return next.store;
  };
  try {
    await body({ store, path, killed, afterKill });
  } finally {
    store.close();
    await rm(folder, { recursive: true });
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
    for (const build of BUILDS) assert.ok(finds(store, build), 'its terms too');
  }));

test('what is written ahead is seen at once, and undone when a later part breaks off', () =>
  withStore((store) => {
    store.writeAhead(BUILDS.slice(0, 100));
    assert.equal(countOf(store), 100);
    assert.deepEqual(
      BUILDS.filter((build) => finds(store, build)),
      BUILDS.slice(0, 100),
    );
    function* broken(): Generator<Written> {
      yield* BUILDS.slice(100, 200);
      throw new Error('no more');
    }
    assert.throws(() => store.writeAhead(broken()));
    assert.equal(countOf(store), 0);
    store.writeAhead(BUILDS.slice(0, 100));
    for (const _ of store.writing(changeOf(BUILDS.slice(100))));
    assert.equal(countOf(store), COUNT);
    assert.deepEqual(store.standing(), STANDING);
  }));

test('the terms of what was undone do not lead to what comes in its place', () =>
  withStore((store) => {
    function* broken(): Generator<Written> {
      yield* BUILDS;
      throw new Error('no more');
    }
    assert.throws(() => store.writeAhead(broken()));
    const others = BUILDS.map((_, n) => written(n, 'another'));
    for (const _ of store.writing(changeOf(others)));
    for (const { facts } of BUILDS)
      assert.deepEqual(
        store.ask((tables) => tables.byTerm('message', facts.facts[0]?.id ?? '', 1, () => true)),
        [],
      );
    for (const other of others) assert.ok(finds(store, other));
  }));

/** Names of one build, so many that those of ten are moved from where they wait. */
const namesOf = (n: number): readonly string[] => Array.from({ length: 28_000 }, (_, k) => `example.org/b:${n}-${k}`);

function named(n: number): Written {
  const found = read(PREFIX, completed(withNvr(sampleBuild({ cause: { key: `${n}` } }), '2.4', `${n}.f41`)));
  assert.ok(found?.ok && found.value.told.state === 'completed');
  const { told } = found.value;
  const many = { ...found.value, told: { ...told, image: { ...told.image, references: [...namesOf(n)] } } };
  const facts = fold(null, many, { seq: n, storedAt: '2026-01-01T00:00:00.000Z' });
  return { facts, row: rowOf(facts) };
}

test('a process that is killed while terms are moved leaves all of them, and the next one goes on', () =>
  inFile(async ({ store, killed, afterKill }) => {
    const builds = Array.from({ length: 10 }, (_, n) => named(n));
    const check = (asked: Store): void => {
      for (const [n, { facts }] of builds.entries())
        for (const name of namesOf(n).filter((_, k) => k % 499 === 0))
          assert.equal(asked.ask((tables) => tables.byName(name, null, () => true))?.id, facts.id);
    };
    let seq = 10;
    const writeNothing = (to: Store): void => {
      for (const _ of to.writing(changeTo(seq, [])));
      seq += 1;
    };
    for (const _ of store.writing(changeTo(seq, builds)));
    for (let part = 0; part < 40; part += 1) writeNothing(store);
    check(store);
    store.writeAhead([written(1_000)]);
    const next = await afterKill();
    check(next);
    for (let part = 0; part < 100; part += 1) writeNothing(next);
    check(next);
    next.close();
    const db = new Database(killed);
    assert.deepEqual(db.prepare('select count(*) as n from pending_terms').all([]), [{ n: 0 }]);
    db.close();
  }));

test('a process that is killed while it writes leaves what the place on the log says, and nothing of the rest', () =>
  inFile(async ({ store, path, killed, afterKill }) => {
    for (const _ of store.writing(changeOf(BUILDS)));
    const { size } = await stat(path);
    // More than the memory for pages: some of it is in the file before the transaction ends.
    const large = Array.from({ length: 3_000 }, (_, n) => written(COUNT + n, 'x'.repeat(4_000)));
    store.writeAhead([...large, ...BUILDS.map(({ facts }) => ({ facts, row: null }))]);
    assert.ok((await stat(path)).size > size + 1e6, 'nothing of it has reached the file');
    const next = await afterKill();
    assert.deepEqual(next.standing(), STANDING);
    assert.equal(countOf(next), COUNT);
    for (const { facts } of BUILDS) {
      assert.deepEqual(
        next.ask((tables) => tables.facts(facts.id)),
        facts,
      );
    }
    for (const build of BUILDS) assert.ok(finds(next, build), 'its terms wait in the file');
    for (const build of large.slice(0, 10)) assert.equal(finds(next, build), false);
    next.close();
    const db = new Database(killed);
    assert.deepEqual(db.pragma('integrity_check'), [{ integrity_check: 'ok' }]);
    db.close();
  }));
