import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatImageRef, isRepository, isTag, parseImageRef, toTag } from '../../../src/kernel/image-ref.js';
import { damagedText } from '../mutations.js';
import { fuzzTarget } from '../target.js';

const HEX = '0123456789abcdef'.repeat(4);
const SAMPLES = [
  'fedora',
  'fedora:41',
  'library/fedora',
  'docker.io/fedora',
  'index.docker.io/library/fedora:latest',
  'localhost/a',
  'localhost:5000/a/b:1.0-2.f41',
  'registry.example.org/f41/base:1',
  `registry.example.org:443/f41/base@sha256:${HEX}`,
  `a/b:c@sha256:${HEX}`,
  '[::1]:5000/a',
  'Registry/a_b/c__d/e-f/g--h.i',
  HEX,
];

export const imageRef = fuzzTarget({
  name: 'image-ref',
  about: 'references parse as the grammar of distribution/reference has it, and come back as they were written',
  inputs: () =>
    fc.oneof(
      damagedText(SAMPLES, ['/', ':', '@', 'sha256:', HEX, '.', '_', '__', '___', '-', 'A', ':5000']),
      fc.string({ unit: fc.constantFrom(...'aA0._-/:@[]'), maxLength: 30 }),
      fc.string({ unit: 'binary', maxLength: 30 }),
    ),
  check(text) {
    assert.ok(isTag(toTag(text)), 'a tag is made of any text');
    assert.equal(toTag(toTag(text)), toTag(text));
    const parsed = parseImageRef(text);
    assert.equal(parsed.ok, isReference(text), parsed.ok ? formatImageRef(parsed.value) : parsed.error);
    if (!parsed.ok) return;
    const { registry, repository, tag, digest } = parsed.value;
    assert.ok(isRepository(repository) && registry !== '' && (tag !== null || digest !== null));
    const written = formatImageRef(parsed.value);
    assert.deepEqual(parseImageRef(written), parsed, 'the canonical text says the same');
    assert.equal(/[\s"'$\\]/.test(written), false, 'it can stand in a Dockerfile');
  },
});

/** What is before the first slash is a host when it looks like one; all else follows the grammar, part by part. */
function isReference(text: string): boolean {
  if (text.length > 1_024 || /^[0-9a-f]{64}$/.test(text)) return false;
  const found = /^(?:([^/@]*[.:A-Z][^/@]*|localhost)\/)?([^:@]+)(?::([^@]+))?(?:@(.+))?$/s.exec(text);
  if (found === null) return false;
  const [, host, path = '', tag, digest] = found;
  const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
  if (
    host !== undefined &&
    (host.length > 255 || !new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`).test(host))
  )
    return false;
  if (tag !== undefined && !/^\w[\w.-]{0,127}$/.test(tag)) return false;
  if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest)) return false;
  const hub = host === undefined || host === 'docker.io' || host === 'index.docker.io';
  const whole = hub && !path.includes('/') ? `library/${path}` : path;
  return whole.length <= 255 && whole.split('/').every((part) => /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/.test(part));
}
