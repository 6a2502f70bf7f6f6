import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ErrorCode } from '../../../src/kernel/service-error.js';
import { answerFault, connectionFault, errorCodes, restMsOf, uploadFault } from '../../../src/registry/faults.js';

const body = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] });

const ANSWERS: readonly (readonly [number, string, string, ErrorCode, boolean])[] = [
  [500, 'PUT', '', 'registry_unavailable', true],
  [500, 'PUT', body('UNKNOWN', 'write /var/lib/registry/x: no space left on device'), 'disk_full', true],
  [500, 'POST', 'filesystem: mkdir /data: disk quota exceeded', 'disk_full', true],
  [503, 'PUT', 'no space left on device', 'disk_full', true],
  [507, 'PUT', '', 'disk_full', true],
  [500, 'POST', '{"errors":[{"detail":{"Enclosed":{"Op":"write","Err":28}}}]}', 'disk_full', true],
  [500, 'POST', '{"errors":[{"detail":{"Enclosed":{"Op":"write","Err":281}}}]}', 'registry_unavailable', true],
  [400, 'PUT', 'no space left on device, said the manifest', 'internal', false],
  [502, 'GET', '<html>Bad Gateway</html>', 'registry_unavailable', true],
  [503, 'GET', body('UNAVAILABLE', 'storage'), 'registry_unavailable', true],
  [504, 'HEAD', '', 'registry_unavailable', true],
  [429, 'GET', body('TOOMANYREQUESTS', 'slow down'), 'registry_unavailable', true],
  [408, 'GET', '<html>408 Request Time-out</html>', 'registry_unavailable', true],
  [425, 'PUT', '', 'registry_unavailable', true],
  [401, 'GET', body('UNAUTHORIZED', 'authentication required'), 'registry_denied', false],
  [403, 'PUT', body('DENIED', 'requested access to the resource is denied'), 'registry_denied', false],
  [405, 'PUT', body('UNSUPPORTED', 'The operation is unsupported.'), 'registry_denied', false],
  [405, 'GET', '', 'internal', false],
  [501, 'PUT', '', 'internal', false],
  [400, 'PUT', body('MANIFEST_INVALID', 'manifest invalid'), 'internal', false],
  [404, 'PUT', body('NAME_UNKNOWN', 'repository name not known to registry'), 'internal', false],
  [413, 'PUT', '<html>', 'internal', false],
  [200, 'PUT', '', 'internal', false],
  [302, 'PUT', '', 'internal', false],
];

test('each status that nobody expected has one code', () => {
  for (const [status, method, said, code, transient] of ANSWERS) {
    const fault = answerFault('candidate', { status, method, body: said });
    assert.equal(fault.code, code, `${status} ${method} ${said}`);
    assert.equal(fault.transient, transient, `${status} ${method} ${said}`);
    assert.match(fault.message, /^The registry candidate .*[.)]$/);
  }
});

/** How a connection fails, and what is said of it; all of it passes. */
const CONNECTIONS: readonly (readonly [string, RegExp])[] = [
  ['ECONNREFUSED', /refuses connections/],
  ['ECONNRESET', /broke the connection off/],
  ['EPIPE', /broke the connection off/],
  ['ERR_STREAM_PREMATURE_CLOSE', /broke an answer off/],
  ['ETIMEDOUT', /in time/],
  ['EHOSTUNREACH', /reached/],
  ['EADDRNOTAVAIL', /no free port/],
  ['EMFILE', /too many files open/],
  ['ENOTFOUND', /does not resolve/],
  ['EAI_AGAIN', /at the moment/],
  ['CERT_HAS_EXPIRED', /expired/],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', /self-signed/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /another host name/],
  ['HPE_INVALID_CONSTANT', /not HTTP/],
  ['HPE_INVALID_EOF_STATE', /not HTTP/],
  ['HPE_HEADER_OVERFLOW', /not HTTP/],
  ['ERR_SOCKET_CLOSED', /connection failed \(ERR_SOCKET_CLOSED\)/],
  ['', /connection failed\.$/],
];

