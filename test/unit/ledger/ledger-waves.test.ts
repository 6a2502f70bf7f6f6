/** The waves of a ledger that follows a bus and keeps them in its file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'libsql';
import { ServiceError } from '../../../src/kernel/service-error.js';
import type { BuildFilter, Ledger } from '../../../src/ledger/index.js';
import type { WaveClosedV1 } from '../../../src/messages/index.js';
import type { FakeBus } from '../../support/fake-bus.js';
import { followsAgain, inWorld } from '../../support/ledger-world.js';
import {
  completed,
  requested,
  requestedCascade,
  sampleBuild,
  sampleWave,
  started,
  waveClosed,
  waveOpened,
  withNvr,
} from '../../support/samples.js';

type Results = WaveClosedV1['results'];
const resultsOf = (outcome: Results[number]['outcome']): Results => [
  { member: 'f41/httpd', outcome, build: null, through: [] },
];

const wave = sampleWave();
const OPENED = waveOpened(['f41/httpd', 'f41/app'], wave);
const CLOSED = waveClosed(resultsOf('completed'), wave);

const forged = sampleWave('another change').id;

test(
  'a wave whose id does not follow from what opened it is skipped and counted, also by the next process',
  inWorld(async ({ bus, open }) => {
    await bus.publish(waveOpened(['f41/httpd'], { ...wave, id: forged }));
    await bus.publish(waveClosed([], { ...wave, message: 'another' }));
    await bus.publish({ ...OPENED, id: 'broken', body: { ...OPENED.body, members: ['no member'] } });
    const ledger = await open();
    await ledger.caughtUp();
    assert.equal(ledger.stats().skipped, 3);
    assert.deepEqual([ledger.wave(forged), ledger.wave(wave.id)], [null, null]);
    assert.deepEqual(ledger.waves({}), []);
    await bus.publish(OPENED);
    await ledger.caughtUp();
    assert.equal(ledger.wave(wave.id)?.openedSeq, 3, 'they have their place on the log');
    await ledger.close();
    const next = await open();
    assert.deepEqual([next.stats().skipped, next.stats().folded], [3, 0]);
  }),
);

test(
  'a wave whose end is read first has no row until its opening comes',
  inWorld(async ({ bus, open }) => {
    const first = await open();
    await bus.publish(CLOSED);
    await first.caughtUp();
    const seen = (ledger: Ledger): unknown[] => [
      ledger.wave(wave.id),
      ...ledger.waves({}),
      ...ledger.waves({ open: false }),
    ];
    assert.deepEqual(seen(first), [null]);
    assert.equal(first.stats().skipped, 0);
    await first.close();

    const second = await open();
    assert.deepEqual(seen(second), [null], 'nor in the next process');
    await bus.publish(OPENED);
    await second.caughtUp();
    assert.equal(second.stats().folded, 1);
    const row = second.wave(wave.id);
    assert.deepEqual([row?.openedSeq, row?.results], [1, resultsOf('completed')]);
    assert.deepEqual(seen(second), [row, row, row]);
    assert.deepEqual(second.waves({ open: true }), []);
  }),
);

test(
  'of what two planners say of one wave the ledger keeps what is first on the log',
  inWorld(async ({ bus, open }) => {
    await bus.publish(waveOpened(['f41/httpd'], wave));
    await bus.publish(OPENED, { again: 'another planner' });
    await bus.publish(waveClosed(resultsOf('failed'), wave));
    await bus.publish(CLOSED, { again: 'another planner' });
    const ledger = await open(null);
    await ledger.caughtUp();
    assert.equal(ledger.stats().folded, 4);
    assert.deepEqual(ledger.wave(wave.id)?.members, ['f41/httpd']);
    assert.deepEqual(ledger.wave(wave.id)?.results, resultsOf('failed'));
    assert.equal(ledger.waves({}).length, 1);
  }),
);

/** Opens the waves of some changes, in this order. */
async function openWaves(bus: FakeBus, changes: readonly string[]): Promise<void> {
  for (const change of changes) await bus.publish(waveOpened(['f41/httpd'], sampleWave(change)));
}

test(
  'waves are found, the last opened first, all or those that are open or closed',
  inWorld(async ({ bus, open }) => {
    await openWaves(bus, ['a', 'b', 'c', 'd']);
    const ledger = await open(null);
    await ledger.caughtUp();
    const found = (filter: Parameters<Ledger['waves']>[0]): string[] =>
      ledger.waves(filter).map(({ message }) => message);
    assert.deepEqual(found({ open: true }), ['d', 'c', 'b', 'a']);
    await bus.publish(waveClosed([], sampleWave('d')));
    await bus.publish(waveClosed([], sampleWave('b')));
    await ledger.caughtUp();
    assert.deepEqual(found({}), ['d', 'c', 'b', 'a']);
    assert.deepEqual(found({ open: true }), ['c', 'a']);
    assert.deepEqual(found({ open: false }), ['d', 'b']);
    assert.deepEqual(found({ limit: 3 }), ['d', 'c', 'b']);
    assert.deepEqual(found({ open: true, limit: 1 }), ['c']);
    assert.deepEqual([found({ limit: 0 }), found({ limit: -1 })], [[], []]);
  }),
);

