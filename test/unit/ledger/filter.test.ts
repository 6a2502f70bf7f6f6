/** The filter of builds: what it finds, held against its plain meaning, and that no member of it makes the ledger read all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import Database from 'libsql';
import { filterSql } from '../../../src/ledger/filter-sql.js';
import type { BuildFilter } from '../../../src/ledger/index.js';
import { SCHEMA } from '../../../src/ledger/schema.js';
import type { Build, Message } from '../../../src/messages/index.js';
import { chosen } from '../../support/chosen-builds.js';
import { inWorld } from '../../support/ledger-world.js';
import {
  canceled,
  completed,
  failed,
  requested,
  sampleBuild,
  sampleCommit,
  sampleWave,
  skipped,
  started,
  withNvr,
} from '../../support/samples.js';

/** A world in which every place of the log is a minute, so that times fall between messages. */
const minute = (n: number): string => new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString();

function counted(): () => Date {
  let stored = -1;
  return () => {
    stored += 1;
    return new Date(minute(stored));
  };
}

const components = ['httpd', 'base', 'base-tools'];
const causes = ['push', 'person', 'rebuild', 'reconcile', 'replay'] as const;
const kinds = ['official', 'isolated', 'scratch'] as const;
const states = ['requested', 'skipped', 'started', 'completed', 'failed', 'canceled'] as const;
const ends: readonly ((build: Build) => Message)[] = [
  (build) => requested(build),
  (build) => started(build),
  (build) => skipped(build, { waitingFor: ['base'] }),
  (build) => skipped(build, { waitingFor: ['base-tools', 'other'] }),
  (build) => skipped(build, { code: 'not_ours', waitingFor: [] }),
  (build) => completed(build),
  (build) => failed(build),
  (build) => canceled(build),
  (build) => canceled(build, 'requested'),
];

/** Sixty builds: every end, cause and kind, in an order that no member follows. */
const BUILDS = Array.from({ length: 60 }, (_, n) => {
  const type = causes[(n * 7) % causes.length] ?? 'push';
  const build = sampleBuild({
    component: components[n % components.length] ?? '',
    target: n % 4 === 0 ? 'f42' : 'f41',
    kind: kinds[(n * 5) % 11] ?? 'official',
    source: { commit: sampleCommit(`commit ${n % 7}`) },
    cause: { type, key: `key ${n}`, wave: type === 'rebuild' ? sampleWave(`wave ${n % 2}`).id : null },
  });
  return withNvr(build, '2.4', `${n}.f41`);
});

const LOG: readonly Message[] = [
  ...BUILDS.filter((_, n) => n % 9 !== 8).map((build) => requested(build)),
  ...BUILDS.map((build, n) => (ends[(n * 4) % ends.length] ?? requested)(build)),
];

const time = fc.integer({ min: -1, max: LOG.length + 1 }).map(minute);
const filters: fc.Arbitrary<BuildFilter> = fc.record(
  {
    component: fc.constantFrom(...components, 'none'),
    target: fc.constantFrom('f41', 'f42', 'none'),
    kind: fc.constantFrom(...kinds),
    states: fc.array(fc.constantFrom(...states), { maxLength: 4 }),
    ended: fc.boolean(),
    commit: fc.integer({ min: 0, max: 7 }).map((n) => sampleCommit(`commit ${n}`)),
    wave: fc.constantFrom(sampleWave('wave 0').id, sampleWave('wave 1').id, 'none'),
    waitingFor: fc.constantFrom('base', 'base-tools', 'tools', 'other', ''),
    endedSince: time,
    endedUntil: fc.oneof(time, fc.constant('no time')),
    limit: fc.integer({ min: -1, max: 70 }),
  },
  { requiredKeys: [] },
);

/** One member alone, or two, or as many as come: most finds are made by few. */
const someMembers = fc.tuple(filters, fc.integer({ min: 1, max: 4 }), fc.nat()).map(([filter, count, turn]) => {
  const members = Object.entries(filter);
  return Object.fromEntries([...members.slice(turn % 11), ...members].slice(0, count)) as BuildFilter;
});

test(
  'a filter finds what its members say, in order, and no more than asked',
  inWorld(async ({ bus, open }) => {
    for (const message of LOG) await bus.publish(message);
    const ledger = await open(null);
    await ledger.caughtUp();
    const rows = ledger.builds({ limit: 1_000 });
    assert.equal(rows.length, BUILDS.length);
    fc.assert(
      fc.property(fc.oneof(filters, someMembers), (filter) => {
        assert.deepEqual(
          ledger.builds(filter).map(({ id }) => id),
          chosen(rows, filter).map(({ id }) => id),
        );
      }),
      { numRuns: 1_000 },
    );
  }, counted()),
);

