import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Challenge, parseChallenge } from '../../../src/registry/authorizer.js';
import { nextOf } from '../../../src/registry/pages.js';

const bearer = (realm: string, service: string | null = null, scope: string | null = null): Challenge => ({
  scheme: 'bearer',
  realm,
  service,
  scope,
});

const CHALLENGES: readonly (readonly [string, Challenge | null])[] = [
  ['Basic realm="Registry Realm"', { scheme: 'basic' }],
  ['basic', { scheme: 'basic' }],
  ['BASIC realm=x', { scheme: 'basic' }],
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/fedora:pull"',
    bearer('https://auth.docker.io/token', 'registry.docker.io', 'repository:library/fedora:pull'),
  ],
  ['Bearer realm="https://a.example.org/t"', bearer('https://a.example.org/t')],
  ['bearer Realm = "https://a.example.org/t" , Service = x', bearer('https://a.example.org/t', 'x')],
  ['Bearer scope="repository:a:pull,push",realm="https://a/t"', bearer('https://a/t', null, 'repository:a:pull,push')],
  ['Bearer realm="https://a/t",service="say \\"hi\\""', bearer('https://a/t', 'say "hi"')],
  ['Basic realm="x", Bearer realm="https://a/t",service="s"', bearer('https://a/t', 's')],
  ['Bearer realm="https://a/t", Basic realm="x"', bearer('https://a/t')],
  ['Bearer service="no realm"', null],
  ['Negotiate', null],
  ['Digest realm="x", nonce="y"', null],
  ['', null],
];

test('challenges are understood as RFC 9110 writes them', () => {
  for (const [text, expected] of CHALLENGES) assert.deepEqual(parseChallenge(text), expected, text);
});

test('no challenge text makes the parser throw or dawdle', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseChallenge(text)));
  fc.assert(fc.property(fc.string(), (text) => void parseChallenge(`Bearer ${text}`)));
  const started = performance.now();
  for (const text of ['a'.repeat(100_000), 'a '.repeat(50_000), `Bearer a="${'\\'.repeat(50_000)}`])
    parseChallenge(text);
  assert.ok(performance.now() - started < 500);
});

test('the next page is the link that says so', () => {
  assert.equal(nextOf(undefined), null);
  assert.equal(nextOf('</v2/_catalog?last=b&n=2>; rel="next"'), '/v2/_catalog?last=b&n=2');
  assert.equal(nextOf('</a>; rel="prev", </b>; rel=next'), '/b');
  assert.equal(nextOf('</a>; rel="prev"'), null);
  assert.equal(nextOf('nonsense'), null);
});
