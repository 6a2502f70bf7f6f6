import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ignoreFilter, ignores, refuseIgnore } from '../../../src/builder/decide/ignore.js';
import { sentDockerfile } from '../../../src/builder/decide/sent-dockerfile.js';
import { damagedText } from '../mutations.js';
import { fuzzTarget } from '../target.js';

const TEXTS = [
  '*.md\n!README.md\nnode_modules\n',
  'Dockerfile\n',
  '*\n!src\n!src/**\n',
  '# nothing\na/b\n',
  '**/*.log\n.*\n',
];
const WORDS = ['*', '!', '**/', '.layerwright.Dockerfile', 'docs', '.dockerignore', '\n', 'a.in', '..', '.', '/', '['];
const NAMES = fc.constantFrom(
  'docs',
  'a',
  'README.md',
  '.layerwright.Dockerfile',
  'node_modules',
  'src',
  'x.log',
  'a.in',
);

export const sentDockerfiles = fuzzTarget({
  name: 'sent-dockerfile',
  about:
    'whatever ignore files say, the prepared Dockerfile is ignored by both and takes the place of nothing that is sent',
  inputs: () =>
    fc.record({
      docker: fc.option(damagedText(TEXTS, WORDS)),
      podman: fc.option(damagedText(TEXTS, WORDS)),
      paths: fc.array(
        fc.array(NAMES, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
        { maxLength: 5 },
      ),
    }),
  check({ docker, podman, paths }) {
    const texts = new Map([['.dockerignore', docker] as const, ['.containerignore', podman] as const]);
    const ignoreTexts = new Map([...texts].flatMap(([path, text]) => (text === null ? [] : [[path, text] as const])));
    const entries = ['Dockerfile', ...paths].map((path) => ({ path, kind: 'file' as const, size: 1 }));
    const keep = ignoreFilter(docker, 'Dockerfile');
    const { path, added } = sentDockerfile({ dockerfile: 'Dockerfile', entries, keep, ignoreTexts });
    assert.ok(path === 'Dockerfile' || !entries.some((entry) => entry.path.split('/')[0] === path && keep(entry.path)));
    assert.match(path, /^[^/\n]+$/);
    for (const [name, text] of texts) {
      const whole = added.has(name) ? `${text ?? ''}\n${added.get(name)}` : text;
      // Without one Podman reads Docker's.
      if (whole !== null && refuseIgnore(whole) === null) assert.ok(ignores(whole)(path), `${path} by ${name}`);
    }
    if (docker === null) assert.ok(ignores(added.get('.dockerignore') ?? '')('.dockerignore'));
  },
});
