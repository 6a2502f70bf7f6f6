import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FactsCache } from '../../../src/ledger/cache.js';
import type { BuildFacts } from '../../../src/ledger/facts.js';
import { fold, read } from '../../../src/ledger/fold.js';
import type { Build, Message } from '../../../src/messages/index.js';
import {
  canceled,
  completed,
  failed,
  PREFIX,
  requested,
  sampleBuild,
  sampleCommit,
  started,
  withNvr,
} from '../../support/samples.js';

/** Far more than are kept. */
const BUILDS = 2_000;
/** What is kept of those that are over, at most. */
const FEW = 256;

const builds = Array.from({ length: BUILDS }, (_, at) =>
  withNvr(sampleBuild({ source: { commit: sampleCommit(`commit ${at}`) } })),
);

function factsOf(messages: readonly Message[]): BuildFacts {
  let facts: BuildFacts | null = null;
  for (const [seq, message] of messages.entries()) {
    const found = read(PREFIX, message);
    assert.ok(found?.ok);
    facts = fold(facts, found.value, { seq, storedAt: '2026-11-23T17:15:00Z' });
  }
  assert.ok(facts);
  return facts;
}

/** How many of the builds are in memory once all were folded and written. */
function keptOf(cache: FactsCache, messages: (build: Build, at: number) => readonly Message[]): number {
  for (const [at, build] of builds.entries()) {
    cache.changed(factsOf(messages(build, at)));
    if (at % 10 === 0) cache.written();
  }
  cache.written();
  assert.equal(cache.dirty.size, 0);
  return builds.filter(({ id }) => cache.get(id) !== undefined).length;
}

test('of builds that are over few stay in memory, however many there is room for', () => {
  const ends = [completed, failed, canceled];
  const end = (build: Build, at: number): Message => (ends[at % 3] ?? completed)(build);
  const cache = new FactsCache(BUILDS);
  assert.equal(
    keptOf(cache, (build, at) => [requested(build), started(build), end(build, at)]),
    FEW,
  );
  assert.ok(cache.get(builds.at(-1)?.id ?? ''), 'the newest stay');
});

test('builds that go on stay as long as there is room, whatever ends meanwhile', () => {
  const cache = new FactsCache(500);
  const kept = keptOf(cache, (build, at) => (at < 300 ? [requested(build)] : [requested(build), completed(build)]));
  assert.equal(kept, 300 + FEW);
  assert.equal(
    keptOf(new FactsCache(500), (build) => [requested(build)]),
    500,
  );
});

test('what is not yet written stays, and an end takes a build out of those that go on', () => {
  const cache = new FactsCache(10);
  const [first, second] = builds as [Build, Build];
  for (const build of builds) cache.changed(factsOf([requested(build)]));
  assert.equal(cache.dirty.size, BUILDS);
  cache.written();
  cache.found(factsOf([requested(first)]));
  cache.changed(factsOf([requested(first), completed(first)]));
  cache.written();
  cache.found(factsOf([requested(second)]));
  assert.equal(cache.get(first.id)?.facts.length, 2);
  assert.equal(cache.get(second.id)?.facts.length, 1);
});

test('those that are over can be written before those that go on, and one that goes on again is none of them', () => {
  const cache = new FactsCache(10);
  const [first, second, third] = builds as [Build, Build, Build];
  for (const build of [first, second]) cache.changed(factsOf([requested(build), completed(build)]));
  cache.changed(factsOf([requested(third)]));
  cache.changed(factsOf([requested(second)]));
  assert.deepEqual([...cache.ended.keys()], [first.id]);
  cache.endedWritten();
  assert.equal(cache.ended.size, 0);
  assert.deepEqual([...cache.dirty.keys()].sort(), [second.id, third.id].sort());
  assert.equal(cache.get(first.id)?.facts.length, 2, 'it stays in memory');
});
