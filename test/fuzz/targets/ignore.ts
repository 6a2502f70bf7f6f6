import assert from 'node:assert/strict';
import dockerignore from '@balena/dockerignore';
import fc from 'fast-check';
import { ignoreFilter, refuseIgnore } from '../../../src/builder/decide/ignore.js';
import { damagedText } from '../mutations.js';
import { fuzzTarget } from '../target.js';

const FILES = [
  '# comment\n*/temp*\n*/*/temp*\ntemp?\n',
  '**/*.md\n!README*.md\n',
  '*\n!src/**\n!package.json\n**/node_modules\n',
  '.git\n/build/\n./dist\n../x\n[a-c]?[^d]\n\\#x\n\\!y\n',
  'a**b\n**.go\na/**/b\n**/\n/\n',
];
const PATHS = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'axb', '.x', 'c', 'temp', 'src', 'README.md', 'Dockerfile', 'é', '[', '#x'), {
    minLength: 1,
    maxLength: 5,
  })
  .map((parts) => parts.join('/'));

export const ignore = fuzzTarget({
  name: 'ignore',
  about: 'any ignore file makes a filter or is refused; on what a peer reads alike, it leaves out the same',
  inputs: () =>
    fc.record({
      text: fc.oneof(
        damagedText(FILES, ['**/', '!', '[', ']', '^', '\\', '*'.repeat(50), 'a*'.repeat(50), '../', '\n']),
        fc.string({ unit: fc.constantFrom(...'ab*?[]^-\\!/.#\n \r'.split('')), maxLength: 40 }),
      ),
      alike: fc.array(alike(), { minLength: 1, maxLength: 5 }),
      paths: fc.array(PATHS, { minLength: 1, maxLength: 5 }),
    }),
  check({ text, alike: patterns, paths }) {
    if (refuseIgnore(text) === null) {
      const filter = ignoreFilter(text, 'Dockerfile');
      assert.ok(filter('Dockerfile') && filter('.dockerignore'), 'these are always sent');
      const kept = paths.filter(filter);
      assert.deepEqual(paths.filter(filter), kept);
      assert.deepEqual(paths.filter(ignoreFilter(text.replaceAll('\n', '\r\n'), 'Dockerfile')), kept, 'line ends');
      if (refuseIgnore(`${text}\n**`) === null) assert.deepEqual(notAlways(paths, `${text}\n**`), []);
    }
    const peer = dockerignore.default({ ignorecase: false }).add([...patterns]);
    const ours = ignoreFilter(patterns.join('\n'), 'x/Dockerfile');
    for (const path of paths) assert.equal(!ours(path), peer.ignores(path), `${patterns.join(' ')} on ${path}`);
  },
});

function notAlways(paths: readonly string[], text: string): readonly string[] {
  return paths.filter((path) => path !== 'Dockerfile' && ignoreFilter(text, 'Dockerfile')(path));
}

/** Patterns that the peer reads as Docker does now; it follows older engines where `**` meets folders. */
function alike(): fc.Arbitrary<string> {
  const segment = fc.constantFrom('a', 'b', 'ab', '*', '?', 'a*', '*b', '**', '.x', '*.md', 'src', 'a?b');
  return fc
    .tuple(fc.boolean(), fc.array(segment, { minLength: 1, maxLength: 4 }))
    .map(([negative, segments]) => `${negative ? '!' : ''}${segments.join('/')}`)
    .filter((text) => (text.match(/\*\*/g) ?? []).length < 2);
}
