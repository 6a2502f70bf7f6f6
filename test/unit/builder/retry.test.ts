import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { afterFailure, isHandedBack, lastLines, toFailure } from '../../../src/builder/decide/retry.js';
import { FAILURE_CODES, failure } from '../../../src/kernel/failure.js';
import { ServiceError } from '../../../src/kernel/service-error.js';

const AWAY = failure('registry_unavailable', 'push', 'The registry did not answer.');

describe('after a failure', () => {
  test('a transient one is tried again with growing waits, and in the end says how often', () => {
    const waits = [1, 2, 3, 9].map((attempt) => afterFailure(AWAY, attempt, 10));
    assert.deepEqual(
      waits,
      [5_000, 10_000, 20_000, 300_000].map((afterMs) => ({ kind: 'retry', afterMs })),
    );
    assert.deepEqual(afterFailure(AWAY, 3, 3), {
      kind: 'fail',
      failure: { ...AWAY, message: 'The registry did not answer. Tried 3 times.' },
    });
  });

  test('one that stays is not tried again, whatever the number', () => {
    fc.assert(
      fc.property(fc.constantFrom(...FAILURE_CODES), fc.nat(20), fc.nat(20), (code, attempt, most) => {
        const failed = failure(code, 's', 'm');
        const { kind } = afterFailure(failed, attempt, most);
        assert.equal(kind, failed.transient && attempt < most ? 'retry' : 'fail');
      }),
    );
  });
});

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

  test('our own parts being away is no failure of the build', () => {
    assert.ok(isHandedBack(new ServiceError('bus_unavailable', 'x')));
    assert.ok(isHandedBack(new ServiceError('ledger_unavailable', 'x')));
    assert.ok(!isHandedBack(new ServiceError('engine_unavailable', 'x')));
    assert.ok(!isHandedBack(new Error('x')));
  });

  test('a detail has 20 lines and 4,000 characters at most, the last ones', () => {
    assert.equal(lastLines('a\nb\n\n'), 'a\nb');
    assert.equal(lastLines(`${'x'.repeat(5_000)}end`).length, 4_000);
    assert.ok(lastLines(`${'x'.repeat(5_000)}end`).endsWith('end'));
  });
});
