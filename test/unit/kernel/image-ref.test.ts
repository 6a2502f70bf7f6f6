import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digestOf } from '../../../src/kernel/digest.js';
import {
  formatImageRef,
  type ImageRef,
  isRepository,
  isTag,
  parseImageRef,
  toTag,
} from '../../../src/kernel/image-ref.js';

const DIGEST = digestOf('x');

/** As written → as Docker understands it (`distribution/reference`, its normalisation and its own test table). */
const EXAMPLES: readonly (readonly [string, string])[] = [
  ['fedora', 'docker.io/library/fedora:latest'],
  ['fedora:41', 'docker.io/library/fedora:41'],
  ['library/fedora', 'docker.io/library/fedora:latest'],
  ['docker.io/fedora', 'docker.io/library/fedora:latest'],
  ['docker.io/library/fedora', 'docker.io/library/fedora:latest'],
  ['index.docker.io/fedora:41', 'docker.io/library/fedora:41'],
  ['index.docker.io/user/app', 'docker.io/user/app:latest'],
  ['docker.io:443/user/app', 'docker.io:443/user/app:latest'],
  ['user/app', 'docker.io/user/app:latest'],
  ['user/app/deep', 'docker.io/user/app/deep:latest'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000/app', 'localhost:5000/app:latest'],
  ['127.0.0.1:5000/f41/httpd:2.4-17.f41', '127.0.0.1:5000/f41/httpd:2.4-17.f41'],
  ['[::1]:5000/app', '[::1]:5000/app:latest'],
  ['[2001:db8::1]/app:1', '[2001:db8::1]/app:1'],
  ['registry.example.org/app', 'registry.example.org/app:latest'],
  ['registry.example.org:8080/a/b/c:v1.0', 'registry.example.org:8080/a/b/c:v1.0'],
  ['REGISTRY/app', 'REGISTRY/app:latest'],
  ['Registry.example.org/app', 'Registry.example.org/app:latest'],
  ['xn--7o8h.com/app:xn--7o8h.com', 'xn--7o8h.com/app:xn--7o8h.com'],
  ['a__b/c--d/e.f_g', 'docker.io/a__b/c--d/e.f_g:latest'],
  [`fedora@${DIGEST}`, `docker.io/library/fedora@${DIGEST}`],
  [`fedora:41@${DIGEST}`, `docker.io/library/fedora:41@${DIGEST}`],
  [`localhost:5000/app@${DIGEST}`, `localhost:5000/app@${DIGEST}`],
  ['5000', 'docker.io/library/5000:latest'],
  ['host:5000', 'docker.io/library/host:5000'],
  [`app:${'a'.repeat(128)}`, `docker.io/library/app:${'a'.repeat(128)}`],
];

const REFUSED: readonly string[] = [
  '',
  ' ',
  ':',
  ':tag',
  '@',
  `@${DIGEST}`,
  'app:',
  'app@',
  'app@sha256:abc',
  `app@sha512:${'0'.repeat(128)}`,
  `app@${DIGEST}@${DIGEST}`,
  'App',
  'user/App',
  'app/',
  '/app',
  'user//app',
  'https://github.com/docker/docker',
  'app:tag:other',
  'app:.tag',
  'app:-tag',
  `app:${'a'.repeat(129)}`,
  '-app',
  'app-',
  'a___b',
  'a..b',
  'a._b',
  '_app/x',
  '-host.example.org/app',
  'host-.example.org/app',
  'host.example.org:/app',
  'host.example.org:port/app',
  '[::1/app',
  '[fe80::1%eth0]:5000/app',
  '[2001:db8::1]:5000',
  'registry.example.org/',
  `registry.example.org/${'a/'.repeat(127)}a${'b'.repeat(3)}`,
  'app\n',
  'app:tag\n',
  '--privileged',
  'docker.io/..',
  'a'.repeat(1025),
  'f'.repeat(64),
];

test('references mean what Docker takes them to mean', () => {
  for (const [written, meant] of EXAMPLES) {
    const parsed = parseImageRef(written);
    assert.ok(parsed.ok, `${written}: ${parsed.ok ? '' : parsed.error}`);
    assert.equal(formatImageRef(parsed.value), meant, written);
  }
});

test('what Docker refuses is refused with a sentence that quotes it', () => {
  for (const written of REFUSED) {
    const parsed = parseImageRef(written);
    assert.equal(parsed.ok, false, JSON.stringify(written));
    if (!parsed.ok) assert.ok(parsed.error.length > 0 && parsed.error.length < 700);
  }
});

const separator = fc.constantFrom('.', '_', '__', '-', '---');
const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const component = fc
  .tuple(word, fc.array(fc.tuple(separator, word), { maxLength: 2 }))
  .map(([first, more]) => first + more.flat().join(''));
const label = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9-]{0,6}[A-Za-z0-9])?$/);
const host = fc.oneof(
  fc.tuple(label, label).map((labels) => labels.join('.')),
  fc.constant('localhost'),
  fc.constant('[2001:db8::1]'),
  fc.ipV4(),
);
const registry = fc.oneof(
  fc.constant('docker.io'),
  host.filter((name) => name !== '[2001:db8::1]'),
  fc.tuple(host, fc.integer({ min: 1, max: 65535 })).map(([name, port]) => `${name}:${port}`),
);
const reference: fc.Arbitrary<ImageRef> = fc
  .record({
    registry,
    repository: fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
    tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/)),
    digest: fc.option(fc.string().map(digestOf)),
  })
  .map((ref) => ({
    ...ref,
    repository:
      ref.registry === 'docker.io' && !ref.repository.includes('/') ? `library/${ref.repository}` : ref.repository,
    tag: ref.tag === null && ref.digest === null ? 'latest' : ref.tag,
  }));

