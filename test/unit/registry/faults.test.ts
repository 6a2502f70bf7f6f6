import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../../src/kernel/service-error.js';
import { answerFault, connectionFault, errorCodes } from '../../../src/registry/faults.js';

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

const CONNECTIONS: readonly (readonly [string, ErrorCode])[] = [
  ['ECONNREFUSED', 'registry_unavailable'],
  ['ECONNRESET', 'registry_unavailable'],
  ['EPIPE', 'registry_unavailable'],
  ['ETIMEDOUT', 'registry_unavailable'],
  ['EHOSTUNREACH', 'registry_unavailable'],
  ['ENOTFOUND', 'registry_unavailable'],
  ['EAI_AGAIN', 'registry_unavailable'],
  ['CERT_HAS_EXPIRED', 'registry_unavailable'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'registry_unavailable'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'registry_unavailable'],
  ['HPE_INVALID_CONSTANT', 'internal'],
  ['HPE_HEADER_OVERFLOW', 'internal'],
  ['', 'internal'],
];

test('each way a connection fails has one code and keeps its cause', () => {
  for (const [code, expected] of CONNECTIONS) {
    const cause = Object.assign(new Error('socket said so'), { code });
    const fault = connectionFault('candidate', cause);
    assert.equal(fault.code, expected, code);
    assert.equal(fault.transient, expected === 'registry_unavailable', code);
    assert.equal(fault.cause, cause);
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
