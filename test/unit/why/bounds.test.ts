import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { BuildRow, BuildState, WaveRow } from '../../../src/ledger/index.js';
import { whyBuild } from '../../../src/why/decide/build.js';
import type { Reason } from '../../../src/why/decide/reason.js';
import type { View } from '../../../src/why/decide/view.js';
import { sampleBuild, sampleDigest } from '../../support/samples.js';

const NAMES = ['a', 'b', 'c', 'd'];
const STATES: readonly BuildState[] = ['requested', 'skipped', 'started', 'completed', 'failed', 'canceled'];
const AT = '2026-11-29T09:00:00.000Z';

interface RowParts {
  readonly id: string;
  readonly state: BuildState;
  readonly type: BuildRow['cause']['type'];
  readonly wave: string | null;
  readonly on: readonly string[];
  readonly pins: readonly string[];
  readonly successor: string | null;
  readonly code: string;
}

function rowOf({ id, state, type, wave, on, pins, successor, code }: RowParts): BuildRow {
  const build = sampleBuild({ component: id });
  const digest = sampleDigest(id);
  const pinned = pins.map((name) => ({ name: `r/${name}`, digest: sampleDigest(name) }));
  return {
    ...build,
    state,
    ended: state === 'completed' || state === 'failed',
    id,
    buildArgs: {},
    cause: { ...build.cause, type, wave, parents: pinned },
    requestedSeq: 1,
    cascade: false,
    requestedAt: AT,
    startedAt: null,
    endedAt: state === 'completed' ? AT : null,
    process: null,
    startedAttempt: 1,
    cancel: null,
    image: state === 'completed' ? { digest, media_type: '', content: null, references: [], platforms: [] } : null,
    parents: on.map((name) => ({ written: name, resolved: `r/${name}`, digest: sampleDigest(name), build: name })),
    failure: state === 'failed' ? { code, step: 'build', message: '\u001b[31m', detail: '', transient: false } : null,
    skipped: state === 'skipped' ? { code, message: '', waitingFor: on } : null,
    successor,
    timings: null,
    log: null,
    messages: [],
  };
}

function viewOf(rows: readonly BuildRow[], waves: readonly WaveRow[] = []): View {
  const build = (id: string): BuildRow | null => rows.find((row) => row.id === id) ?? null;
  return {
    build,
    builds: ({ component, wave }) =>
      rows.filter((row) => row.component === component && (wave === undefined || row.cause.wave === wave)),
    byDigest: (digest) => rows.find((row) => sampleDigest(row.id) === digest) ?? null,
    byMessage: () => ({ build: null, wave: null }),
    causedBy: () => ({ builds: [], waves: [] }),
    holderOfName: () => null,
    wave: (id) => waves.find((wave) => wave.id === id) ?? null,
    waves: () => waves,
    skippedMessage: () => null,
    holdTheSame: (one, other) => one.digest === other.digest,
  };
}

function sizeOf({ because }: Reason): { readonly count: number; readonly depth: number } {
  const below = because.map(sizeOf);
  return {
    count: below.reduce((sum, one) => sum + one.count, 1),
    depth: 1 + below.reduce((most, one) => Math.max(most, one.depth), 0),
  };
}

function waveOf(id: string, changes: readonly string[]): WaveRow {
  return {
    id,
    message: 'm',
    rebuild: 'r',
    openedBy: 'o',
    openedSeq: 1,
    openedAt: AT,
    changes: changes.map((build) => ({
      component: build,
      target: 'f41',
      build,
      nvr: null,
      digest: sampleDigest(build),
      message: 'm',
    })),
    members: NAMES.map((one) => `f41/${one}`),
    outside: [],
    due: [],
    cycles: [],
    closedAt: null,
    results: NAMES.map((one) => ({
      member: `f41/${one}`,
      outcome: 'stopped',
      build: null,
      through: NAMES.map((other) => `f41/${other}`),
    })),
  };
}

const name = fc.constantFrom(...NAMES);
const row = (id: string): fc.Arbitrary<RowParts> =>
  fc.record({
    id: fc.constant(id),
    state: fc.constantFrom(...STATES),
    type: fc.constantFrom('push', 'person', 'rebuild', 'reconcile', 'replay'),
    wave: fc.constantFrom(null, 'w', 'unknown'),
    on: fc.array(name, { maxLength: 4 }),
    pins: fc.array(name, { maxLength: 4 }),
    successor: fc.option(name),
    code: fc.constantFrom('parent_failed', 'waiting_for', 'build_failed', 'no code of ours'),
  });

describe('an answer', () => {
  it('has an end, whatever builds and waves say of each other', () => {
    fc.assert(
      fc.property(fc.tuple(...NAMES.map(row)), fc.array(name, { maxLength: 4 }), (parts, changes) => {
        const rows = parts.map(rowOf);
        for (const one of rows) {
          const { count, depth } = sizeOf(whyBuild(one, viewOf(rows, [waveOf('w', changes)])));
          assert.ok(count < 500 && depth < 100, `${count} sentences, ${depth} deep`);
        }
      }),
    );
  });

  it('blames each once, where members of a wave stop each other', () => {
    const parts = {
      state: 'skipped',
      type: 'rebuild',
      wave: 'w',
      on: [],
      pins: [],
      successor: null,
      code: 'parent_failed',
    } as const;
    const rows = NAMES.map((id) => rowOf({ ...parts, id }));
    const [first] = rows;
    assert.ok(first);
    const { count } = sizeOf(whyBuild(first, viewOf(rows, [waveOf('w', [])])));
    assert.ok(count > NAMES.length && count < 30, `${count} sentences`);
  });

  it('of a chain of 10,000 rebuilds tells the nearest, and that there is more', () => {
    const parts = { state: 'completed', type: 'rebuild', wave: null, successor: null, code: '' } as const;
    const rows = Array.from({ length: 10_000 }, (_, index) =>
      rowOf({ ...parts, id: `c${index}`, on: [], pins: [`c${index + 1}`] }),
    );
    const byId = new Map<string, BuildRow>(rows.map((one) => [one.id, one]));
    const byDigest = new Map<string, BuildRow>(rows.map((one) => [sampleDigest(one.id), one]));
    const view: View = {
      ...viewOf([]),
      build: (id) => byId.get(id) ?? null,
      byDigest: (digest) => byDigest.get(digest) ?? null,
    };
    const [first] = rows;
    assert.ok(first);
    const answer = whyBuild(first, view);
    const { count, depth } = sizeOf(answer);
    assert.ok(count > 30 && count < 500 && depth < 100, `${count} sentences, ${depth} deep`);
    assert.match(JSON.stringify(answer), /"kind":"more"/);
  });
});
