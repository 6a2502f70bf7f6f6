import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { WaveRow } from '../../../src/ledger/contract.js';
import { read } from '../../../src/ledger/fold.js';
import { foldWave, readWave, type WaveFacts, waveId, waveRowOf } from '../../../src/ledger/waves.js';
import type { Message, WaveClosedV1 } from '../../../src/messages/index.js';
import {
  oneOfEach,
  PREFIX,
  sampleBuild,
  sampleDigest,
  sampleWave,
  waveClosed,
  waveOpened,
} from '../../support/samples.js';

/** A message at a place on the log. */
interface Placed {
  readonly message: Message;
  readonly seq: number;
}

const storedAt = (seq: number): string => new Date(Date.UTC(2026, 10, 29) + seq * 1_000).toISOString();
const place = (messages: readonly Message[]): Placed[] => messages.map((message, seq) => ({ message, seq }));

/** What a process that reads these, in this order, knows of their one wave. */
function factsOf(placed: readonly Placed[]): WaveFacts | null {
  let facts: WaveFacts | null = null;
  for (const { message, seq } of placed) {
    const found = readWave(PREFIX, message);
    assert.ok(found?.ok, `${message.topic} is sound`);
    facts = foldWave(facts, found.value, { seq, storedAt: storedAt(seq) });
  }
  return facts;
}

function rowOfLog(messages: readonly Message[]): WaveRow | null {
  const facts = factsOf(place(messages));
  return facts === null ? null : waveRowOf(facts);
}

type Results = WaveClosedV1['results'];

const wave = sampleWave();
const base = sampleBuild({ component: 'base' });
const change = {
  component: 'base',
  target: 'f41',
  build: base.id,
  nvr: 'base-1-1.f41',
  digest: sampleDigest('base'),
  message: 'a',
};
const resultsOf = (outcome: Results[number]['outcome']): Results => [
  { member: 'f41/httpd', outcome, build: null, through: [] },
];

/** What two planners say of one wave, each under the one id of its opening and of its end. */
const OPENED = waveOpened(['f41/httpd', 'f41/app'], wave, { changes: [change], cycles: [['f41/a', 'f41/b']] });
const OPENED_OTHERWISE = waveOpened(['f41/httpd'], wave);
const CLOSED = waveClosed(resultsOf('completed'), wave);
const CLOSED_OTHERWISE = waveClosed(resultsOf('failed'), wave);

/** Logs of some of these, each maybe several times. */
const someLog = fc
  .subarray([OPENED, OPENED_OTHERWISE, CLOSED, CLOSED_OTHERWISE], { minLength: 1 })
  .chain((messages) =>
    fc.array(fc.constantFrom(...messages), { maxLength: 5 }).chain((copies) => shuffled([...messages, ...copies])),
  );

function shuffled<T>(things: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...things], { minLength: things.length });
}

test('one log gives one row, in whatever order its entries are folded: what is first on the log counts', () => {
  fc.assert(
    fc.property(
      someLog.chain((log) => fc.tuple(fc.constant(log), shuffled(place(log)))),
      ([log, reading]) => {
        const facts = factsOf(reading);
        assert.deepEqual(facts, factsOf(place(log)));
        const row = facts && waveRowOf(facts);
        const opening = log.findIndex(({ topic }) => topic.endsWith('.opened'));
        const end = log.findIndex(({ topic }) => topic.endsWith('.closed'));
        assert.equal(row === null, opening === -1);
        if (row === null) return;
        assert.deepEqual([row.openedSeq, row.openedAt], [opening, storedAt(opening)]);
        assert.deepEqual(row.members, log[opening]?.body['members']);
        assert.equal(row.closedAt, end === -1 ? null : storedAt(end));
        assert.deepEqual(row.results, log[end]?.body['results'] ?? []);
      },
    ),
  );
});

test('logs that hold the same messages in another order, or more copies of them, give the same wave', () => {
  const twice = shuffled([OPENED, CLOSED]).chain((log) =>
    fc.tuple(
      fc.constant(log),
      fc.array(fc.constantFrom(OPENED, CLOSED)).chain((more) => shuffled([...log, ...more])),
    ),
  );
  const timeless = (log: readonly Message[]): unknown => {
    const row = rowOfLog(log);
    assert.ok(row?.closedAt);
    return { ...row, openedSeq: 0, openedAt: '', closedAt: '' };
  };
  fc.assert(fc.property(twice, ([a, b]) => assert.deepEqual(timeless(a), timeless(b))));
});

test('the row of a wave has everything that its messages told', () => {
  const expected = {
    id: wave.id,
    message: wave.message,
    rebuild: wave.rebuild,
    openedBy: OPENED.id,
    openedSeq: 0,
    openedAt: storedAt(0),
    changes: [change],
    outside: [],
    due: [],
    members: ['f41/httpd', 'f41/app'],
    cycles: [['f41/a', 'f41/b']],
  };
  assert.deepEqual(rowOfLog([OPENED]), { ...expected, closedAt: null, results: [] });
  const over = { ...expected, closedAt: storedAt(1), results: resultsOf('completed') };
  assert.deepEqual(rowOfLog([OPENED, CLOSED]), over);
  const outside = [{ name: 'quay.io/x/debian:12', digest: change.digest, seen_at: storedAt(0) }];
  const ofOthers = rowOfLog([waveOpened(['f41/httpd'], wave, { outside, due: ['f41/httpd'] })]);
  assert.deepEqual([ofOthers?.outside, ofOthers?.due], [outside, ['f41/httpd']]);
});

test('a message that is folded again changes nothing', () => {
  const once = factsOf(place([OPENED, CLOSED]));
  for (const message of [OPENED, CLOSED, OPENED_OTHERWISE, CLOSED_OTHERWISE]) {
    const found = readWave(PREFIX, message);
    assert.ok(found?.ok);
    assert.equal(foldWave(once, found.value, { seq: 2, storedAt: storedAt(2) }), once);
  }
});

test('the id of a wave is that of what opened it, for ever and in every process', () => {
  const opener = { message: 'push-1', rebuild: '00000000-0000-5000-8000-000000000001' };
  assert.equal(waveId(opener), 'e804b492-8e1f-587b-a45a-6922c9ce5d5d');
  assert.notEqual(waveId({ ...opener, message: 'push-2' }), waveId(opener));
  assert.notEqual(waveId({ ...opener, rebuild: wave.rebuild }), waveId(opener));
});

test('builds and waves are told apart: each message is read by one of the two', () => {
  for (const [name, message] of Object.entries(oneOfEach())) {
    assert.equal(readWave(PREFIX, message) !== null, name.startsWith('wave.'), name);
    assert.equal(read(PREFIX, message) !== null, name.startsWith('build.') && name !== 'build.output.v1', name);
    assert.equal(readWave('org.example.other', message), null);
  }
});
