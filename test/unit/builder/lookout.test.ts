import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  beforeCompleted,
  beforeStart,
  beforeTags,
  type LookedAt,
  type StartFacts,
} from '../../../src/builder/decide/lookout.js';
import { type Ancestry, newer } from '../../../src/builder/decide/newer.js';

const REQUESTED: LookedAt = { state: 'requested', ended: false, attempt: 1, startedAttempt: 0, cancel: null };
const COMPLETED: LookedAt = { ...REQUESTED, state: 'completed', ended: true, startedAttempt: 1 };
const CANCEL = { agent: 'ann', reason: 'wrong commit' };
const NEWER = { kind: 'commit', id: 'b2', commit: '1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d' } as const;
const STANDS = { kind: 'parents', id: 'b3', name: 'httpd-2.4-18.f41' } as const;
const START: StartFacts = {
  attempt: 1,
  claimed: true,
  row: REQUESTED,
  successor: null,
  isHead: true,
  hasNames: false,
  tagged: false,
};

function start(changes: Partial<StartFacts>): string {
  const decision = beforeStart({ ...START, ...changes });
  if (decision.kind === 'ack') return `ack ${decision.reason}`;
  return decision.kind === 'canceled' ? `canceled ${decision.code}` : decision.kind;
}

const row: fc.Arbitrary<LookedAt> = fc.record({
  state: fc.constantFrom('requested', 'skipped', 'started', 'completed', 'failed', 'canceled'),
  ended: fc.boolean(),
  attempt: fc.integer({ min: 1, max: 4 }),
  startedAttempt: fc.integer({ min: 0, max: 4 }),
  cancel: fc.constantFrom(null, CANCEL),
});
const startFacts: fc.Arbitrary<StartFacts> = fc.record({
  attempt: fc.integer({ min: 1, max: 4 }),
  claimed: fc.boolean(),
  row: fc.option(row),
  successor: fc.constantFrom(null, NEWER, STANDS),
  isHead: fc.boolean(),
  hasNames: fc.boolean(),
  tagged: fc.boolean(),
});

