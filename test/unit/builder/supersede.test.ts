import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { goBefore } from '../../../src/builder/decide/coalesce.js';
import { standsOn } from '../../../src/builder/decide/supersede.js';
import { newestOf } from '../../../src/builder/rivals.js';
import type { FetchedRef } from '../../../src/git/index.js';
import type { BuildRow } from '../../../src/ledger/index.js';
import { sampleBuild, sampleDigest } from '../../support/samples.js';

describe('a build waits', () => {
  type Known = Parameters<typeof goBefore>[0];
  const rowOf = (seq: number, changes: Partial<Known> = {}): Known => ({
    ...sampleBuild(),
    source: { ...sampleBuild().source, commit: `commit ${seq}` },
    state: 'requested',
    ended: false,
    requestedSeq: seq,
    ...changes,
  });
  const own = rowOf(7);
  const rebuild = { ...own.cause, type: 'rebuild' as const };

  const cases: readonly [behaviour: string, own: Known, other: Known, waits: boolean][] = [
    ['for an earlier push that builds', own, rowOf(3, { state: 'started' }), true],
    ['not for one that is only asked for', own, rowOf(3), false],
    ['not for one that has ended', own, rowOf(3, { state: 'failed', ended: true }), false],
    ['not for one that was asked for later', own, rowOf(9, { state: 'started' }), false],
    ['not for a rebuild', own, rowOf(3, { state: 'started', cause: rebuild }), false],
    ['not for a scratch build', own, rowOf(3, { state: 'started', kind: 'scratch' }), false],
    ['not for a build of its own commit', own, rowOf(3, { state: 'started', source: own.source }), false],
    ['not when it has begun itself', rowOf(7, { state: 'started' }), rowOf(3, { state: 'started' }), false],
    [
      'not when a person asked for it',
      rowOf(7, { cause: { ...own.cause, type: 'person' } }),
      rowOf(3, { state: 'started' }),
      false,
    ],
  ];
  for (const [behaviour, one, other, waits] of cases)
    test(behaviour, () => assert.deepEqual(goBefore(one, [other]), waits ? [other] : []));

  test('no two for each other', () => {
    const known = fc
      .record({
        seq: fc.nat(5),
        state: fc.constantFrom('requested' as const, 'started' as const),
        ended: fc.boolean(),
        type: fc.constantFrom('push' as const, 'reconcile' as const, 'rebuild' as const),
      })
      .map(({ seq, state, ended, type }) => rowOf(seq, { state, ended, cause: { ...own.cause, type } }));
    fc.assert(
      fc.property(known, known, (a, b) => {
        assert.ok(goBefore(a, [b]).length === 0 || goBefore(b, [a]).length === 0);
      }),
    );
  });
});

describe('what stands on a rebuild’s parents', () => {
  const [base, tools] = [
    { name: 'r/f41/base:latest', digest: sampleDigest('base 2') },
    { name: 'r/f41/tools:latest', digest: sampleDigest('tools 1') },
  ];
  const parentOf = ({ name, digest }: typeof base) => ({ resolved: name, digest });

  test('has each of them, whatever else it has', () => {
    assert.equal(standsOn([parentOf(base), parentOf(tools)], [base]), true);
    assert.equal(standsOn([parentOf(base)], [base, tools]), false);
    assert.equal(standsOn([parentOf({ ...base, digest: sampleDigest('base 1') })], [base]), false);
    assert.equal(standsOn([{ resolved: tools.name, digest: base.digest }], [base]), false);
    assert.equal(standsOn([parentOf(base)], []), false);
  });

  test('stops to do so when any of them is another', () => {
    const pins = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(pins, fc.nat(), (names, which) => {
        const wanted = names.map((name) => ({ name: `r/${name}`, digest: sampleDigest(`new ${name}`) }));
        const parents = wanted.map(parentOf);
        assert.equal(standsOn(parents, wanted), true);
        const changed = parents.with(which % parents.length, {
          resolved: `r/${names[which % names.length]}`,
          digest: sampleDigest('old'),
        });
        assert.equal(standsOn(changed, wanted), false);
      }),
    );
  });
});

describe('the newest of some builds', () => {
  /** A branch of commits `c0`, `c1`, …: each descends from those before it. */
  const branchOf = (length: number): FetchedRef => {
    const at = (commit: string): number => Number(commit.slice(1));
    return {
      head: `c${length - 1}`,
      has: async () => true,
      isOnRef: async (commit: string) => at(commit) < length,
      isAncestor: async (a: string, b: string) => at(a) <= at(b),
    } as unknown as FetchedRef;
  };
  const rowsOf = (...commits: readonly number[]): BuildRow[] =>
    commits.map(
      (commit, at) =>
        ({ id: `b${commit}`, source: { commit: `c${commit}` }, requestedSeq: 100 - at }) as unknown as BuildRow,
    );
  const own = { id: 'own', component: 'httpd', target: 'f41', commit: 'c2', requestedSeq: 1 };

  test('is the head’s', async () => assert.equal((await newestOf(own, rowsOf(4, 9, 5), branchOf(10)))?.id, 'b9'));

  test('is the last descendant’s, whatever was asked for first', () =>
    fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(8).filter((at) => at !== 2)), async (commits) => {
        const newer = commits.filter((at) => at > 2);
        const expected = newer.length === 0 ? null : `b${Math.max(...newer)}`;
        assert.equal((await newestOf(own, rowsOf(...commits), branchOf(10)))?.id ?? null, expected);
      }),
    ));

  test('is none when own is the head', async () =>
    assert.equal(await newestOf({ ...own, commit: 'c9' }, rowsOf(4, 8), branchOf(10)), null));
});
