import assert from 'node:assert/strict';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'libsql';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { type BuildRow, type Ledger, openLedger } from '../../../src/ledger/index.js';
import type { Build } from '../../../src/messages/index.js';
import { systemClock } from '../../../src/runtime/clock.js';
import type { FakeBus } from '../../support/fake-bus.js';
import { followsAgain, inWorld } from '../../support/ledger-world.js';
import {
  completed,
  failed,
  PREFIX,
  requested,
  sampleBuild,
  sampleCommit,
  sampleImage,
  started,
  withNvr,
} from '../../support/samples.js';
import { latch, until } from '../../support/until.js';

/** The n-th commit of httpd, its NVR known. */
function nth(n: number): Build {
  return withNvr(sampleBuild({ source: { commit: sampleCommit(`commit ${n}`) } }), '2.4', `${n}.f41`);
}

async function publishRun(bus: FakeBus, build: Build): Promise<void> {
  for (const message of [requested(build), started(build), completed(build)]) await bus.publish(message);
}

const hasCode = (code: string, transient?: boolean) => (thrown: unknown) =>
  thrown instanceof ServiceError && thrown.code === code && (transient === undefined || thrown.transient === transient);

test(
  'what was stored before the call is folded when caughtUp resolves',
  inWorld(async ({ bus, open }) => {
    const ledger = await open(null);
    await publishRun(bus, nth(1));
    await ledger.caughtUp();
    assert.equal(ledger.build(nth(1).id)?.state, 'completed');
    assert.equal(ledger.build('00000000-0000-0000-0000-000000000000'), null);
    assert.deepEqual(ledger.stats(), {
      folded: 3,
      skipped: 0,
      builds: 1,
      position: bus.entries('ours').at(-1)?.position,
      rebuilt: false,
    });
  }),
);

test(
  'a ledger that is opened again goes on where it stood, and its rows are the same',
  inWorld(async ({ bus, open }) => {
    await publishRun(bus, nth(1));
    await bus.publish(requested(nth(2)));
    const first = await open();
    await first.caughtUp();
    const before = first.builds({});
    await first.close();
    await bus.publish(started(nth(2)));

    const second = await open();
    await second.caughtUp();
    assert.equal(second.stats().folded, 1, 'only what is new was folded');
    assert.equal(second.stats().rebuilt, false);
    assert.deepEqual(second.build(nth(1).id), before[1]);
    assert.equal(second.build(nth(2).id)?.state, 'started');

    const fresh = await open(null);
    await fresh.caughtUp();
    assert.deepEqual(second.builds({}), fresh.builds({}), 'as if all had been folded from the start');
  }),
);

test(
  'a process that is killed loses nothing: what was not written is folded again',
  inWorld(async ({ bus, path, open }) => {
    await publishRun(bus, nth(1));
    const ledger = await open();
    await ledger.caughtUp();
    await until('the write behind', async () => (await readFile(path)).includes(nth(1).id));
    await ledger.close();
    const db = new Database(path);
    const place = Buffer.from(JSON.stringify({ position: null, seq: 0, skipped: 0 }));
    db.prepare("update ledger_meta set value = ? where key = 'standing'").run([place]);
    db.close();
    const again = await open();
    await again.caughtUp();
    assert.equal(again.stats().folded, 3);
    assert.equal(again.stats().builds, 1);
    assert.equal(again.build(nth(1).id)?.messages.length, 3, 'each message counts once');
  }),
);

test(
  'an invalid or forged message is counted and skipped, also by the next process',
  inWorld(async ({ bus, open }) => {
    const real = requested(nth(1));
    await bus.publish({ ...real, id: 'forged', body: { build: { ...nth(1), component: 'other' } as never } });
    await bus.publish({ ...real, id: 'broken', body: { build: 'none' } });
    await bus.publish(real);
    const ledger = await open();
    await ledger.caughtUp();
    assert.equal(ledger.stats().skipped, 2);
    assert.deepEqual(
      ledger.build(nth(1).id)?.messages.map(({ id }) => id),
      [real.id],
    );
    await ledger.close();
    const next = await open();
    assert.equal(next.stats().skipped, 2);
    assert.equal(next.stats().folded, 0);
  }),
);