test('each way a connection fails has one sentence, passes, and keeps its cause', () => {
  for (const [code, says] of CONNECTIONS) {
    const cause = Object.assign(new Error('socket said so'), { code });
    const fault = connectionFault('candidate', cause);
    assert.deepEqual([fault.code, fault.transient], ['registry_unavailable', true], code);
    assert.match(fault.message, says, code);
    assert.equal(fault.cause, cause);
  }
});

test('whatever code a socket has, its fault passes; a call that node refuses is a fault of ours', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (code, message) => {
      const fault = connectionFault('candidate', Object.assign(new Error(message), { code }));
      assert.deepEqual([fault.code, fault.transient], ['registry_unavailable', true]);
    }),
  );
  const refused = connectionFault('candidate', new TypeError('Invalid character in header content'));
  assert.deepEqual([refused.code, refused.transient], ['internal', false]);
});

const UPLOADS: readonly (readonly [number, string, ErrorCode])[] = [
  [404, body('BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry'), 'registry_unavailable'],
  [404, body('BLOB_UPLOAD_INVALID', 'blob upload invalid'), 'registry_unavailable'],
  [404, '<html>', 'registry_unavailable'],
  [400, body('DIGEST_INVALID', 'provided digest did not match uploaded content'), 'registry_unavailable'],
  [416, '', 'registry_unavailable'],
  [400, body('NAME_INVALID', ''), 'internal'],
  [400, '', 'internal'],
  [403, body('DENIED', ''), 'registry_denied'],
  [413, '', 'internal'],
];

test('an upload that is lost passes, one that is refused does not', () => {
  for (const [status, said, code] of UPLOADS) {
    const fault = uploadFault('candidate', { status, method: 'PUT', body: said });
    assert.deepEqual([fault.code, fault.transient], [code, code === 'registry_unavailable'], `${status} ${said}`);
  }
});

test('Retry-After is a rest in milliseconds, of ten minutes at most', () => {
  const now = Date.parse('2026-11-29T12:00:00Z');
  const rests: readonly (readonly [string | undefined, number])[] = [
    [undefined, 0],
    ['', 0],
    ['0', 0],
    ['7', 7_000],
    ['-7', 0],
    ['soon', 0],
    ['86400', 600_000],
    ['9'.repeat(400), 600_000],
    ['Sun, 29 Nov 2026 12:00:30 GMT', 30_000],
    ['Sun, 29 Nov 2026 11:00:00 GMT', 0],
    ['Mon, 30 Nov 2026 12:00:00 GMT', 600_000],
  ];
  for (const [text, restMs] of rests) assert.equal(restMsOf(text, now), restMs, text);
  for (const [status, restMs] of [
    [429, 7_000],
    [503, 7_000],
    [404, 0],
  ] as const) {
    assert.equal(answerFault('candidate', { status, method: 'GET', body: '', retryAfter: '7' }).restMs, restMs);
    assert.equal(answerFault('candidate', { status, method: 'GET', body: '' }).restMs, 0);
  }
});

test("the registry's own words are the detail, short and without control characters", () => {
  const fault = answerFault('candidate', { status: 400, method: 'PUT', body: body('MANIFEST_INVALID', 'a\u001b[2Jb') });
  assert.equal(fault.detail, 'MANIFEST_INVALID: a [2Jb');
  assert.ok(answerFault('candidate', { status: 500, method: 'PUT', body: 'x'.repeat(60_000) }).detail.length <= 1_000);
});

test('an error whose code is no text is still told, however deep it is nested', () => {
  for (const odd of ['{"toString":1,"valueOf":1}', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, 'null']) {
    const text = `{"errors":[{"code":${odd},"message":${odd}}]}`;
    assert.deepEqual(errorCodes(text), ['UNKNOWN']);
    assert.equal(answerFault('candidate', { status: 400, method: 'PUT', body: text }).detail, 'UNKNOWN:');
  }
  assert.deepEqual(errorCodes('{"errors":[{"code":404}]}'), ['404']);
});

test('bodies that are no error list have no codes', () => {
  for (const text of ['', '{', '[]', 'null', '{"errors":{}}', '{"errors":[1,null]}'])
    assert.deepEqual(errorCodes(text), []);
  assert.deepEqual(errorCodes(body('DENIED', '')), ['DENIED']);
});