test(
  'a question for waves that names no number gets fifty',
  inWorld(async ({ bus, open }) => {
    const changes = Array.from({ length: 60 }, (_, n) => `change ${n}`);
    await openWaves(bus, changes);
    const ledger = await open(null);
    await ledger.caughtUp();
    const found = ledger.waves({}).map(({ message }) => message);
    assert.deepEqual(found, changes.slice(-50).reverse());
    assert.equal(ledger.waves({ limit: 100 }).length, 60);
  }),
);

test(
  'waves outlive a restart, whether they are open or closed',
  inWorld(async ({ bus, open }) => {
    await openWaves(bus, ['a', 'b']);
    await bus.publish(waveClosed(resultsOf('stopped'), sampleWave('a')));
    const first = await open();
    await first.caughtUp();
    const rows = first.waves({});
    await first.close();

    const second = await open();
    assert.deepEqual(second.waves({}), rows);
    assert.deepEqual(second.wave(sampleWave('a').id), rows[1]);
    await bus.publish(waveClosed(resultsOf('completed'), sampleWave('b')));
    await second.caughtUp();
    assert.equal(second.stats().folded, 1, 'only what is new was folded');
    assert.equal(second.stats().rebuilt, false);
    const fresh = await open(null);
    await fresh.caughtUp();
    assert.deepEqual(second.waves({}), fresh.waves({}), 'as if all had been folded from the start');
  }),
);

test(
  'a ledger that is made anew forgets the waves of a log that is gone',
  inWorld(async ({ bus, open }) => {
    await openWaves(bus, ['a']);
    const ledger = await open();
    await ledger.caughtUp();
    bus.loseLog('ours');
    await openWaves(bus, ['b']);
    await followsAgain(ledger);
    assert.deepEqual(
      ledger.waves({}).map(({ message }) => message),
      ['b'],
    );
    assert.equal(ledger.wave(sampleWave('a').id), null);
  }),
);

test(
  'a wave that turns out to be damaged in the file makes the ledger anew',
  inWorld(async ({ bus, path, open }) => {
    await bus.publish(OPENED);
    const first = await open();
    await first.caughtUp();
    const row = first.wave(wave.id);
    await first.close();
    const db = new Database(path);
    db.prepare('update waves set facts = ?').run([Buffer.from('{"id":')]);
    db.close();
    const second = await open();
    assert.throws(
      () => second.wave(wave.id),
      (thrown) => thrown instanceof ServiceError && thrown.code === 'ledger_unavailable' && thrown.transient,
    );
    await followsAgain(second);
    assert.deepEqual(second.wave(wave.id), row);
    assert.equal(second.stats().rebuilt, true);
  }),
);

test(
  'builds are found by the wave that asked for them',
  inWorld(async ({ bus, open }) => {
    const rebuildOf = (component: string, change: string) =>
      withNvr(sampleBuild({ component, cause: { type: 'rebuild', key: change, wave: sampleWave(change).id } }));
    const [httpd, app, other] = [rebuildOf('httpd', 'a'), rebuildOf('app', 'a'), rebuildOf('httpd', 'b')];
    await bus.publish(requested(sampleBuild({ component: 'base' })));
    for (const build of [httpd, app, other]) await bus.publish(requestedCascade(build));
    await bus.publish(started(app));
    await bus.publish(completed(httpd));
    const ledger = await open();
    await ledger.caughtUp();
    const ids = (filter: BuildFilter): string[] => ledger.builds(filter).map(({ id }) => id);
    const a = sampleWave('a').id;
    assert.deepEqual(ids({ wave: a }), [app.id, httpd.id]);
    assert.deepEqual(ids({ wave: a, ended: false }), [app.id]);
    assert.deepEqual(ids({ wave: a, component: 'httpd' }), [httpd.id]);
    assert.deepEqual(ids({ wave: a, limit: 1 }), [app.id]);
    assert.deepEqual(ids({ wave: sampleWave('b').id }), [other.id]);
    assert.deepEqual(ids({ wave: sampleWave('c').id }), []);
    assert.equal(ids({}).length, 4);
    await ledger.close();
    assert.deepEqual(
      (await open()).builds({ wave: a }).map(({ id }) => id),
      [app.id, httpd.id],
    );
  }),
);