test(
  'builds are found by kind, what they wait for and when they ended',
  inWorld(async ({ bus, open }) => {
    const of = (component: string, parts: Parameters<typeof sampleBuild>[0] = {}): Build =>
      withNvr(sampleBuild({ component, ...parts }));
    const [a, b] = [of('a'), of('b', { kind: 'scratch', cause: { type: 'person', key: 'b' } })];
    const [c, d] = [of('c'), of('d')];
    // At minutes 0 to 6.
    for (const message of [
      requested(a),
      requested(b),
      requested(c),
      failed(a),
      completed(b),
      canceled(d),
      requested(d),
    ])
      await bus.publish(message);
    await bus.publish(skipped(c, { waitingFor: ['a'] }));
    const ledger = await open(null);
    await ledger.caughtUp();
    const found = (filter: BuildFilter): string =>
      ledger
        .builds(filter)
        .map(({ component }) => component)
        .join('');
    assert.equal(found({}), 'dcba');
    assert.equal(found({ kind: 'scratch' }), 'b');
    assert.equal(found({ kind: 'official' }), 'dca');
    assert.equal(found({ waitingFor: 'a' }), 'c');
    assert.equal(found({ waitingFor: 'b' }), '');
    assert.equal(found({ endedSince: minute(3) }), 'ba', 'what was superseded has no end');
    assert.equal(found({ endedUntil: minute(4) }), 'a');
    assert.equal(found({ endedSince: '2026-01-01T01:04:00+01:00' }), 'b', 'an ISO time of any zone');
    assert.equal(found({ states: ['failed'], endedSince: minute(0) }), 'a');
    assert.equal(found({ states: ['failed', 'failed'] }), 'a');
    assert.equal(found({ endedSince: 'yesterday' }), '');
    assert.equal(found({ endedSince: minute(0), ended: false }), '');
  }, counted()),
);

const noPlaces = (): string => '[]';

test('no filter makes the ledger read every build: each is answered by an index', () => {
  const db = new Database(':memory:');
  try {
    db.exec(SCHEMA);
    fc.assert(
      fc.property(fc.oneof(filters, someMembers), (filter) => {
        const asked = filterSql(filter, noPlaces);
        if (asked === null) return;
        const plan = db.prepare(`explain query plan ${asked.sql}`).all([...asked.values]) as { detail: string }[];
        const looks = plan.map(({ detail }) => detail).filter((detail) => /\bbuilds\b/.test(detail));
        assert.ok(looks.length > 0);
        for (const detail of looks)
          assert.match(detail, /^SEARCH .* USING (COVERING )?(INDEX|INTEGER PRIMARY KEY|PRIMARY KEY)/);
      }),
      { numRuns: 500 },
    );
  } finally {
    db.close();
  }
});

const indices: readonly [BuildFilter, string][] = [
  [{}, 'builds_seq'],
  [{ component: 'a' }, 'builds_component'],
  [{ component: 'a', target: 'b', states: ['completed'] }, 'builds_component'],
  [{ target: 'b' }, 'builds_target'],
  [{ kind: 'scratch' }, 'builds_seq'],
  [{ states: ['started'] }, 'builds_state'],
  [{ states: ['completed', 'failed'] }, 'builds_state'],
  [{ ended: false }, 'builds_open'],
  [{ wave: 'w' }, 'builds_wave'],
  [{ waitingFor: 'a' }, 'builds_waiting'],
  [{ endedSince: minute(0) }, 'builds_ended'],
  [{ states: ['failed'], endedSince: minute(0) }, 'builds_ended'],
  [{ commit: 'c' }, 'INTEGER PRIMARY KEY'],
];

for (const [filter, index] of indices) {
  test(`a filter of ${Object.keys(filter).join(', ') || 'nothing'} goes by ${index}`, () => {
    const db = new Database(':memory:');
    try {
      db.exec(SCHEMA);
      const asked = filterSql(filter, noPlaces);
      assert.ok(asked);
      const plan = db.prepare(`explain query plan ${asked.sql}`).all([...asked.values]) as { detail: string }[];
      assert.ok(
        plan.some(({ detail }) => detail.includes(` ${index} `)),
        JSON.stringify(plan),
      );
    } finally {
      db.close();
    }
  });
}