test('a reference that is formatted and parsed again is the same', () => {
  fc.assert(
    fc.property(reference, (ref) => {
      assert.deepEqual(parseImageRef(formatImageRef(ref)), { ok: true, value: ref });
    }),
    { numRuns: 500 },
  );
});

test('no text makes the parser throw, and what it takes it formats to something that means the same', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom('/', ':', '@', '.', 'docker.io', 'library', DIGEST, '[::1]', 'a'),
  );
  fc.assert(
    fc.property(
      fc.array(piece).map((pieces) => pieces.join('')),
      (text) => {
        const parsed = parseImageRef(text);
        if (!parsed.ok) return;
        assert.ok(isRepository(parsed.value.repository));
        assert.ok(parsed.value.tag === null || isTag(parsed.value.tag));
        assert.deepEqual(parseImageRef(formatImageRef(parsed.value)), parsed);
      },
    ),
    { numRuns: 2000 },
  );
});

test('long hostile text is refused quickly', () => {
  const started = performance.now();
  for (const text of ['a'.repeat(1024), 'a-'.repeat(512), 'a/'.repeat(512), `${'a.'.repeat(500)}/x`, '-'.repeat(1024)])
    parseImageRef(text);
  assert.ok(performance.now() - started < 200);
});

test('any text becomes a tag, and a tag stays as it is', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 300 }), (text) => {
      const tag = toTag(text);
      assert.ok(isTag(tag), JSON.stringify(tag));
      if (isTag(text)) assert.equal(tag, text);
    }),
    { numRuns: 1000 },
  );
  assert.equal(toTag(''), '_');
  assert.equal(toTag('1:2.4+git~1-3'), '1_2.4_git_1-3');
});

test('a host is no longer than a host can be, so that every reference comes back from its canonical text', () => {
  const host = (length: number): string => `${'a'.repeat(length - 4)}.org`;
  assert.ok(parseImageRef(`${host(255)}/a`).ok);
  assert.ok(!parseImageRef(`${host(256)}/a`).ok);
});