describe('before the start', () => {
  const cases: readonly [behaviour: string, facts: Partial<StartFacts>, decision: string][] = [
    ['a new request is run', {}, 'run'],
    ['a request that the ledger does not know yet is run', { row: null }, 'run'],
    ['a build that waited is looked at again', { row: { ...REQUESTED, state: 'skipped' } }, 'run'],
    ['a taken claim without this attempt’s start is looked at later', { claimed: false }, 'retry'],
    [
      'an older attempt’s start does not count for this one',
      { claimed: false, attempt: 2, row: { ...REQUESTED, startedAttempt: 1 } },
      'retry',
    ],
    [
      'a taken claim with this attempt’s start is acknowledged',
      { claimed: false, row: { ...REQUESTED, startedAttempt: 1 } },
      'ack begun',
    ],
    [
      'a begun attempt belongs to the sweeper',
      { row: { ...REQUESTED, state: 'started', startedAttempt: 1 } },
      'ack begun',
    ],
    [
      'a lost attempt is followed by the next',
      { attempt: 2, row: { ...REQUESTED, state: 'started', startedAttempt: 1 } },
      'run',
    ],
    ['a completed head gets its tags put right', { row: COMPLETED }, 'tags_only'],
    ['a completed build that is not the head is left alone', { row: COMPLETED, isHead: false }, 'ack ended'],
    [
      'a completed build whose newer commit has no image gets its tags put right',
      { row: COMPLETED, isHead: false, hasNames: true },
      'tags_only',
    ],
    ['a failed build never runs again', { attempt: 9, row: { ...COMPLETED, state: 'failed' } }, 'ack ended'],
    ['an end that another process reached is acknowledged', { claimed: false, row: COMPLETED }, 'ack ended'],
    ['a cancel is heeded', { row: { ...REQUESTED, cancel: CANCEL } }, 'canceled requested'],
    ['a newer commit takes its place', { successor: NEWER }, 'canceled superseded'],
    ['a newer build on the same parents takes its place', { successor: STANDS }, 'canceled superseded'],
    [
      'what has tagged its image is called off by nobody',
      { attempt: 2, tagged: true, successor: NEWER, row: { ...REQUESTED, startedAttempt: 1, cancel: CANCEL } },
      'run',
    ],
    ['a superseded attempt stays so', { row: { ...REQUESTED, state: 'canceled' } }, 'ack superseded'],
    ['a superseded build runs at a higher attempt', { attempt: 2, row: { ...REQUESTED, state: 'canceled' } }, 'run'],
  ];
  for (const [behaviour, facts, decision] of cases) test(behaviour, () => assert.equal(start(facts), decision));

  test('the sentences name who, why and what takes the place', () => {
    const canceled = beforeStart({ ...START, row: { ...REQUESTED, cancel: CANCEL } });
    assert.ok(canceled.kind === 'canceled');
    assert.equal(canceled.message, 'Called off by ann: wrong commit.');
    const superseded = beforeStart({ ...START, successor: NEWER });
    assert.ok(superseded.kind === 'canceled');
    assert.deepEqual(
      [superseded.message, superseded.successor],
      ['A newer commit, 1a2b3c4, is built in its place.', 'b2'],
    );
    const stands = beforeStart({ ...START, successor: STANDS });
    assert.ok(stands.kind === 'canceled');
    assert.deepEqual(
      [stands.message, stands.successor],
      ['A newer build, httpd-2.4-18.f41, stands on the same parents already.', 'b3'],
    );
    const nameless = beforeStart({ ...START, row: { ...REQUESTED, cancel: { agent: null, reason: null } } });
    assert.ok(nameless.kind === 'canceled');
    assert.equal(nameless.message, 'Called off.');
  });

  test('nothing runs or is canceled without the claim, and nothing ended runs', () => {
    fc.assert(
      fc.property(startFacts, (facts) => {
        const { kind } = beforeStart(facts);
        if (!facts.claimed) assert.ok(kind === 'ack' || kind === 'retry');
        if (facts.row?.ended === true) assert.ok(kind === 'ack' || kind === 'tags_only');
        if (kind === 'run')
          assert.ok(facts.claimed && facts.row?.ended !== true && (facts.tagged || facts.successor === null));
      }),
    );
  });
});

describe('before the tags and the end', () => {
  const tags = {
    mode: 'build',
    kind: 'official',
    row: { ...REQUESTED, startedAttempt: 1 },
    newerCompleted: null,
    holdsClaim: true,
    tagged: false,
  } as const;

  test('each kind has its tags', () => {
    assert.deepEqual(beforeTags(tags), { kind: 'tag', primary: true, floating: true });
    assert.deepEqual(beforeTags({ ...tags, kind: 'isolated' }), { kind: 'tag', primary: true, floating: false });
    assert.deepEqual(beforeTags({ ...tags, kind: 'scratch' }), { kind: 'tag', primary: false, floating: false });
  });

  test('the floating tags stay with a newer build that has completed', () =>
    assert.deepEqual(beforeTags({ ...tags, newerCompleted: { id: 'b2' } }), {
      kind: 'tag',
      primary: true,
      floating: false,
    }));

  test('a cancel is heeded until a tag is moved, and not when only tags are put right', () => {
    assert.equal(beforeTags({ ...tags, row: { ...REQUESTED, cancel: CANCEL } }).kind, 'canceled');
    assert.equal(beforeTags({ ...tags, tagged: true, row: { ...REQUESTED, cancel: CANCEL } }).kind, 'tag');
    assert.equal(beforeTags({ ...tags, mode: 'tags_only', row: { ...COMPLETED, cancel: CANCEL } }).kind, 'tag');
    assert.deepEqual(beforeCompleted({ row: { ...REQUESTED, cancel: CANCEL }, holdsClaim: true }), { kind: 'publish' });
  });

  test('a lost claim or an end elsewhere stops everything', () => {
    fc.assert(
      fc.property(fc.option(row), fc.boolean(), (looked, holdsClaim) => {
        const completed = beforeCompleted({ row: looked, holdsClaim });
        assert.equal(completed.kind === 'publish', holdsClaim && looked?.ended !== true);
        const tagged = beforeTags({ ...tags, row: looked, holdsClaim });
        if (!holdsClaim || looked?.ended === true) assert.equal(tagged.kind, 'abandon');
        const again = beforeTags({ ...tags, mode: 'tags_only', row: looked, holdsClaim });
        if (!holdsClaim || (looked?.ended === true && looked.state !== 'completed'))
          assert.equal(again.kind, 'abandon');
      }),
    );
  });
});

