import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { redact, redactText } from '../../../src/observability/redact.js';

describe('redaction', () => {
  it('hides values by their name, wherever they stand', () => {
    const fields = { a: { authorization: 'Basic x', deeper: [{ Token: 's' }] }, password: 'p', user: 'u' };
    assert.deepEqual(redact(fields), {
      a: { authorization: '[redacted]', deeper: [{ Token: '[redacted]' }] },
      password: '[redacted]',
      user: 'u',
    });
  });

  it('keeps the places of secrets, which are no secrets', () => {
    assert.deepEqual(redact({ token_file: '/run/secrets/git' }), { token_file: '/run/secrets/git' });
  });

  it('takes logins out of URLs and authorization values out of texts', () => {
    assert.equal(
      redactText('clone https://bob:hunter2@git.example.org/x'),
      'clone https://[redacted]@git.example.org/x',
    );
    assert.equal(redactText('sent Bearer abcdefgh12345678'), 'sent Bearer [redacted]');
  });

  it('never changes what it is given, and ends on data of any shape', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const before = JSON.stringify(value);
        redact(value);
        assert.equal(JSON.stringify(value), before);
      }),
    );
  });
});
