/** What the ledger answers to who asks why: by message, by cause, by parent and by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'libsql';
import type { Ledger } from '../../../src/ledger/index.js';
import { packed } from '../../../src/ledger/packed-terms.js';
import { keyOf, type TermKind } from '../../../src/ledger/terms.js';
import type { Build, Message } from '../../../src/messages/index.js';
import type { FakeBus } from '../../support/fake-bus.js';
import { inWorld, type LedgerWorld } from '../../support/ledger-world.js';
import {
  cancelCommand,
  canceled,
  completed,
  failed,
  requested,
  requestedCascade,
  sampleBuild,
  sampleCommit,
  sampleDigest,
  sampleImage,
  sampleWave,
  started,
  waveClosed,
  waveOpened,
  withNvr,
} from '../../support/samples.js';

/** The n-th commit of a component, its NVR known. */
function nth(n: number, component = 'httpd', cause: Partial<Build['cause']> = {}): Build {
  const parts = { component, source: { commit: sampleCommit(`${component} ${n}`) }, cause };
  return withNvr(sampleBuild(parts), '2.4', `${n}.f41`);
}

async function publish(bus: FakeBus, ...messages: readonly Message[]): Promise<void> {
  for (const message of messages) await bus.publish(message);
}

async function caughtUp(world: LedgerWorld, path?: null): Promise<Ledger> {
  const ledger = await world.open(path);
  await ledger.caughtUp();
  return ledger;
}

/** Each place of the log one minute after the one before. */
const minute = (n: number): string => new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString();
function byMinutes(): () => Date {
  let stored = -1;
  return () => {
    stored += 1;
    return new Date(minute(stored));
  };
}

const NAME = 'candidate.example.org/f41/httpd:latest';

test(
  'a message leads to the build or the wave that it told of, whichever of its messages it is, in the next process too',
  inWorld(async (world) => {
    const wave = sampleWave();
    const told = [requested(nth(1)), started(nth(1)), cancelCommand(nth(1).id), canceled(nth(1)), completed(nth(1))];
    const ofWave = [waveOpened(['f41/httpd'], wave), waveClosed([], wave)];
    await publish(world.bus, ...told, ...ofWave);
    const first = await caughtUp(world);
    const check = (ledger: Ledger): void => {
      for (const { id } of told) {
        assert.deepEqual(ledger.byMessage(id), { build: ledger.build(nth(1).id), wave: null });
        assert.ok(ledger.byMessage(id).build);
      }
      for (const { id } of ofWave) assert.deepEqual(ledger.byMessage(id), { build: null, wave: ledger.wave(wave.id) });
      assert.ok(ledger.byMessage(ofWave[1]?.id ?? '').wave);
      for (const none of ['', 'push-1', nth(1).id, wave.id])
        assert.deepEqual(ledger.byMessage(none), { build: null, wave: null });
    };
    check(first);
    await first.close();
    check(await caughtUp(world));
  }),
);

test(
  'a command about a build that nothing else has told of leads to no row, until something does',
  inWorld(async (world) => {
    const command = cancelCommand(nth(1).id);
    await publish(world.bus, command);
    const ledger = await caughtUp(world);
    assert.deepEqual(ledger.byMessage(command.id), { build: null, wave: null });
    await publish(world.bus, requested(nth(1)));
    await ledger.caughtUp();
    assert.equal(ledger.byMessage(command.id).build?.id, nth(1).id);
  }),
);

test(
  'a message that was left out says why, the last thousand of them, in the next process too',
  inWorld(async (world) => {
    const broken = (n: number): Message => ({ ...requested(nth(1)), id: `broken-${n}`, body: { build: `none ${n}` } });
    await publish(world.bus, requested(nth(1)));
    for (let n = 0; n < 1_203; n += 1) await publish(world.bus, broken(n));
    const first = await caughtUp(world);
    const check = (ledger: Ledger): void => {
      const found = ledger.skippedMessage('broken-1202');
      assert.ok(found);
      assert.deepEqual([found.id, found.seq, found.topic], ['broken-1202', 1_203, requested(nth(1)).topic]);
      assert.equal(Number.isNaN(Date.parse(found.storedAt)), false);
      assert.match(found.reason, /\/build/);
      assert.equal(ledger.skippedMessage('broken-203')?.seq, 204);
      assert.equal(ledger.skippedMessage('broken-202'), null, 'no more than the last thousand');
      assert.equal(ledger.skippedMessage(requested(nth(1)).id), null);
      assert.deepEqual(ledger.byMessage('broken-1202'), { build: null, wave: null });
      assert.equal(ledger.stats().skipped, 1_203);
    };
    check(first);
    await publish(world.bus, broken(1_203));
    await first.caughtUp();
    assert.equal(first.skippedMessage('broken-203'), null);
    await first.close();
    const next = await caughtUp(world);
    assert.equal(next.skippedMessage('broken-1203')?.seq, 1_204);
    assert.equal(next.skippedMessage('broken-203'), null);
  }),
);

