import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BuildRow } from '../../../src/ledger/contract.js';
import type { BuildFacts } from '../../../src/ledger/facts.js';
import { fold, forged, read } from '../../../src/ledger/fold.js';
import { rowOf } from '../../../src/ledger/row.js';
import { type Terms, termsOf } from '../../../src/ledger/terms.js';
import type { Build, Message } from '../../../src/messages/index.js';
import {
  cancelCommand,
  canceled,
  completed,
  failed,
  nextAttempt,
  PREFIX,
  requested,
  requestedCascade,
  SAMPLE_PROCESS,
  sampleBuild,
  sampleDigest,
  skipped,
  started,
  withNvr,
} from '../../support/samples.js';

/** A message at a place on the log. */
interface Placed {
  readonly message: Message;
  readonly seq: number;
}

const storedAt = (seq: number): string => new Date(Date.UTC(2026, 10, 23) + seq * 1_000).toISOString();

/** What a process that reads these, in this order, knows of their one build. */
function factsOf(placed: readonly Placed[]): BuildFacts | null {
  let facts: BuildFacts | null = null;
  for (const { message, seq } of placed) {
    const found = read(PREFIX, message);
    assert.ok(found?.ok, `${message.topic} is sound`);
    assert.equal(forged(found.value, facts), null);
    facts = fold(facts, found.value, { seq, storedAt: storedAt(seq) });
  }
  return facts;
}

/** The row of a log that holds these messages in this order. */
function rowOfLog(messages: readonly Message[]): BuildRow {
  const facts = factsOf(messages.map((message, seq) => ({ message, seq })));
  const row = facts === null ? null : rowOf(facts);
  assert.ok(row);
  return row;
}

const build = sampleBuild();
const known = withNvr(build);
const second = nextAttempt(known);

/** Every kind of message that one build can get, two attempts of those that have attempts. */
const ALL: readonly Message[] = [
  requested(build),
  requestedCascade(build),
  requested(nextAttempt(build)),
  skipped(build),
  started(known),
  started(second, { ...SAMPLE_PROCESS, id: 'process-2' }),
  canceled(build, 'superseded', sampleBuild({ component: 'other' }).id),
  canceled(second, 'superseded'),
  canceled(known, 'requested'),
  failed(known),
  completed(known),
  cancelCommand(build.id),
  cancelCommand(build.id, 'other'),
];

const someMessages = fc
  .subarray([...ALL], { minLength: 1 })
  .filter((messages) => factsOf(place(messages))?.base !== null);

function place(messages: readonly Message[]): Placed[] {
  return messages.map((message, seq) => ({ message, seq }));
}

const withCopies = (messages: readonly Message[]): fc.Arbitrary<Message[]> =>
  fc
    .array(fc.constantFrom(...messages), { maxLength: 8 })
    .chain((copies) => fc.shuffledSubarray([...messages, ...copies], { minLength: messages.length + copies.length }));

test('one log gives one row, in whatever order its entries are folded', () => {
  fc.assert(
    fc.property(
      someMessages
        .chain(withCopies)
        .chain((log) => fc.tuple(fc.constant(place(log)), fc.shuffledSubarray(place(log), { minLength: log.length }))),
      ([inOrder, shuffled]) => {
        const [a, b] = [factsOf(inOrder), factsOf(shuffled)];
        assert.deepEqual(a, b);
        assert.deepEqual(a && rowOf(a), b && rowOf(b));
      },
    ),
  );
});

const flat = (terms: readonly Terms[]): ReadonlySet<string> =>
  new Set(terms.flatMap(({ keys, place, at }) => keys.map((key) => `${key} ${place} ${at}`)));

test('one log gives one set of terms, in whatever order it is folded and however often it is written meanwhile', () => {
  fc.assert(
    fc.property(
      someMessages.chain(withCopies).chain((log) => {
        const inOrder = place(log);
        return fc.tuple(
          fc.constant(inOrder),
          fc.shuffledSubarray(inOrder, { minLength: log.length }),
          fc.subarray(inOrder.map(({ seq }) => seq + 1)),
        );
      }),
      ([inOrder, shuffled, writes]) => {
        const all = factsOf(inOrder);
        const other = factsOf(shuffled);
        assert.ok(all !== null && other !== null);
        const wanted = flat(termsOf(all, 0));
        assert.deepEqual(flat(termsOf(other, 0)), wanted);
        const written = [...writes, inOrder.length].flatMap((until, index, places) => {
          const facts = factsOf(inOrder.slice(0, until));
          return facts === null ? [] : termsOf(facts, places[index - 1] ?? 0);
        });
        assert.deepEqual(new Set([...flat(written)].sort()), new Set([...wanted].sort()));
      },
    ),
  );
});

/** What may differ between two logs that hold the same messages: when each was stored. */
function timeless(row: BuildRow): unknown {
  const { requestedSeq: _s, requestedAt: _r, startedAt: _st, endedAt: _e, messages, ...rest } = row;
  return { ...rest, messages: new Set(messages.map(({ topic, id }) => `${topic} ${id}`)) };
}

