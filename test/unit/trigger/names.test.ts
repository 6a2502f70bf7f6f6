import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCommit, isZeroCommit, shortRef } from '../../../src/kernel/git-ref.js';
import { globMatches } from '../../../src/kernel/glob.js';

test('refs are known by their short names', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['refs/heads/f41', 'f41'],
    ['f41', 'f41'],
    ['refs/heads/release/2.x', 'release/2.x'],
    ['refs/tags/v1', 'tags/v1'],
    ['tags/v1', 'tags/v1'],
  ];
  for (const [given, expected] of cases) assert.deepEqual(shortRef(given), { ok: true, value: expected });
});

test('refs that git refuses, or that look like options, are invalid', () => {
  const refused = [
    '',
    'refs/heads/',
    '-f41',
    'a b',
    'a..b',
    'a~1',
    'a^',
    'a:b',
    'a?',
    'a*',
    'a[',
    'a\\b',
    'a.',
    'a.lock',
    '.a',
  ];
  const more = [
    'a/.b',
    'a//b',
    '/a',
    'a/',
    '@',
    'a@{1}',
    'a\u0000b',
    'a\u007fb',
    'x'.repeat(256),
    'refs/heads/tags/v1',
    'a.lock/b',
  ];
  for (const text of [...refused, ...more]) {
    const ref = shortRef(text);
    assert.ok(!ref.ok, text);
    assert.equal(ref.error.code, 'invalid', text);
  }
});

test('a ref that is neither a branch nor a tag is said to be so', () => {
  for (const text of ['refs/pull/1/head', 'refs/notes/commits', 'refs/merge-requests/3/merge']) {
    const ref = shortRef(text);
    assert.ok(!ref.ok);
    assert.equal(ref.error.code, 'other');
  }
});

test('a commit is 40 or 64 hex digits, and zeros are none', () => {
  assert.ok(isCommit('a'.repeat(40)) && isCommit('0123456789abcdef'.repeat(4)));
  assert.ok(
    !isCommit('A'.repeat(40)) && !isCommit('a'.repeat(41)) && !isCommit(`${'a'.repeat(40)}\n`) && !isCommit('abcd'),
  );
  assert.ok(isZeroCommit('0'.repeat(40)) && isZeroCommit('0'.repeat(64)) && !isZeroCommit('0'.repeat(41)));
});

test('a star stays in its segment, two stars cross segments', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['f41', 'f41', true],
    ['f*', 'f41', true],
    ['f*', 'f41/x', false],
    ['*', '', true],
    ['release-*-*', 'release-1-2', true],
    ['release-*-*', 'release-1', false],
    ['images/tools/**', 'images/tools/a/b', true],
    ['images/tools/**', 'images/tools', true],
    ['images/tools/**', 'images/toolsx/a', false],
    ['**/Dockerfile', 'Dockerfile', true],
    ['**/Dockerfile', 'a/b/Dockerfile', true],
    ['**/*.c', 'a/b.c/d.h', false],
    ['a.c', 'abc', false],
    ['*a*b', 'xaxxbxb', true],
  ];
  for (const [pattern, name, expected] of cases)
    assert.equal(globMatches(pattern, name), expected, `${pattern} ${name}`);
});

test('a hostile pattern costs no more than its length times the name’s', () => {
  const name = 'a'.repeat(4_000);
  const begin = performance.now();
  assert.equal(globMatches(`${'*a'.repeat(40)}b`, name), false);
  assert.ok(performance.now() - begin < 1_000);
});

test('one segment matches like the regular expression that says the same', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*') });
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '.') });
  fc.assert(
    fc.property(text, name, (pattern, value) => {
      fc.pre(pattern !== '**');
      const same = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll(/\*+/g, '.*')}$`);
      assert.equal(globMatches(pattern, value), same.test(value));
    }),
  );
});
