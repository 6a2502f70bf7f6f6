import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { lastLines, toFailure } from '../../../src/builder/decide/retry.js';
import { ServiceError } from '../../../src/kernel/service-error.js';

describe('what a step threw', () => {
  test('keeps the code, the sentence and the last lines of a service’s error', () => {
    const detail = Array.from({ length: 30 }, (_, i) => `line ${i}`).join('\n');
    const thrown = new ServiceError('build_failed', 'RUN make ended with code 2', { detail });
    const made = toFailure(thrown, 'build');
    assert.deepEqual([made.code, made.step, made.message], ['build_failed', 'build', 'RUN make ended with code 2.']);
    assert.equal(made.detail.split('\n').length, 20);
    assert.ok(made.detail.endsWith('line 29'));
  });

  test('is transient as the table says, not as the thrower says', () => {
    assert.equal(toFailure(new ServiceError('registry_denied', 'x', { transient: true }), 's').transient, false);
    assert.equal(toFailure(new ServiceError('engine_unavailable', 'x'), 's').transient, true);
  });

  test('without a sentence, the advice stands in', () =>
    assert.match(toFailure(new ServiceError('parent_missing', ''), 's').message, /^The parent image is not/));

  test('a full disk and a time limit are known by their codes, all else is internal', () => {
    const full = Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' });
    assert.equal(toFailure(full, 'context').code, 'disk_full');
    assert.equal(
      toFailure(AbortSignal.timeout(0).reason ?? new DOMException('t', 'TimeoutError'), 'build').code,
      'build_timeout',
    );
    const internal = toFailure(new TypeError('x is not a function\nsecond line'), 'tags');
    assert.equal(internal.message, 'A fault of the build service in the step tags: x is not a function.');
    assert.match(internal.detail, /retry\.test/);
  });

  test('whatever is thrown becomes a failure with one line for a sentence', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const { message, code } = toFailure(thrown, 's');
        assert.equal(code, 'internal');
        assert.ok(message.length > 0 && !message.includes('\n'));
      }),
    );
  });

  test('a detail has 20 lines and 4,000 characters at most, the last ones', () => {
    assert.equal(lastLines('a\nb\n\n'), 'a\nb');
    assert.equal(lastLines(`${'x'.repeat(5_000)}end`).length, 4_000);
    assert.ok(lastLines(`${'x'.repeat(5_000)}end`).endsWith('end'));
  });
});
