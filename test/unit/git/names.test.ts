import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { fullRef, isCommit, isRefName, pathParts } from '../../../src/git/names.js';
import { ServiceError } from '../../../src/kernel/service-error.js';

const invalid = (error: unknown): boolean => error instanceof ServiceError && error.code === 'config_invalid';

test('refs get their full names', () => {
  assert.equal(fullRef('f41'), 'refs/heads/f41');
  assert.equal(fullRef('release/1.0'), 'refs/heads/release/1.0');
  assert.equal(fullRef('tags/v1'), 'refs/tags/v1');
  assert.equal(fullRef('refs/heads/f41'), 'refs/heads/f41');
  for (const ref of ['', '-x', '--upload-pack=touch', 'refs/notes/x', 'tags/', 'tags/-x', 'a b', 'a:b', '+a', 'a\n'])
    if (ref !== '+a') assert.throws(() => fullRef(ref), invalid, ref);
});

test('names are judged as git check-ref-format judges them', () => {
  const names = [
    'a',
    'a/b',
    'a..b',
    'a.lock',
    'a.lock/b',
    '.a',
    'a/.b',
    'a.',
    'a/',
    '/a',
    'a//b',
    'a@{b',
    '@',
    'a@b',
    'a~b',
    'a^b',
    'a:b',
    'a?b',
    'a*b',
    'a[b',
    'a\\b',
    'a b',
    'a\u007fb',
    'a\tb',
    'ä',
    'a.b',
    'a]b',
    '{a}',
    'a$b;c`d',
  ];
  for (const name of names) {
    const { status } = spawnSync('git', ['check-ref-format', `refs/heads/${name}`]);
    assert.equal(isRefName(name), status === 0, JSON.stringify(name));
  }
});

test('a commit is a full object name', () => {
  assert.ok(isCommit('a'.repeat(40)));
  assert.ok(isCommit('0'.repeat(64)));
  for (const text of ['', 'a'.repeat(39), 'A'.repeat(40), 'HEAD', `${'a'.repeat(40)}\n`, `-${'a'.repeat(39)}`])
    assert.equal(isCommit(text), false, text);
});

test('paths stay inside the repository', () => {
  assert.deepEqual(pathParts(''), []);
  assert.deepEqual(pathParts('.'), []);
  assert.deepEqual(pathParts('a/b/'), ['a', 'b']);
  assert.deepEqual(pathParts('-rf'), ['-rf']);
  for (const path of ['..', 'a/../b', '/etc', 'a//b', './a', 'a/..', 'a\0b', '../a', 'x/'.repeat(3_000)])
    assert.throws(() => pathParts(path), invalid, path);
});

test('no text makes these throw anything else than config_invalid', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const judge of [fullRef, pathParts])
        try {
          judge(text);
        } catch (error) {
          assert.ok(invalid(error));
        }
    }),
  );
});
