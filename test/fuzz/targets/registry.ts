import assert from 'node:assert/strict';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { contentIdentity } from '../../../src/builder/decide/image-content.js';
import { digestOf, isDigest } from '../../../src/kernel/digest.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { Authorizer, parseChallenge } from '../../../src/registry/authorizer.js';
import { MEDIA_TYPE } from '../../../src/registry/contract.js';
import { CredentialSource } from '../../../src/registry/credentials.js';
import { answerFault, errorCodes } from '../../../src/registry/faults.js';
import { Manifests } from '../../../src/registry/manifests.js';
import { nextOf, readPages } from '../../../src/registry/pages.js';
import { Session } from '../../../src/registry/session.js';
import { type Answer, type Ask, Transport } from '../../../src/registry/transport.js';
import { damagedJson } from '../json-mutations.js';
import { damagedText } from '../mutations.js';
import { fuzzTarget } from '../target.js';

const REPOSITORY = 'f41/httpd';
const DIGEST = digestOf('');
const LAYER = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: DIGEST, size: 32 };
const MANIFEST = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPE.ociManifest,
  config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: DIGEST, size: 7 },
  layers: [LAYER],
};
const ERRORS = { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown', detail: { Tag: 'latest' } }] };
const IMAGE_CONFIG = {
  architecture: 'amd64',
  os: 'linux',
  created: '2026-11-24T00:00:00Z',
  config: { Env: ['PATH=/bin'], Cmd: null, Labels: { version: '1', release: '2', 'io.layerwright.build': 'x' } },
  rootfs: { type: 'layers', diff_ids: [DIGEST] },
  history: [{ created_by: 'COPY' }],
};
const BODIES = [
  MANIFEST,
  ERRORS,
  { tags: ['1', 'latest'], name: REPOSITORY },
  { token: 'abc', expires_in: 300 },
  IMAGE_CONFIG,
];
const CHALLENGES = [
  'Bearer realm="https://auth.example.org/token",service="registry.example.org",scope="repository:f41/httpd:pull"',
  'Bearer realm="http://127.0.0.1:1/token"',
  'Basic realm="registry"',
  'Basic',
  'Digest qop="auth", Basic realm=x, Bearer realm=http://127.0.0.1/t,service=s',
];
const LINKS = [
  '</v2/f41/httpd/tags/list?n=1&last=a>; rel="next"',
  '<https://elsewhere.example.org/>; rel=next',
  '<>; rel="next"',
];
const LOCATIONS = ['/v2/', 'http://127.0.0.1:5000/v2/', 'https://cdn.example.org/blob', 'file:///etc/passwd', '//x/y'];
const STATUSES = [
  100, 200, 200, 200, 201, 202, 204, 206, 301, 307, 400, 401, 401, 403, 404, 405, 413, 429, 500, 501, 503, 507, 999,
];

interface Said {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export const registry = fuzzTarget({
  name: 'registry',
  about: 'whatever a registry answers, reading it ends with a checked answer or an error with a code',
  inputs: () =>
    fc.record({
      answers: fc.array(said(), { minLength: 1, maxLength: 5 }),
      challenge: damagedText(CHALLENGES, ['=', ',', '"', 'realm', 'Bearer ']),
      link: damagedText(LINKS, ['<', '>', ';', 'rel=next']),
      config: damagedJson([IMAGE_CONFIG]),
    }),
  async check({ answers, challenge, link, config }) {
    readsParts(challenge, link);
    isIdentity(config);
    for (const { status, body } of answers) isFault(status, body.toString('utf8'));
    await asks(answers);
  },
});

function said(): fc.Arbitrary<Said> {
  const body = fc.oneof(
    { weight: 4, arbitrary: damagedJson(BODIES).map(written) },
    { weight: 1, arbitrary: damagedText(BODIES.map(written)) },
  );
  const type = fc.constantFrom(...Object.values(MEDIA_TYPE), 'application/json', 'text/html; charset=x', '', ';');
  const digest = fc.constantFrom('', DIGEST, 'sha256:', 'sha512:00', `${DIGEST}, ${DIGEST}`, '\u00e9');
  return fc
    .record({
      status: fc.constantFrom(...STATUSES),
      text: body,
      type,
      digest,
      true_digest: fc.boolean(),
      length: fc.option(fc.constantFrom('0', '7', '-1', 'x', '1e9', '99999999')),
      challenge: fc.option(damagedText(CHALLENGES)),
      link: fc.option(fc.constantFrom(...LINKS)),
      location: fc.option(fc.constantFrom(...LOCATIONS)),
      after: fc.option(fc.constantFrom('x', '-5', '0', 'Wed, 21 Oct 2026 07:28:00 GMT')),
    })
    .map(({ status, text, type: mediaType, true_digest: isTrue, digest: claimed, ...headers }) => ({
      status,
      body: Buffer.from(text),
      headers: present({
        'content-type': mediaType,
        'docker-content-digest': isTrue ? digestOf(Buffer.from(text)) : claimed,
        'content-length': headers.length,
        'www-authenticate': headers.challenge,
        link: headers.link,
        location: headers.location,
        'retry-after': headers.after,
      }),
    }));
}

function present(headers: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter((pair): pair is [string, string] => pair[1] !== null));
}

/** What is nested too deep to be written is brackets. */
function written(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return `{"errors":[{"code":${'['.repeat(20_000)}${']'.repeat(20_000)}}]}`;
  }
}

