import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BuildRow } from '../../../src/ledger/index.js';
import { CATALOG, topicOf } from '../../../src/messages/index.js';
import {
  type Asked,
  look,
  type Memory,
  NOTHING_SEEN,
  type Observation,
  type Remedy,
  remedy,
} from '../../../src/planner/decide/sweep.js';
import { PLANNER_DEFAULTS } from '../../../src/planner/settings.js';
import { PREFIX, SAMPLE_PROCESS, sampleBuild } from '../../support/samples.js';

const NOON = Date.parse('2026-11-23T12:00:00Z');
const MINUTE = 60_000;

function row(parts: Partial<BuildRow> = {}): BuildRow {
  const { build_args: buildArgs, ...build } = sampleBuild();
  return {
    ...build,
    buildArgs,
    state: 'started',
    ended: false,
    requestedSeq: 0,
    cascade: false,
    requestedAt: new Date(NOON).toISOString(),
    startedAt: null,
    endedAt: null,
    process: SAMPLE_PROCESS,
    startedAttempt: 1,
    cancel: null,
    image: null,
    parents: [],
    failure: null,
    skipped: null,
    successor: null,
    timings: null,
    log: null,
    messages: [
      { topic: topicOf(PREFIX, 'build.requested.v1'), id: 'r', seq: 1, storedAt: new Date(NOON).toISOString() },
    ],
    ...parts,
  };
}

const seen = (parts: Partial<Observation> = {}): Observation => ({
  row: row(),
  free: true,
  lanesEmpty: true,
  ...parts,
});
const settings = { graceMs: 20_000 };

/** Ids that are due at each of these looks, one after the other. */
function dueAt(looks: readonly { at: number; term?: number; observations?: readonly Observation[] }[]): boolean[] {
  let memory: Memory = NOTHING_SEEN;
  return looks.map(({ at, term = 1, observations = [seen()] }) => {
    const result = look(memory, { observations, term, now: at }, settings);
    memory = result.memory;
    return result.due.length > 0;
  });
}

test('a build is due when two looks, twenty seconds apart, both find its claims free', () => {
  assert.deepEqual(dueAt([{ at: 0 }, { at: 19_999 }, { at: 20_000 }, { at: 40_000 }]), [false, false, true, true]);
});

const resets: readonly [string, { at: number; term?: number; observations?: readonly Observation[] }][] = [
  ['a claim that is held in between', { at: 10_000, observations: [seen({ free: false })] }],
  ['a connection that broke in between', { at: 10_000, term: 2 }],
  [
    'an attempt that was begun in between',
    { at: 10_000, observations: [seen({ row: row({ attempt: 2, startedAttempt: 2 }) })] },
  ],
  ['a build that was not there in between', { at: 10_000, observations: [] }],
];

for (const [what, between] of resets) {
  test(`${what} begins the wait anew`, () => {
    const { at: _at, ...after } = between.term === undefined ? { at: 0 } : between;
    assert.deepEqual(dueAt([{ at: 0 }, between, { at: 20_000, ...after }]), [false, false, false]);
  });
}

const never: readonly [string, Observation][] = [
  ['has ended', seen({ row: row({ state: 'completed', ended: true }) })],
  ['has its claim held', seen({ free: false })],
  ['waits for a parent', seen({ row: row({ state: 'skipped' }) })],
  ['was superseded', seen({ row: row({ state: 'canceled' }) })],
  ['was asked for while requests wait in a lane', seen({ row: row({ state: 'requested' }), lanesEmpty: false })],
];

for (const [what, observation] of never) {
  test(`a build that ${what} is never due`, () => {
    const looks = [0, 20_000, 40_000].map((at) => ({ at, observations: [observation] }));
    assert.deepEqual(dueAt(looks), [false, false, false]);
  });
}

test('a build that is only asked for is due when no lane holds its request', () => {
  const observations = [seen({ row: row({ state: 'requested', startedAttempt: 0 }) })];
  assert.deepEqual(
    dueAt([
      { at: 0, observations },
      { at: 20_000, observations },
    ]),
    [false, true],
  );
});