test(
  'builds are found by every member of the filter, newest request first',
  inWorld(async ({ bus, open }) => {
    const base = sampleBuild({ component: 'base' });
    const f42 = sampleBuild({ target: 'f42' });
    await publishRun(bus, nth(1));
    await bus.publish(requested(base));
    await bus.publish(requested(f42));
    await bus.publish(requested(nth(2)));
    await bus.publish(failed(nth(2)));
    await bus.publish(requested(nth(3)));
    await bus.publish(started(nth(3)));
    const ledger = await open(null);
    await ledger.caughtUp();
    const ids = (filter: Parameters<Ledger['builds']>[0]): string[] => ledger.builds(filter).map((row) => row.id);
    assert.deepEqual(ids({}), [nth(3).id, nth(2).id, f42.id, base.id, nth(1).id]);
    assert.deepEqual(ids({ limit: 2 }), [nth(3).id, nth(2).id]);
    assert.deepEqual(ids({ component: 'httpd', target: 'f41' }), [nth(3).id, nth(2).id, nth(1).id]);
    assert.deepEqual(ids({ target: 'f42' }), [f42.id]);
    assert.deepEqual(ids({ ended: false }), [nth(3).id, f42.id, base.id]);
    assert.deepEqual(ids({ ended: true }), [nth(2).id, nth(1).id]);
    assert.deepEqual(ids({ states: ['completed', 'started'] }), [nth(3).id, nth(1).id]);
    assert.deepEqual(ids({ states: ['requested'] }), [f42.id, base.id]);
    assert.deepEqual(ids({ states: ['requested'], ended: true }), []);
    assert.deepEqual(ids({ states: [] }), []);
    assert.deepEqual(ids({ commit: sampleCommit('commit 2') }), [nth(2).id]);
    assert.deepEqual(ids({ commit: sampleCommit('base'), component: 'httpd' }), []);
  }),
);

test(
  'a build is found by its NVR, its id and a beginning of its id',
  inWorld(async ({ bus, open }) => {
    await publishRun(bus, nth(1));
    await publishRun(bus, nth(2));
    const ledger = await open(null);
    await ledger.caughtUp();
    const ids = (text: string): string[] => ledger.find(text).map((row) => row.id);
    assert.deepEqual(ids('httpd-2.4-1.f41'), [nth(1).id]);
    assert.deepEqual(ids(nth(2).id), [nth(2).id]);
    assert.deepEqual(ids(nth(2).id.slice(0, 6)), [nth(2).id]);
    assert.deepEqual(ids(nth(2).id.slice(0, 5)), [], 'too short');
    assert.deepEqual(ids('httpd-2.4-3.f41'), []);
    assert.deepEqual(ids("'; drop table builds; --"), []);
    assert.deepEqual(ids('%%%%%%'), []);
  }),
);

test(
  'an NVR is owned by the build that completed with it, else by the first that began with it, never by a scratch build',
  inWorld(async ({ bus, open }) => {
    const nvr = 'httpd-2.4-1.f41';
    const scratch = withNvr(sampleBuild({ kind: 'scratch' }), '2.4', '1.f41');
    const amended = withNvr(sampleBuild({ source: { commit: sampleCommit('amended') } }), '2.4', '1.f41');
    const ledger = await open(null);
    await publishRun(bus, scratch);
    await bus.publish(requested(sampleBuild()));
    await ledger.caughtUp();
    assert.equal(ledger.ownerOfNvr(nvr), null);
    await bus.publish(started(nth(1)));
    await bus.publish(started(amended));
    await ledger.caughtUp();
    assert.equal(ledger.ownerOfNvr(nvr)?.id, nth(1).id);
    await bus.publish(completed(amended));
    await ledger.caughtUp();
    assert.equal(ledger.ownerOfNvr(nvr)?.id, amended.id);
  }),
);

test(
  'an image’s digest leads to the build that made it',
  inWorld(async ({ bus, open }) => {
    await publishRun(bus, nth(1));
    const ledger = await open(null);
    await ledger.caughtUp();
    assert.equal(ledger.byDigest(sampleImage(nth(1)).digest)?.id, nth(1).id);
    assert.equal(ledger.byDigest(sampleImage(nth(2)).digest), null);
    assert.deepEqual(ledger.streams(), [{ component: nth(1).component, target: nth(1).target }]);
  }),
);

test(
  'listeners get the rows that a fold changed, until they leave; one that throws harms nobody',
  inWorld(async ({ bus, open }) => {
    const ledger = await open(null);
    const seen: BuildRow[] = [];
    ledger.onChange(() => {
      throw new Error('a listener’s own fault');
    });
    const leave = ledger.onChange((rows) => void seen.push(...rows));
    await bus.publish(requested(nth(1)));
    await bus.publish({ ...requested(nth(1)), body: {} }, { again: 'broken' });
    await ledger.caughtUp();
    assert.deepEqual(
      seen.map((row) => [row.id, row.state]),
      [[nth(1).id, 'requested']],
    );
    leave();
    await bus.publish(started(nth(1)));
    await ledger.caughtUp();
    assert.equal(seen.length, 1);
  }),
);

