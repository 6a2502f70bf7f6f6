import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TreeItem, TreeNode } from '../../../src/git/objects.js';
import { FileTimes, keptTimes } from '../../../src/git/times.js';
import { ServiceError } from '../../../src/kernel/service-error.js';

const EARLIEST = new Date('1980-01-02T00:00:00Z');
const NOW = new Date('2026-11-23T17:15:00Z');

interface Written {
  readonly parents: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly at?: Date;
}

/** Commits by name, each with files at the top; what is asked for is noted. */
function timesOf(commits: Readonly<Record<string, Written>>, asked: string[] = []): FileTimes {
  const objects = {
    commit: async (name: string) => {
      asked.push(name);
      if (name === 'no tree') throw new ServiceError('source_unsupported', 'A commit names no tree.');
      const found = commits[name];
      return found === undefined ? null : { tree: name, parents: found.parents, committedAt: found.at ?? NOW };
    },
    folder: async (name: string) => (await objects.commit(name))?.tree ?? null,
    items: async (tree: string) => {
      if (tree === 'malformed') throw new ServiceError('source_unsupported', 'A tree object is malformed.');
      return items(commits[tree]?.files ?? {});
    },
  };
  return new FileTimes({ objects, folder: 'mirror' }, keptTimes());
}

function items(files: Readonly<Record<string, string>>): readonly TreeItem[] {
  return Object.entries(files).map(([name, oid]) => ({ name, kind: 'file', executable: false, oid }));
}

function nodes(files: Readonly<Record<string, string>>): readonly TreeNode[] {
  return items(files).map((item) => ({ ...item, path: item.name }));
}

test('what came from a parent that is not there has the earliest time, and keeps it', async () => {
  const head = { parents: ['gone'], files: { a: '1' } };
  const next = { parents: ['head'], files: { a: '1', b: '1' } };
  const times = timesOf({ head, next });
  assert.deepEqual((await times.at('head', [], 'head', nodes(head.files)))('a'), EARLIEST);
  const of = await times.at('next', [], 'next', nodes(next.files));
  assert.deepEqual([of('a'), of('b')], [EARLIEST, NOW]);
});

test('a parent that is there is followed, though another is not', async () => {
  const old = new Date('2020-01-01T00:00:00Z');
  const merge = { parents: ['gone', 'old'], files: { a: '1', b: '1' } };
  const times = timesOf({ merge, old: { parents: [], files: { a: '1' }, at: old } });
  const of = await times.at('merge', [], 'merge', nodes(merge.files));
  assert.deepEqual([of('a'), of('b')], [old, EARLIEST]);
});

test('an old commit that git would not make breaks no build', async () => {
  const head = { parents: ['malformed'], files: { a: '1' } };
  const times = timesOf({ head, malformed: { parents: [], files: {} } });
  assert.deepEqual((await times.at('head', [], 'head', nodes(head.files)))('a'), NOW);
});

test('an old commit without a tree is one that is not there', async () => {
  const head = { parents: ['no tree'], files: { a: '1' } };
  assert.deepEqual((await timesOf({ head }).at('head', [], 'head', nodes(head.files)))('a'), EARLIEST);
});

test('a time that is no time is the earliest', async () => {
  const head = { parents: [], files: { a: '1' }, at: new Date(Number.NaN) };
  assert.deepEqual((await timesOf({ head }).at('head', [], 'head', nodes(head.files)))('a'), EARLIEST);
});

test('a push is answered from what is known of the commit before it', async () => {
  const asked: string[] = [];
  const commits = Object.fromEntries(
    Array.from({ length: 100 }, (_, index) => [
      `c${index}`,
      { parents: index === 0 ? [] : [`c${index - 1}`], files: { a: '1', README: String(index) } },
    ]),
  );
  const times = timesOf(commits, asked);
  const look = (name: string) => times.at(name, [], name, nodes(commits[name]?.files ?? {}));
  await look('c98');
  assert.ok(asked.includes('c0'));
  asked.length = 0;
  await look('c99');
  assert.deepEqual([...new Set(asked)], ['c99', 'c98']);
  asked.length = 0;
  await look('c99');
  assert.deepEqual(asked, []);
});

test('of a branch the answer of the last commit is kept, in the place of that of the one before', async () => {
  const asked: string[] = [];
  const files = { a: '1' };
  const commits = {
    first: { parents: [], files },
    second: { parents: ['first'], files },
    third: { parents: ['second'], files: { a: '1', b: '2' } },
  };
  const times = timesOf(commits, asked);
  for (const name of ['second', 'third'] as const) await times.at(name, [], name, nodes(commits[name].files));
  asked.length = 0;
  await times.at('third', [], 'third', nodes(commits.third.files));
  assert.equal(asked.length, 0);
  await times.at('second', [], 'second', nodes(files));
  assert.ok(asked.includes('first'));
});

test('the answer of a branch that was merged into another is kept', async () => {
  const asked: string[] = [];
  const files = { a: '1' };
  const commits = {
    first: { parents: [], files },
    side: { parents: ['first'], files: { a: '1', side: '1' } },
    main: { parents: ['first'], files: { a: '1', main: '1' } },
    merge: { parents: ['main', 'side'], files: { a: '1', main: '1', side: '1' } },
    next: { parents: ['side'], files: { a: '1', side: '2' } },
  };
  const times = timesOf(commits, asked);
  for (const name of ['side', 'main', 'merge'] as const) await times.at(name, [], name, nodes(commits[name].files));
  asked.length = 0;
  await times.at('next', [], 'next', nodes(commits.next.files));
  assert.deepEqual([...new Set(asked)], ['next', 'side']);
});