test('an end under another id than the build’s one end has is forged', () => {
  for (const message of [completed(known), failed(known), canceled(known, 'requested')]) {
    const [sound, other] = [read(PREFIX, message), read(PREFIX, again(message, 1))];
    assert.ok(sound?.ok && other?.ok);
    assert.equal(forged(sound.value, null), null);
    assert.match(forged(other.value, null) ?? '', /id is not .* one end/);
  }
});

test('a message that is repeated under ever new ids is kept a bounded number of times, the same in whatever order', () => {
  const placed = [requested(build), ...Array.from({ length: 100 }, (_, n) => again(cancelCommand(build.id), n))].map(
    (message, seq) => ({ message, seq }),
  );
  const inOrder = factsOf(placed);
  assert.equal(inOrder?.facts.length, 1 + 64);
  assert.equal(inOrder.facts.at(-1)?.seq, 64);
  fc.assert(
    fc.property(fc.shuffledSubarray(placed, { minLength: placed.length }), (shuffled) => {
      assert.deepEqual(factsOf(shuffled), inOrder);
    }),
    { numRuns: 20 },
  );
});

function again(message: Message, n: number): Message {
  return { ...message, id: `${message.id}-${n}` };
}

test('logs that hold the same messages in another order, or more copies of them, give the same state of the build', () => {
  // Two cancel commands, or requests by two lanes, are told apart by which was first; all else by rank alone.
  const ranked = ALL.filter((message) => !/cascade$|build\.cancel$/.test(message.topic));
  fc.assert(
    fc.property(
      fc
        .subarray([...ranked], { minLength: 1 })
        .chain((messages) => fc.tuple(withCopies(messages), withCopies(messages))),
      ([a, b]) => {
        const strip = (row: BuildRow): unknown => timeless({ ...row, source: build.source });
        assert.deepEqual(strip(rowOfLog(a)), strip(rowOfLog(b)));
      },
    ),
  );
});

test('a message that is folded again changes nothing', () => {
  const once = factsOf(place(ALL));
  assert.ok(once);
  for (const message of ALL) {
    const found = read(PREFIX, message);
    assert.ok(found?.ok);
    assert.equal(fold(once, found.value, { seq: 99, storedAt: storedAt(99) }), once);
  }
});

test('the row of a build that ran well has everything that its messages told', () => {
  const row = rowOfLog([requested(build), started(known), completed(known)]);
  assert.equal(row.id, build.id);
  assert.deepEqual([row.component, row.target, row.kind], ['httpd', 'f41', 'official']);
  assert.deepEqual([row.state, row.ended, row.attempt], ['completed', true, 1]);
  assert.deepEqual([row.name, row.version, row.release, row.nvr], ['httpd', '2.4', '17.f41', 'httpd-2.4-17.f41']);
  assert.deepEqual(row.source, build.source);
  assert.deepEqual(row.cause, build.cause);
  assert.equal(row.requestedSeq, 0);
  assert.deepEqual([row.requestedAt, row.startedAt, row.endedAt], [storedAt(0), storedAt(1), storedAt(2)]);
  assert.deepEqual([row.process, row.startedAttempt], [SAMPLE_PROCESS, 1]);
  assert.equal(row.image?.digest, sampleDigest(`image of ${build.id}`));
  assert.equal(row.parents.length, 1);
  assert.equal(row.timings?.['build'], 148);
  assert.equal(row.log, sampleDigest(`log of ${build.id}`));
  assert.equal(row.cascade, false);
  assert.deepEqual([row.cancel, row.failure, row.skipped, row.successor], [null, null, null, null]);
  assert.deepEqual(
    row.messages.map(({ topic }) => topic.replace(`${PREFIX}.container.build.`, '')),
    ['requested', 'started', 'completed'],
  );
});