test('whatever is seen, a build is due only after looks that all found it abandoned, over one term and the whole grace', () => {
  const step = fc.record({
    free: fc.boolean(),
    term: fc.integer({ min: 1, max: 2 }),
    gap: fc.integer({ min: 1, max: 15_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      let at = 0;
      const looks = steps.map(({ free, term, gap }) => {
        at += gap;
        return { at, term, observations: [seen({ free })], free };
      });
      const due = dueAt(looks);
      for (const [index, isDue] of due.entries()) {
        const last = looks[index];
        assert.ok(last);
        // The oldest look of the unbroken run that ends here.
        let first = index + 1;
        while (first > 0 && looks[first - 1]?.free && looks[first - 1]?.term === last.term) first -= 1;
        const since = looks[first]?.at;
        assert.equal(isDue, first <= index && since !== undefined && last.at - since >= settings.graceMs);
      }
    }),
  );
});

/** Of a build that was seen only now, by a planner whose monotonic clock began at noon. */
const remedyAt = (of: BuildRow, asked: Asked | null, wall: number): Remedy =>
  remedy(of, asked, wall - NOON, { wall, monotonic: wall - NOON }, PLANNER_DEFAULTS);

test('a build whose process was lost is asked for with the next attempt', () => {
  assert.deepEqual(remedyAt(row({ attempt: 3 }), null, NOON), { kind: 'ask', attempt: 4 });
});

test('the twentieth lost attempt is the last', () => {
  assert.equal(remedyAt(row({ attempt: 19 }), null, NOON).kind, 'ask');
  const last = remedyAt(row({ attempt: 20 }), null, NOON);
  assert.ok(last.kind === 'give_up');
  assert.match(last.message, /begun 20 times/);
});

test('a request that nobody began is asked for again after a minute, then after longer and longer, up to an hour', () => {
  const asked = row({ state: 'requested', startedAttempt: 0 });
  const at = (minutes: number, before: { times: number; at: number } | null): string =>
    remedyAt(asked, before, NOON + minutes * MINUTE).kind;
  assert.deepEqual([at(0.99, null), at(1, null)], ['wait', 'ask_again']);
  const once = { times: 1, at: MINUTE };
  assert.deepEqual([at(2.99, once), at(3, once)], ['wait', 'ask_again']);
  const often = { times: 30, at: 0 };
  assert.deepEqual([at(59, often), at(60, often)], ['wait', 'ask_again']);
});

test('the age of a request is that of its newest attempt', () => {
  const topic = topicOf(PREFIX, 'build.requested.cascade.v1');
  const newest = { topic, id: 'r2', seq: 2, storedAt: new Date(NOON + 10 * MINUTE).toISOString() };
  const asked = row({ state: 'requested', attempt: 2, messages: [...row().messages, newest] });
  assert.equal(remedyAt(asked, null, NOON + 10 * MINUTE + 1).kind, 'wait');
  assert.deepEqual(remedyAt(asked, null, NOON + 11 * MINUTE), { kind: 'ask_again', attempt: 2 });
});

test('a clock that was set back makes no request wait longer than it was seen to', () => {
  const asked = row({ state: 'requested', startedAttempt: 0 });
  const kind = (monotonic: number, before: Asked | null): string =>
    remedy(asked, before, 0, { wall: NOON - 60 * MINUTE, monotonic }, PLANNER_DEFAULTS).kind;
  assert.deepEqual([kind(MINUTE - 1, null), kind(MINUTE, null)], ['wait', 'ask_again']);
  const once = { times: 1, at: MINUTE };
  assert.deepEqual([kind(3 * MINUTE - 1, once), kind(3 * MINUTE, once)], ['wait', 'ask_again']);
});

test('nothing is done about a build that has ended or waits for something else', () => {
  for (const parts of [{ ended: true }, { state: 'skipped' }, { state: 'canceled' }] as const) {
    assert.deepEqual(remedyAt(row(parts), null, NOON + 1_000 * MINUTE), { kind: 'wait' });
  }
});

test('both lanes are topics of the catalog', () => {
  for (const name of ['build.requested.v1', 'build.requested.cascade.v1'] as const) {
    assert.match(`x.${CATALOG[name].topic}`, /\.container\.build\.requested(\.cascade)?$/);
  }
});