describe('newer', () => {
  const UNRELATED: Ancestry = { aIsAncestorOfB: false, bIsAncestorOfA: false, aIsOnBranch: false, bIsOnBranch: false };
  const a = { commit: 'a', requestedSeq: 9 };
  const b = { commit: 'b', requestedSeq: 1 };

  test('is the descendant, whatever was asked for first', () => {
    assert.equal(newer(a, b, { ...UNRELATED, aIsAncestorOfB: true, aIsOnBranch: true }), 'b');
    assert.equal(newer(a, b, { ...UNRELATED, bIsAncestorOfA: true }), 'a');
  });

  test('is what the branch shows now when neither descends from the other', () => {
    assert.equal(newer(a, b, { ...UNRELATED, bIsOnBranch: true }), 'b');
    assert.equal(newer(a, b, { ...UNRELATED, aIsOnBranch: true }), 'a');
    assert.equal(newer(a, b, UNRELATED), 'neither');
    assert.equal(newer(a, b, { ...UNRELATED, aIsOnBranch: true, bIsOnBranch: true }), 'neither');
  });

  test('is the later request of one commit', () => {
    assert.equal(newer(a, { ...b, commit: 'a' }, UNRELATED), 'a');
    assert.equal(newer(b, { ...a, commit: 'b' }, UNRELATED), 'b');
    assert.equal(newer(a, a, UNRELATED), 'neither');
  });

  test('what could not be found out is not taken for no', () => {
    assert.equal(newer(a, b, { ...UNRELATED, aIsAncestorOfB: null, aIsOnBranch: true }), 'unknown');
    assert.equal(newer(a, b, { ...UNRELATED, bIsOnBranch: null, aIsOnBranch: true }), 'unknown');
    assert.equal(newer(a, b, { ...UNRELATED, aIsAncestorOfB: true, bIsAncestorOfA: null }), 'b');
  });

  test('swapping the two swaps the answer', () => {
    const fact = fc.constantFrom(true, false, null);
    const contender = fc.record({ commit: fc.constantFrom('a', 'b'), requestedSeq: fc.integer({ min: 1, max: 3 }) });
    const facts = fc
      .record({ aIsAncestorOfB: fact, bIsAncestorOfA: fact, aIsOnBranch: fact, bIsOnBranch: fact })
      .filter(({ aIsAncestorOfB, bIsAncestorOfA }) => !(aIsAncestorOfB === true && bIsAncestorOfA === true));
    const swapped = { a: 'b', b: 'a', neither: 'neither', unknown: 'unknown' } as const;
    fc.assert(
      fc.property(contender, contender, facts, (one, other, known) => {
        const back = {
          aIsAncestorOfB: known.bIsAncestorOfA,
          bIsAncestorOfA: known.aIsAncestorOfB,
          aIsOnBranch: known.bIsOnBranch,
          bIsOnBranch: known.aIsOnBranch,
        };
        assert.equal(newer(other, one, back), swapped[newer(one, other, known)]);
      }),
    );
  });
});