const states: readonly [string, readonly Message[], Partial<BuildRow>][] = [
  ['asked for', [requested(build)], { state: 'requested', ended: false, nvr: null, startedAttempt: 0 }],
  ['begun', [requested(build), started(known)], { state: 'started', ended: false, nvr: 'httpd-2.4-17.f41' }],
  ['begun, its request not yet seen', [started(known)], { state: 'started', requestedAt: null, requestedSeq: 0 }],
  ['failed', [started(known), failed(known)], { state: 'failed', ended: true, image: null }],
  ['called off by a person', [requested(build), canceled(build, 'requested')], { state: 'canceled', ended: true }],
  ['called off with its branch', [canceled(build, 'branch_deleted')], { state: 'canceled', ended: true }],
  [
    'superseded',
    [requested(build), canceled(build, 'superseded', known.id)],
    { state: 'canceled', ended: false, endedAt: null, successor: known.id },
  ],
  [
    'superseded and asked for again',
    [requested(build), canceled(build, 'superseded', known.id), requested(nextAttempt(build))],
    { state: 'requested', ended: false, attempt: 2, successor: null },
  ],
  [
    'superseded while its first attempt ran',
    [started(known), canceled(known, 'superseded')],
    { state: 'canceled', ended: false },
  ],
  [
    'superseded, and a later attempt superseded too',
    [canceled(known, 'superseded'), requested(second), canceled(second, 'superseded')],
    { state: 'canceled', ended: false, attempt: 2 },
  ],
  [
    'waiting for a parent',
    [started(known), skipped(known)],
    {
      state: 'skipped',
      ended: false,
      skipped: {
        code: 'waiting_for_parent',
        message: 'A parent is not built yet.',
        waitingFor: ['registry.example.org/f41/base'],
      },
    },
  ],
  ['no longer waiting for a parent', [skipped(known), requested(second)], { state: 'requested', skipped: null }],
  [
    'asked for again after its process was lost',
    [started(known), requested(second)],
    { state: 'requested', attempt: 2 },
  ],
  [
    'begun a second time',
    [started(known), requested(second), started(second, { ...SAMPLE_PROCESS, id: 'process-2' })],
    { state: 'started', startedAttempt: 2, process: { ...SAMPLE_PROCESS, id: 'process-2' } },
  ],
  ['completed and failed', [failed(known), completed(known)], { state: 'completed', failure: null }],
  ['failed and called off', [canceled(known, 'requested'), failed(known)], { state: 'failed' }],
  ['completed, then asked for again', [completed(known), requested(second)], { state: 'completed', ended: true }],
  [
    'asked to be called off',
    [requested(build), cancelCommand(build.id, 'ralph', 'wrong branch')],
    { state: 'requested', ended: false, cancel: { agent: 'ralph', reason: 'wrong branch' } },
  ],
  [
    'asked to be called off twice',
    [requested(build), cancelCommand(build.id, 'ralph'), cancelCommand(build.id, 'other')],
    { cancel: { agent: 'ralph', reason: null } },
  ],
];

for (const [what, messages, expected] of states) {
  test(`a build that was ${what}`, () => {
    const row = rowOfLog(messages);
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(row[name as keyof BuildRow], value, name);
  });
}

test('the lane is that of the newest request', () => {
  assert.equal(rowOfLog([requested(build), requestedCascade(nextAttempt(build))]).cascade, true);
  assert.equal(rowOfLog([requestedCascade(build), requested(nextAttempt(build))]).cascade, false);
});

test('a build is as its request tells it, though another message was first', () => {
  const told = { ...known, source: { ...known.source, branch: 'told-by-start' } };
  assert.equal(rowOfLog([started(told), requested(build)]).source.branch, 'f41');
});

test('a build that only a command has named has no row', () => {
  const facts = factsOf(place([cancelCommand(build.id)]));
  assert.equal(facts && rowOf(facts), null);
});

function whyNot(message: Message, facts: BuildFacts | null = null): string | null {
  const found = read(PREFIX, message);
  assert.ok(found);
  return found.ok ? forged(found.value, facts) : found.error;
}

const forgeries: readonly [string, (build: Build) => Build][] = [
  ['component', (b) => ({ ...b, component: 'other' })],
  ['target', (b) => ({ ...b, target: 'f42' })],
  ['commit', (b) => ({ ...b, source: { ...b.source, commit: 'f'.repeat(40) } })],
  ['kind', (b) => ({ ...b, kind: 'scratch' })],
  ['build arguments', (b) => ({ ...b, build_args: { LANG: 'C' } })],
  ['cause key', (b) => ({ ...b, cause: { ...b.cause, key: 'other' } })],
];

for (const [what, forge] of forgeries) {
  test(`a message whose build id does not fit its ${what} is no word about that build`, () => {
    const facts = factsOf(place([requested(build)]));
    for (const message of [requested(forge(build)), completed(forge(known)), failed(forge(known))]) {
      assert.match(whyNot(message) ?? '', /own inputs give/);
      // The same whether the build was known before or not: else two processes would differ.
      assert.match(whyNot(message, facts) ?? '', /own inputs give/);
    }
  });
}

test('a body that does not fit its schema is skipped with a reason', () => {
  const broken = {
    ...requested(build),
    body: { build: { ...(requested(build).body['build'] as object), attempt: 0 } },
  };
  assert.match(whyNot(broken) ?? '', /\/build\/attempt/);
});

test('other topics, other prefixes and live output are none of the fold’s', () => {
  const message = requested(build);
  assert.equal(read(PREFIX, { ...message, topic: 'org.example.test.git.receive' }), null);
  assert.equal(read('org.example.other', message), null);
  assert.equal(read(PREFIX, { ...message, topic: `${PREFIX}.wave.opened` }), null);
  const output = { build: build.id, attempt: 1, first: 0, lines: [] };
  assert.equal(read(PREFIX, { ...message, topic: `${PREFIX}.container.build.output`, body: output }), null);
});
