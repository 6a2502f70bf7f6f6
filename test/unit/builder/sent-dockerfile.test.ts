import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ignoreFilter } from '../../../src/builder/decide/ignore.js';
import { sentDockerfile } from '../../../src/builder/decide/sent-dockerfile.js';

type Kind = 'file' | 'link' | 'submodule';

/** Where it goes, then what is added where. `files`: what the source has beside them and the Dockerfile. */
function sent(docker: string | null, files: readonly string[] = [], podman: string | null = null, kind: Kind = 'file') {
  const texts = new Map([['.dockerignore', docker] as const, ['.containerignore', podman] as const]);
  const ignoreTexts = new Map([...texts].flatMap(([path, text]) => (text === null ? [] : [[path, text] as const])));
  const entries = [
    ...['Dockerfile', ...files].map((path) => ({ path, kind: 'file' as const, size: 1 })),
    ...[...ignoreTexts.keys()].map((path) => ({ path, kind, size: 1 })),
  ];
  const keep = ignoreFilter(docker, 'Dockerfile');
  const { path, added } = sentDockerfile({ dockerfile: 'Dockerfile', entries, keep, ignoreTexts });
  return [path, Object.fromEntries(added)] as const;
}

const OWN = '.layerwright.Dockerfile';

describe('the prepared Dockerfile goes', () => {
  const CASES: readonly (readonly [string, ReturnType<typeof sent>, string, Record<string, string>])[] = [
    ['where the committed one is left out', sent('Dockerfile\nx'), 'Dockerfile', {}],
    ['where everything is left out, too', sent('*\n!src', ['src/a']), 'Dockerfile', {}],
    ['under a name that is ignored as it is', sent('.*\n'), OWN, {}],
    ['under a name that fits a pattern', sent('# x\n\n**/*.md\n'), `${OWN}.md`, {}],
    ['under the name of what is not sent', sent('node_modules\r\n', ['node_modules/a']), 'node_modules', {}],
    [
      'not under the name of a folder of which something is',
      sent('docs\n!docs/a', ['docs/a']),
      OWN,
      { '.dockerignore': `${OWN}\n` },
    ],
    ['not below a folder, which would stay', sent('a/b\n/c\n'), OWN, { '.dockerignore': `${OWN}\n` }],
    ['not under a name that Podman preprocesses', sent('*.in\n'), OWN, { '.dockerignore': `${OWN}\n` }],
    ['not under a name that no file may have', sent(`${'a'.repeat(256)}\n`), OWN, { '.dockerignore': `${OWN}\n` }],
    ['under the longest that a file may have', sent(`${'a'.repeat(255)}\n`), 'a'.repeat(255), {}],
    // A pattern that is tried in every way would hold up the process for seconds.
    ['not under a line without end', sent(`${'a'.repeat(60_000)} b\n`), OWN, { '.dockerignore': `${OWN}\n` }],
    ['not over an ignore file', sent('.dockerignore\n.containerignore\n'), OWN, { '.dockerignore': `${OWN}\n` }],
    ['into an ignore file of its own', sent(null), OWN, { '.dockerignore': `${OWN}\n.dockerignore\n` }],
    [
      'under another name than a committed file',
      sent(null, [OWN]),
      `${OWN}.1`,
      { '.dockerignore': `${OWN}.1\n.dockerignore\n` },
    ],
    ['under a name that both ignore files fit', sent('*.a\n*.b\n', [], '*.b\n'), `${OWN}.b`, {}],
    [
      'into both ignore files where none fits both',
      sent('*.a\n', [], '*.b\n'),
      OWN,
      { '.dockerignore': `${OWN}\n`, '.containerignore': `${OWN}\n` },
    ],
    ['in the committed one’s place where an ignore file is a link', sent('x', [], null, 'link'), 'Dockerfile', {}],
    [
      'in the committed one’s place where an ignore file is a folder',
      sent(null, ['.dockerignore/x']),
      'Dockerfile',
      {},
    ],
    [
      'into an ignore file that is too long to be tried',
      sent('a\n'.repeat(3_000)),
      OWN,
      { '.dockerignore': `${OWN}\n` },
    ],
  ];
  for (const [what, [path, added], expectedPath, expectedAdded] of CASES)
    test(what, () => {
      assert.equal(path, expectedPath);
      assert.deepEqual(added, expectedAdded);
    });
});