test(
  'a log that was made anew makes the ledger anew',
  inWorld(async ({ bus, open }) => {
    await publishRun(bus, nth(1));
    const ledger = await open();
    await ledger.caughtUp();
    bus.loseLog('ours');
    await publishRun(bus, nth(2));
    await followsAgain(ledger);
    assert.deepEqual(
      ledger.builds({}).map((row) => row.id),
      [nth(2).id],
    );
    assert.equal(ledger.stats().rebuilt, true);
    assert.equal(ledger.stats().builds, 1);
  }),
);

test(
  'a log that was made anew while nobody looked is noticed at the start',
  inWorld(async ({ bus, open }) => {
    await publishRun(bus, nth(1));
    const first = await open();
    await first.caughtUp();
    await first.close();
    bus.loseLog('ours');
    await publishRun(bus, nth(2));
    const second = await open();
    await second.caughtUp();
    assert.deepEqual(
      second.builds({}).map((row) => row.id),
      [nth(2).id],
    );
    assert.equal(second.stats().rebuilt, true);
  }),
);

const damages: readonly [string, (path: string) => Promise<void>][] = [
  ['overwritten', (path) => writeFile(path, Buffer.alloc(50_000, 'garbage'))],
  ['cut short', (path) => truncate(path, 10_000)],
  ['of an older store', (path) => changeFormat(path, ([store, ...rest]) => [Number(store) - 1, ...rest])],
  ['of an older fold', (path) => changeFormat(path, ([store, fold, prefix]) => [store, Number(fold) - 1, prefix])],
  ['of another prefix', (path) => changeFormat(path, ([store, fold]) => [store, fold, 'org.example.other'])],
];

/** Says of a file that it was made by another version, or for another service. */
async function changeFormat(path: string, change: (format: readonly unknown[]) => readonly unknown[]): Promise<void> {
  const db = new Database(path);
  const { value } = db.prepare("select value from ledger_meta where key = 'format'").get() as { value: Buffer };
  const changed = change(JSON.parse(value.toString()) as readonly unknown[]);
  db.prepare("update ledger_meta set value = ? where key = 'format'").run([Buffer.from(JSON.stringify(changed))]);
  db.close();
}

for (const [what, damage] of damages) {
  test(
    `a file that is ${what} is made anew`,
    inWorld(async ({ bus, path, open }) => {
      for (let n = 0; n < 30; n += 1) await publishRun(bus, nth(n));
      const first = await open();
      await first.caughtUp();
      const rows = first.builds({});
      await first.close();
      await damage(path);
      const second = await open();
      await followsAgain(second);
      assert.deepEqual(second.builds({}), rows);
      assert.equal(second.stats().rebuilt, true);
    }),
  );
}

test(
  'a row that turns out to be damaged while the ledger is open makes it anew',
  inWorld(async ({ bus, path, open }) => {
    await publishRun(bus, nth(1));
    const first = await open();
    await first.caughtUp();
    await first.close();
    const db = new Database(path);
    db.prepare('update builds set facts = ?').run([Buffer.from('{"id":')]);
    db.close();
    const second = await open();
    assert.throws(() => second.build(nth(1).id), hasCode('ledger_unavailable', true));
    await followsAgain(second);
    assert.equal(second.build(nth(1).id)?.state, 'completed');
  }),
);

test(
  'a database of something else is refused and left alone',
  inWorld(async ({ path, open }) => {
    await (await open()).close();
    await rm(path);
    const db = new Database(path);
    db.exec("create table treasure (value); insert into treasure values ('gold')");
    db.close();
    await assert.rejects(open(), hasCode('ledger_unavailable', false));
    const after = new Database(path);
    assert.equal((after.prepare('select value from treasure').get() as { value: string }).value, 'gold');
    after.close();
  }),
);

test(
  'a second ledger on one file is refused, and gets it when the first has closed',
  inWorld(async ({ open }) => {
    const first = await open();
    await assert.rejects(open(), hasCode('ledger_unavailable'));
    await first.close();
    await (await open()).caughtUp();
  }),
);

test(
  'a path that can’t be written is refused with a code',
  inWorld(async ({ path, open }) => {
    await (await open()).close();
    await assert.rejects(open(join(path, 'below-a-file', 'ledger.db')), hasCode('ledger_unavailable', false));
  }),
);