test(
  'what a sender made long is kept short',
  inWorld(async (world) => {
    const long = 'x'.repeat(5_000);
    const build = { ...nth(1), build_args: { [long]: 1 } } as unknown as Build;
    await publish(world.bus, { ...requested(nth(1)), id: 'long', body: { build } as never });
    const found = (await caughtUp(world, null)).skippedMessage('long');
    assert.match(found?.reason ?? '', /^\/build\/build_args\/x{482}$/);
  }),
);

test(
  'a message leads to what it caused: the builds of a push, and the waves that it opened',
  inWorld(async (world) => {
    const [a, b] = [nth(1, 'a', { message: 'push-7' }), nth(1, 'b', { message: 'push-7' })];
    const wave = sampleWave('push-7');
    const member = nth(1, 'c', { type: 'rebuild', key: 'k', message: waveOpened([], wave).id, wave: wave.id });
    await publish(world.bus, requested(a), started(b), requested(nth(1)), waveOpened(['f41/c'], wave));
    await publish(world.bus, requestedCascade(member));
    const ledger = await caughtUp(world);
    const ids = (message: string, limit?: number): unknown => {
      const { builds, waves } = ledger.causedBy(message, limit);
      return [builds.map(({ id }) => id), waves.map(({ id }) => id)];
    };
    assert.deepEqual(ids('push-7'), [[b.id, a.id], [wave.id]]);
    assert.deepEqual(ids('push-7', 1), [[b.id], [wave.id]]);
    assert.deepEqual(ids('push-7', 0), [[], []]);
    assert.deepEqual(ids(waveOpened([], wave).id), [[member.id], []]);
    assert.deepEqual(ids('push-8'), [[], []]);
  }),
);

test(
  'a build that another message told of first is found by the cause that its request gives',
  inWorld(async (world) => {
    const ledger = await caughtUp(world);
    const other = { ...nth(1), cause: { ...nth(1).cause, message: 'other' } };
    await publish(world.bus, started(other));
    await ledger.caughtUp();
    assert.equal(ledger.causedBy('other').builds.length, 1);
    await publish(world.bus, requested(nth(1)));
    await ledger.caughtUp();
    assert.equal(ledger.causedBy('other').builds.length, 0);
    assert.equal(ledger.causedBy('push-1').builds.length, 1);
  }),
);

test(
  'a digest leads to the builds that ended on it, well or not, once each',
  inWorld(async (world) => {
    const on = (digest: string, ...more: string[]) => ({
      parents: [digest, ...more].map((each) => ({
        written: 'base',
        resolved: 'candidate.example.org/f41/base:latest',
        digest: sampleDigest(each),
        build: null,
      })),
    });
    const bad = failed(nth(3));
    await publish(world.bus, requested(nth(1)), requested(nth(2)), requested(nth(3)), requested(nth(4)));
    await publish(world.bus, completed(nth(2), on('old', 'tools')), completed(nth(1), on('old', 'old')));
    await publish(world.bus, { ...bad, body: { ...bad.body, ...on('old') } as never }, completed(nth(4), on('new')));
    const ledger = await caughtUp(world);
    const ids = (text: string, limit?: number): string[] =>
      ledger.dependentsOfDigest(sampleDigest(text), limit).map(({ id }) => id);
    assert.deepEqual(ids('old'), [nth(3).id, nth(2).id, nth(1).id]);
    assert.deepEqual(ids('old', 2), [nth(3).id, nth(2).id]);
    assert.deepEqual(ids('tools'), [nth(2).id]);
    assert.deepEqual(ids('new'), [nth(4).id]);
    assert.deepEqual(ledger.dependentsOfDigest(sampleImage(nth(4)).digest), [], 'its own is none of its parents');
  }),
);

