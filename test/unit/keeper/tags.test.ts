import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgeTag, retirements, type TagBuild } from '../../../src/keeper/decide/tags.js';

const DAY = 86_400_000;
const NOW = 1_000 * DAY;
const ID = '1a2b3c4d-0000-4000-8000-000000000001';
const policy = { keepMs: 30 * DAY, now: NOW };

const old: TagBuild = { ended: true, endedAt: NOW - 31 * DAY, amongNewest: false, need: null };
const judge = (tag: string, build: TagBuild | null = old) => {
  const verdict = judgeTag(tag, (id) => (id === ID ? build : null), policy);
  return verdict.goes ? verdict.what : verdict.reason;
};

test('the tags of an old build go: its own, its attempts’ and its logs’', () => {
  assert.equal(judge(`build-${ID}`), 'image');
  assert.equal(judge(`build-${ID}.12`), 'image');
  assert.equal(judge(`log-${ID}.1`), 'log');
});

test('tags that people use, or that only look like ours, stay', () => {
  for (const tag of [
    'latest',
    '2.4',
    '2.4-17.f41',
    'build-x',
    `build-${ID}-x`,
    `log-${ID}.`,
    `build-${ID.toUpperCase()}`,
  ])
    assert.equal(judge(tag), 'not_ours');
});

test('a tag stays while its build is not known, has not ended, is among the newest, is young or is needed', () => {
  const tag = `build-${ID}`;
  assert.equal(judge(tag, null), 'unknown_build');
  assert.equal(judge(tag, { ...old, ended: false }), 'not_ended');
  assert.equal(judge(tag, { ...old, endedAt: null }), 'not_ended');
  assert.equal(judge(tag, { ...old, amongNewest: true }), 'among_newest');
  assert.equal(judge(tag, { ...old, endedAt: NOW - 30 * DAY }), 'young');
  assert.equal(judge(tag, { ...old, need: 'newest' }), 'newest');
  assert.equal(judge(tag, { ...old, need: 'parent' }), 'parent');
});

test('a manifest goes as a whole only when each of its tags does', () => {
  const digests = new Map([
    ['a', 'sha256:1'],
    ['b', 'sha256:1'],
    ['c', 'sha256:2'],
    ['latest', 'sha256:2'],
  ]);
  assert.deepEqual(retirements(['a', 'b', 'c'], digests, new Set()), [
    { digest: 'sha256:1', tags: ['a', 'b'], whole: true },
    { digest: 'sha256:2', tags: ['c'], whole: false },
  ]);
  assert.deepEqual(retirements(['a', 'b', 'c'], digests, new Set(['sha256:1', 'sha256:2'])), []);
});

test('whatever the tags: what stays has its manifest, and no needed digest loses a tag', () => {
  const worlds = fc.record({
    tags: fc.uniqueArray(fc.record({ tag: fc.string(), digest: fc.nat(6), goes: fc.boolean() }), {
      selector: ({ tag }) => tag,
    }),
    needed: fc.array(fc.nat(6)),
  });
  fc.assert(
    fc.property(worlds, ({ tags, needed }) => {
      const digests = new Map(tags.map(({ tag, digest }) => [tag, `sha256:${digest}`]));
      const needs = new Set(needed.map((digest) => `sha256:${digest}`));
      const going = tags.filter(({ goes }) => goes).map(({ tag }) => tag);
      const found = retirements(going, digests, needs);
      for (const { digest, tags: those, whole } of found) {
        assert.ok(!needs.has(digest) && those.length > 0);
        assert.ok(those.every((tag) => going.includes(tag) && digests.get(tag) === digest));
        const others = tags.filter((one) => `sha256:${one.digest}` === digest && !one.goes);
        assert.equal(whole, others.length === 0);
      }
      const told = found.flatMap((one) => one.tags);
      const expected = going.filter((tag) => !needs.has(digests.get(tag) ?? ''));
      assert.deepEqual([...told].sort(), [...expected].sort(), 'each once');
    }),
  );
});