test(
  'while the bus is away caughtUp fails transiently and questions are answered; then it goes on by itself',
  inWorld(async ({ bus, open }) => {
    await publishRun(bus, nth(1));
    const ledger = await open();
    await ledger.caughtUp();
    bus.break();
    await assert.rejects(ledger.caughtUp(), hasCode('ledger_unavailable', true));
    assert.equal(ledger.builds({})[0]?.state, 'completed');
    bus.mend();
    await publishRun(bus, nth(2));
    await followsAgain(ledger);
    assert.equal(ledger.build(nth(2).id)?.state, 'completed');
    assert.equal(ledger.stats().folded, 6, 'nothing was folded twice');
    assert.equal(ledger.stats().rebuilt, false);
  }),
);

test(
  'a wait that the break of the bus overtakes ends with an error, not never',
  inWorld(async ({ bus, open }) => {
    const ledger = await open(null);
    await ledger.caughtUp();
    await publishRun(bus, nth(1));
    const waiting = ledger.caughtUp();
    bus.break();
    await assert.rejects(waiting, hasCode('ledger_unavailable', true));
  }),
);

test(
  'a ledger opens while the bus is away, and follows when it is back',
  inWorld(async ({ bus, open }) => {
    bus.break();
    const ledger = await open();
    await assert.rejects(ledger.caughtUp(), hasCode('ledger_unavailable', true));
    bus.mend();
    await publishRun(bus, nth(1));
    await followsAgain(ledger);
    assert.equal(ledger.build(nth(1).id)?.state, 'completed');
  }),
);

test(
  'more builds than memory holds are folded, found and counted',
  inWorld(async ({ bus, open }) => {
    const many = 3_000;
    const builds = Array.from({ length: many }, (_, n) => nth(n));
    for (const build of builds) await bus.publish(requested(build));
    for (const build of builds) await bus.publish(started(build));
    const ledger = await open();
    await ledger.caughtUp();
    assert.equal(ledger.stats().builds, many);
    assert.equal(ledger.builds({ states: ['started'], limit: many + 1 }).length, many);
    assert.equal(ledger.build(nth(0).id)?.state, 'started');
    assert.equal(ledger.build(nth(0).id)?.requestedAt !== null, true);
  }),
);

test(
  'a long fold lets others have their turn',
  inWorld(async ({ bus }) => {
    for (let n = 0; n < 50; n += 1) await bus.publish(requested(nth(n)));
    let time = 0;
    // Each look at this clock finds ten milliseconds gone.
    const clock = {
      ...systemClock,
      monotonic: () => {
        time += 10;
        return time;
      },
    };
    const turn = latch();
    let foldedAtTurn = -1;
    const opening = openLedger({ bus, prefix: PREFIX, path: null, clock });
    const ledger = await opening;
    setImmediate(() => {
      foldedAtTurn = ledger.stats().folded;
      turn.open();
    });
    await ledger.caughtUp();
    await turn.opened;
    assert.ok(foldedAtTurn < 50, `${foldedAtTurn} were folded when another had its turn`);
    assert.equal(ledger.stats().folded, 50);
    await ledger.close();
  }),
);

test(
  'a large write lets others have their turn, and who asks meanwhile sees all that is folded',
  inWorld(async ({ bus }) => {
    const many = 700;
    for (let n = 0; n < many; n += 1) await bus.publish(requested(nth(n)));
    let time = 0;
    // Each look at this clock finds ten milliseconds gone.
    const clock = {
      ...systemClock,
      monotonic: () => {
        time += 10;
        return time;
      },
    };
    const ledger = await openLedger({ bus, prefix: PREFIX, path: null, clock });
    /** Turns that others had while so many were folded, and one answer. */
    const turns = new Map<number, number>();
    let seen: readonly number[] | null = null;
    const take = (): void => {
      const { folded } = ledger.stats();
      turns.set(folded, (turns.get(folded) ?? 0) + 1);
      if (turns.get(folded) === 3 && folded > 0) seen ??= [ledger.builds({ limit: many }).length, folded];
      if (folded < many) setImmediate(take);
    };
    setImmediate(take);
    await ledger.caughtUp();
    assert.ok(Math.max(...turns.values()) >= 3, 'the write of many at once was one turn');
    const [answered, folded] = seen ?? [];
    assert.equal(answered, folded);
    assert.equal(ledger.builds({ limit: many }).length, many);
    await ledger.close();
  }),
);

test(
  'closing twice is harmless, and leaves the file alone without its journals',
  inWorld(async ({ bus, path, open }) => {
    await publishRun(bus, nth(1));
    const ledger = await open();
    await ledger.caughtUp();
    await ledger.close();
    await ledger.close();
    assert.deepEqual(await readdir(join(path, '..')), ['ledger.db']);
  }),
);
