import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  inspectTree,
  isLfsPointer,
  isSafePath,
  lfsCandidates,
  refusePath,
  refuseSource,
  type SourceEntry,
} from '../../../src/builder/decide/source.js';

const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12345\n`;

function file(path: string, size = 10): SourceEntry {
  return { path, kind: 'file', size };
}

function tree(...entries: SourceEntry[]): string {
  const result = inspectTree(entries, 'images/httpd');
  return result.ok
    ? `${result.value.dockerfile} ${result.value.ignoreFile}`
    : `${result.error.code}: ${result.error.message}`;
}

describe('the source', () => {
  test('has its Dockerfile, or its Containerfile, at the top', () => {
    assert.equal(tree(file('Dockerfile'), file('Containerfile')), 'Dockerfile null');
    assert.equal(tree(file('Containerfile')), 'Containerfile null');
    assert.match(
      tree(file('sub/Dockerfile'), file('dockerfile')),
      /^dockerfile_missing: There is no .* in images\/httpd\.$/,
    );
  });

  test('the Dockerfile must be a file of its own of a bounded size', () => {
    assert.match(
      tree({ path: 'Dockerfile', kind: 'link', size: 5 }),
      /^source_unsupported: Dockerfile is a symbolic link/,
    );
    assert.match(tree(file('Dockerfile', 1_048_577)), /^dockerfile_invalid/);
  });

  test('the ignore file of the Dockerfile’s own name comes first', () => {
    assert.equal(tree(file('Dockerfile'), file('.dockerignore')), 'Dockerfile .dockerignore');
    const both = [file('.dockerignore'), file('Dockerfile.dockerignore')];
    assert.equal(tree(file('Dockerfile'), ...both), 'Dockerfile Dockerfile.dockerignore');
    assert.equal(tree(file('Containerfile'), ...both), 'Containerfile .dockerignore');
  });

  test('submodules are refused, unless they are left out', () => {
    const entries: SourceEntry[] = [file('Dockerfile'), { path: 'lib/x', kind: 'submodule', size: 0 }];
    const refused = refuseSource(entries, new Map());
    assert.equal(refused?.code, 'source_unsupported');
    assert.match(refused?.message ?? '', /^lib\/x is a submodule/);
    assert.equal(
      refuseSource(entries, new Map(), (path) => path !== 'lib/x'),
      null,
    );
  });

  test('LFS pointers are refused; links and other small files pass', () => {
    assert.ok(isLfsPointer(POINTER));
    assert.ok(!isLfsPointer(`${POINTER}${'x'.repeat(200)}`));
    const entries: SourceEntry[] = [file('model.bin', POINTER.length), file('small', 5), file('large', 5_000)];
    assert.deepEqual(lfsCandidates([...entries, { path: 'l', kind: 'link', size: 130 }]), ['model.bin']);
    assert.match(
      refuseSource(entries, new Map([['model.bin', POINTER]]))?.message ?? '',
      /^model\.bin is a Git LFS pointer/,
    );
    const up: SourceEntry = { path: 'link', kind: 'link', size: 9 };
    assert.equal(refuseSource([up], new Map([['a', 'version https://example.org']])), null);
  });

  test('a component’s path stays inside of its repository', () => {
    for (const path of ['', 'images/httpd', 'a/.b', 'a b', 'ä', '...']) assert.ok(isSafePath(path), path);
    for (const path of [
      '/a',
      'a/',
      'a//b',
      '..',
      'a/../b',
      '.',
      './a',
      '.git',
      'a/.git/x',
      '-a',
      ':a',
      'a\\b',
      'a\nb',
      'a\0',
    ])
      assert.ok(!isSafePath(path), JSON.stringify(path));
    assert.equal(refusePath('..')?.code, 'config_invalid');
    assert.equal(refusePath('a'), null);
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'./a-:\\'.split('')) }), (path) => {
        if (!isSafePath(path) || path === '') return;
        assert.ok(new URL(`./${path}`, 'file:///r/').pathname.startsWith('/r/'));
      }),
    );
  });
});