test(
  'a name belongs to the build that was given it last, now or at a time',
  inWorld(async (world) => {
    const own = 'candidate.example.org/f41/httpd:2.4-2.f41';
    const named = (n: number, ...references: string[]) =>
      completed(nth(n), { image: { ...sampleImage(nth(n)), references } });
    // Requests at minutes 0 to 2, ends at 3 to 5: what was asked for first is done last. Then one more, ended at 7.
    await publish(world.bus, requested(nth(1)), requested(nth(2)), requested(nth(3)));
    await publish(world.bus, named(2, NAME, own), named(3, 'candidate.example.org/f41/httpd:3'), named(1, NAME));
    await publish(world.bus, requested(nth(4)), named(4, NAME));
    const first = await caughtUp(world);
    const check = (ledger: Ledger): void => {
      const holder = (name: string, before?: string): string | undefined =>
        ledger.holderOfName(name, before === undefined ? {} : { before })?.id;
      assert.equal(holder(NAME), nth(4).id);
      assert.equal(holder(NAME, minute(7)), nth(1).id);
      assert.equal(holder(NAME, minute(5)), nth(2).id, 'what was stored at that moment does not count yet');
      assert.equal(holder(NAME, '2026-01-01T01:05:00.000+01:00'), nth(2).id, 'an ISO time of any zone');
      assert.equal(holder(NAME, minute(4)), nth(2).id);
      assert.equal(holder(NAME, minute(3)), undefined);
      assert.equal(holder(own), nth(2).id);
      assert.equal(holder('candidate.example.org/f41/httpd'), undefined, 'no part of a name');
      assert.equal(holder(NAME, 'yesterday'), undefined);
    };
    check(first);
    await first.close();
    check(await caughtUp(world));
  }, byMinutes()),
);

const strangers: readonly [TermKind, string, (ledger: Ledger, text: string) => unknown][] = [
  ['message', 'other', (ledger, text) => ledger.byMessage(text).build],
  ['cause', 'other', (ledger, text) => ledger.causedBy(text).builds[0]],
  ['digest', sampleDigest('other'), (ledger, text) => ledger.byDigest(text)],
  ['parent', sampleDigest('other'), (ledger, text) => ledger.dependentsOfDigest(text)[0]],
  ['name', NAME.replace('latest', 'other'), (ledger, text) => ledger.holderOfName(text)],
  ['nvr', 'httpd-2.4-other', (ledger, text) => ledger.find(text)[0] ?? ledger.ownerOfNvr(text)],
  ['commit', sampleCommit('other'), (ledger, commit) => ledger.builds({ commit })[0]],
];

for (const [kind, text, ask] of strangers) {
  test(
    `a build whose ${kind} has the same key as another’s by chance is not taken for it`,
    inWorld(async (world) => {
      await publish(world.bus, requested(nth(1)), completed(nth(1)));
      await (await caughtUp(world)).close();
      const db = new Database(world.path);
      const other = packed([{ key: keyOf(kind, text), n: 0, place: 1, at: 0 }]);
      db.prepare('insert into pending_terms (seq, data) values (1000, ?)').run([other]);
      db.close();
      assert.equal((await ask(await caughtUp(world), text)) ?? null, null);
    }),
  );
}

test(
  'every component and target of which there is a build is named once, sorted',
  inWorld(async (world) => {
    const ledger = await caughtUp(world, null);
    assert.deepEqual(ledger.streams(), []);
    const streams = ['b f41', 'a f42', 'a-b f41', 'a f41', 'a f9'];
    for (let n = 0; n < 40; n += 1) {
      const [component = '', target = ''] = (streams[n % streams.length] ?? '').split(' ');
      await publish(world.bus, requested(sampleBuild({ component, target, cause: { key: `${n}` } })));
    }
    await publish(world.bus, cancelCommand(nth(1).id));
    await ledger.caughtUp();
    assert.deepEqual(
      ledger.streams().map(({ component, target }) => `${component} ${target}`),
      ['a f41', 'a f42', 'a f9', 'a-b f41', 'b f41'],
    );
  }),
);

test(
  'a build that is asked for by its id after a search by id is that build',
  inWorld(async (world) => {
    await publish(world.bus, requested(nth(1)), requested(nth(2)));
    await (await caughtUp(world)).close();
    const ledger = await caughtUp(world);
    assert.equal(ledger.find(nth(1).id)[0]?.id, nth(1).id);
    assert.equal(ledger.build(nth(2).id)?.id, nth(2).id);
    assert.equal(ledger.build('00000000-0000-5000-8000-000000000000'), null);
  }),
);