function readsParts(challenge: string, link: string): void {
  const asked = parseChallenge(challenge);
  if (asked?.scheme === 'bearer') assert.equal(typeof asked.realm, 'string');
  const next = nextOf(link);
  assert.ok(next === null || link.includes(`<${next}>`));
}

function isIdentity(config: unknown): void {
  const identity = contentIdentity(config);
  assert.deepEqual(contentIdentity(config), identity);
  assert.ok(identity.ok ? isDigest(identity.value) : identity.error !== '');
}

function isFault(status: number, body: string): void {
  const fault = answerFault('x', { status, method: 'GET', body });
  assert.ok(fault instanceof ServiceError && fault.message !== '' && fault.detail.length <= 1_000);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  assert.equal(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(fault.detail), false, 'a terminal can show it');
  for (const code of errorCodes(body)) assert.equal(typeof code, 'string');
}

/** All that a client asks, of a registry that gives these answers in turn. */
async function asks(answers: readonly Said[]): Promise<void> {
  const transport = new Canned(answers);
  const credentials = new CredentialSource({ kind: 'none' }, 'registry.example.org', {});
  const session = new Session(
    new URL('http://127.0.0.1:5000'),
    transport,
    new Authorizer(transport, credentials, false),
  );
  const manifests = new Manifests(session);
  const got = await orFault(() => manifests.get(REPOSITORY, 'latest'));
  if (got) assert.equal(got.digest, digestOf(got.bytes));
  const exact = await orFault(() => manifests.get(REPOSITORY, DIGEST));
  if (exact) assert.equal(exact.digest, DIGEST);
  const head = await orFault(() => manifests.head(REPOSITORY, 'latest'));
  if (head) assert.ok(isDigest(head.digest) && Number.isInteger(head.size));
  const bytes = Buffer.from(JSON.stringify(MANIFEST));
  const put = await orFault(() => manifests.put(REPOSITORY, 'latest', MEDIA_TYPE.ociManifest, bytes));
  if (put) assert.equal(put, digestOf(bytes));
  await orFault(() => manifests.deleteTag(REPOSITORY, 'latest'));
  const call = { method: 'GET', to: `/v2/${REPOSITORY}/tags/list`, scopes: [] } as const;
  const tags = await orFault(() => readPages(session, call, 'tags', [404]));
  if (tags) assert.deepEqual(tags, [...new Set(tags)].sort());
  transport.close();
}

async function orFault<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof ServiceError)) throw thrown;
    return null;
  }
}

/** Pages without end would only take long: what asks more often is told that there is nothing. */
const MAX_ASKS = 60;

/** A connection on which these answers come one after the other, again and again. */
class Canned extends Transport {
  readonly #answers: readonly Said[];
  #asked = 0;

  constructor(answers: readonly Said[]) {
    super('canned', 1_000);
    this.#answers = answers;
  }

  override async send(_ask: Ask): Promise<Answer> {
    const answer = this.#answers[this.#asked % this.#answers.length];
    this.#asked += 1;
    const { status, headers, body } =
      answer === undefined || this.#asked > MAX_ASKS ? { status: 404, headers: {}, body: Buffer.alloc(0) } : answer;
    return { status, headers: headers as IncomingHttpHeaders, body: Readable.from([body]) as IncomingMessage };
  }
}
