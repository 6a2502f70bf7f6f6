import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isTag } from '../../../src/kernel/image-ref.js';
import { computeRelease, formatNvr, primaryTag, stampOf } from '../../../src/kernel/nvr.js';

const BUILD = 'c0ffee00-1111-5222-8333-444455556666';
const COMMIT = '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d';

describe('name, version, release', () => {
  test('a release is commits, stamp, dist and, where needed, the commit and the build', () => {
    const parts = { commitCount: 17, stamp: null, dist: '.f41', commit: null, build: null };
    assert.equal(computeRelease(parts), '17.f41');
    assert.equal(computeRelease({ ...parts, dist: '' }), '17');
    const stamp = new Date('2026-11-23T17:15:00.987Z');
    assert.equal(computeRelease({ ...parts, stamp }), '17.20261123171500.f41');
    assert.equal(computeRelease({ ...parts, commit: COMMIT }), '17.f41.g1a2b3c4');
    assert.equal(computeRelease({ ...parts, stamp, commit: COMMIT }), '17.20261123171500.f41.g1a2b3c4');
    assert.equal(computeRelease({ ...parts, commit: COMMIT, build: BUILD }), '17.f41.g1a2b3c4.c0ffee00');
  });

  test('stamps sort as their times do, to the second', () => {
    const time = fc.date({ min: new Date('2000-01-01'), max: new Date('2999-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(time, time, (a, b) => {
        const seconds = [a, b].map((at) => Math.floor(at.getTime() / 1000));
        const order = Math.sign((seconds[0] ?? 0) - (seconds[1] ?? 0));
        assert.equal(Math.sign(Number(stampOf(a)) - Number(stampOf(b))), order);
        assert.match(stampOf(a), /^[0-9]{14}$/);
      }),
    );
  });

  test('an NVR joins its parts, a primary tag is always a tag', () => {
    assert.equal(formatNvr({ name: 'httpd', version: '2.4', release: '17.f41' }), 'httpd-2.4-17.f41');
    assert.equal(primaryTag({ version: '2.4+git', release: '17.f41' }), '2.4_git-17.f41');
    fc.assert(
      fc.property(fc.string(), fc.string(), (version, release) => assert.ok(isTag(primaryTag({ version, release })))),
    );
  });
});
