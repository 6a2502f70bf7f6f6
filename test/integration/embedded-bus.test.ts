/** What only the embedded bus has: its file, its sockets, its disk. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Database } from '../../src/bus/embedded/database.js';
import { openEmbeddedBus } from '../../src/bus/embedded/index.js';
import { socketFolder } from '../../src/bus/embedded/wake.js';
import { openBus } from '../../src/bus/index.js';
import { ServiceError } from '../../src/kernel/service-error.js';
import { type EmbeddedTestBus, embeddedEngine } from '../conformance/embedded-engine.js';
import { collect, idsOf, output, push, readAll, request, TOPOLOGY } from '../conformance/kit.js';
import { latch, until } from '../support/until.js';

/** Without a ring, others look twice a second. */
const POLL_MS = 500;
const DAY_MS = 86_400_000;

const refused =
  (code: string, says: RegExp) =>
  (thrown: unknown): boolean =>
    thrown instanceof ServiceError && thrown.code === code && says.test(thrown.message);

function on(body: (there: EmbeddedTestBus) => Promise<void>) {
  return async (): Promise<void> => {
    const there: EmbeddedTestBus = await embeddedEngine.start();
    try {
      await body(there);
    } finally {
      await there.stop();
    }
  };
}

test(
  'the folder of the file is made; where it cannot be, the bus is unavailable and says which',
  on(async ({ path }) => {
    const bus = await openBus({ kind: 'embedded', path: join(dirname(path), 'a', 'b', 'bus.db') }, TOPOLOGY);
    assert.equal((await bus.health()).ok, true);
    await bus.close();
    await writeFile(join(dirname(path), 'file'), '');
    await assert.rejects(
      openBus({ kind: 'embedded', path: join(dirname(path), 'file', 'bus.db') }, TOPOLOGY),
      refused('bus_unavailable', /file for the bus file can't be made/),
    );
    await assert.rejects(
      openEmbeddedBus(join(dirname(path), 'nowhere', 'bus.db'), TOPOLOGY),
      refused('bus_unavailable', /folder .* is not there/),
    );
    await mkdir(path);
    await assert.rejects(openEmbeddedBus(path, TOPOLOGY), refused('bus_unavailable', /can't be opened/));
  }),
);

test(
  'a file that is no database, or a damaged one, is refused with a sentence and left as it is',
  on(async ({ path, open }) => {
    await writeFile(path, 'these are my notes, not a database. '.repeat(100));
    await assert.rejects(open(), refused('bus_unavailable', /is not a bus file/));
    assert.equal((await stat(path)).size, 3_600);
  }),
);

test(
  'a file of a newer version, and one of another program, are refused as incompatible',
  on(async ({ path, open }) => {
    await (await open()).close();
    alter(path, 'PRAGMA user_version = 99');
    await assert.rejects(open(), refused('bus_incompatible', /version 99.*use a newer Layerwright/));
    await rm(path);
    alter(path, 'CREATE TABLE recipes (cake)');
    await assert.rejects(open(), refused('bus_incompatible', /another program's SQLite file/));
  }),
);

test(
  'several processes may make the file at the same time',
  on(async ({ open }) => {
    const buses = await Promise.all(Array.from({ length: 6 }, () => open()));
    await Promise.all(buses.map((bus, index) => bus.publish(push(`from-${index}`))));
    assert.equal((await readAll(await open(), 'git')).length, 6);
  }),
);

test(
  'another process is woken, it need not wait for its poll',
  on(async ({ open }) => {
    const [bus, other] = [await open(), await open()];
    const { ids } = await collect(other, 'pushes');
    const times: number[] = [];
    for (let index = 0; index < 7; index += 1) {
      const begun = performance.now();
      await bus.publish(push(`${index}`));
      await until('it comes', () => ids.length === index + 1);
      times.push(performance.now() - begun);
    }
    const median = times.toSorted((a, b) => a - b)[3] ?? Number.NaN;
    assert.ok(median < POLL_MS / 2, `half of them took more than ${median} ms`);
  }),
);

test(
  'where waking fails the poll finds what there is',
  on(async ({ path, open }) => {
    await writeFile(`${path}.d`, 'no folder, so no sockets');
    const [bus, other] = [await open(), await open()];
    const { ids } = await collect(other, 'pushes');
    await bus.publish(push('one'));
    await until('it comes', () => ids.length === 1, 5_000);
  }),
);

test(
  'a socket whose process is gone is removed, a young one is let be',
  on(async ({ path, open }) => {
    const folder = `${path}.d`;
    await mkdir(folder);
    const [old, young] = [join(folder, '1-old.sock'), join(folder, '2-young.sock')];
    for (const socket of [old, young]) await abandon(socket);
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(old, longAgo, longAgo);
    await open();
    const names = await readdir(folder);
    assert.equal(names.includes('1-old.sock'), false);
    assert.equal(names.includes('2-young.sock'), true);
  }),
);

test('a path too long for a socket has its sockets below the temporary folder, and works', async () => {
  const folder = join(await mkdtemp(join(tmpdir(), 'layerwright-bus-')), 'long'.repeat(30));
  const path = join(folder, 'bus.db');
  const sockets = socketFolder(path);
  assert.equal(dirname(sockets), tmpdir());
  const [bus, other] = [
    await openBus({ kind: 'embedded', path }, TOPOLOGY),
    await openBus({ kind: 'embedded', path }, TOPOLOGY),
  ];
  assert.equal((await readdir(sockets)).length, 2);
  await Promise.all([bus.close(), other.close()]);
  await assert.rejects(stat(sockets));
  await rm(dirname(folder), { recursive: true });
});

test(
  'one file is one bus, whatever links lead to its folder',
  on(async ({ path, open }) => {
    const link = join(dirname(path), 'link');
    await symlink(dirname(path), link);
    const bus = await open();
    const other = await openEmbeddedBus(join(link, 'bus.db'), TOPOLOGY);
    assert.equal((await readdir(`${path}.d`)).length, 2);
    await bus.publish(push('one'));
    assert.deepEqual(idsOf(await readAll(other, 'git')), ['one']);
    await other.close();
  }),
);

test(
  'when the file is removed or replaced while it is open, nothing more is taken, and health says why',
  on(async ({ path, open }) => {
    const bus = await open();
    const follower = await bus.follow('ours', 'start', () => undefined);
    await rename(path, `${path}.old`);
    await until('it is noticed', async () => !(await bus.health()).ok, 5_000);
    await assert.rejects(bus.publish(push('lost')), refused('bus_unavailable', /removed or replaced/));
    await assert.rejects(follower.stopped, refused('bus_unavailable', /removed or replaced/));
  }),
);

test(
  'a long transaction of another program delays a publish and loses nothing',
  on(async ({ path, open }) => {
    const bus = await open();
    const other = new Database(path);
    other.begin(true);
    const publishing = bus.publish(push('one'));
    let loops = 0;
    const ticking = setInterval(() => {
      loops += 1;
    }, 1);
    await until('the loop goes on meanwhile', () => loops > 50);
    clearInterval(ticking);
    assert.deepEqual(idsOf(await readAll(bus, 'git')), []);
    other.commit();
    other.close();
    await publishing;
    assert.deepEqual(idsOf(await readAll(bus, 'git')), ['one']);
  }),
);

test('on a full disk publishing fails with a sentence, and goes on when there is room', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-bus-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' });
  } catch {
    await rm(folder, { recursive: true });
    context.skip('needs a small file system of its own: run as root');
    return;
  }
  try {
    const bus = await openEmbeddedBus(join(folder, 'bus.db'), TOPOLOGY, { onFault: () => undefined });
    await writeFile(join(folder, 'ballast'), Buffer.alloc(500_000));
    const fill = async (): Promise<void> => {
      for (let index = 0; index < 40; index += 1) await bus.publish(push(`${index}`, { text: 'x'.repeat(50_000) }));
    };
    await assert.rejects(fill(), refused('bus_unavailable', /no room is left/));
    assert.equal((await bus.health()).ok, false);
    await rm(join(folder, 'ballast'));
    await bus.publish(push('at last'));
    assert.equal((await bus.health()).ok, true);
    const stored = idsOf(await readAll(bus, 'git'));
    assert.equal(stored.at(-1), 'at last');
    assert.deepEqual(
      stored.slice(0, -1),
      stored.slice(0, -1).map((_, index) => `${index}`),
    );
    await bus.close();
  } finally {
    // The driver lets go of its files only when its statements are collected.
    execFileSync('umount', ['--lazy', folder]);
    await rm(folder, { recursive: true });
  }
});

test(
  'the log git is cut by age and by size, passing messages go, our log and what still waits stay',
  on(async ({ path }) => {
    let now = Date.now();
    const topology = {
      ...TOPOLOGY,
      groups: { requests: TOPOLOGY.groups['requests'] ?? [], slow: ['slow.git.receive'] },
      gitLog: { maxAgeMs: 30 * DAY_MS, maxBytes: 10_000 },
    };
    const bus = await openEmbeddedBus(path, topology, { now: () => now });
    await bus.publish(push('old'));
    await bus.publish({ ...push('old, waits'), topic: 'slow.git.receive' });
    await bus.publish(request('ours'));
    await bus.publish(output('line'));
    now += 31 * DAY_MS;
    for (const id of ['a', 'b', 'c']) await bus.publish(push(id, { text: 'x'.repeat(4_000) }));
    await bus.prune();
    assert.deepEqual(idsOf(await readAll(bus, 'git')), ['old, waits', 'b', 'c']);
    assert.deepEqual(idsOf(await readAll(bus, 'ours')), ['ours']);
    assert.deepEqual(rows(path, 'SELECT CAST(id AS TEXT) FROM messages WHERE log = 0'), []);
    await bus.publish(push('old'));
    assert.equal(idsOf(await readAll(bus, 'git')).at(-1), 'old', 'out of the log, an id is new again');
    await bus.close();
  }),
);

test(
  'a message of no log is kept for two minutes, as the window of duplicates',
  on(async ({ path }) => {
    let now = Date.now();
    const bus = await openEmbeddedBus(path, TOPOLOGY, { now: () => now });
    const ids: string[] = [];
    await bus.listen([output('x').topic], ({ id }) => void ids.push(id));
    await bus.publish(output('line'));
    await until('it comes', () => ids.length === 1);
    now += 100_000;
    await bus.prune();
    await bus.publish(output('line'));
    now += 100_000;
    await bus.prune();
    await bus.publish(output('line'));
    await until('it comes again', () => ids.length === 2);
    await bus.close();
  }),
);

test(
  'a claim that was not renewed in time is over, though nobody took it, and its holder is told',
  on(async ({ path }) => {
    let ticks = 1_000;
    const bus = await openEmbeddedBus(path, TOPOLOGY, { ticks: () => ticks });
    const claim = await bus.claim('build.1', 'me');
    assert.equal(await claim?.verify(), true);
    ticks += 6_000;
    assert.equal(await claim?.verify(), false);
    await until('the holder is told', () => claim?.lost.aborted, 5_000);
    assert.equal(await bus.holder('build.1'), null);
    await bus.close();
  }),
);

const HOUR_MS = 3_600_000;

test(
  'a wall clock that jumps ends no claim, frees no delivery and holds no retry, in any process',
  on(async ({ path }) => {
    let wall = Date.now();
    const bus = await openEmbeddedBus(path, TOPOLOGY, { now: () => wall });
    const claim = await bus.claim('build.1', 'me');
    const held = latch();
    const handled: string[] = [];
    await bus.consume(
      'pushes',
      async ({ message, retries }) => {
        handled.push(`${message.id} ${retries}`);
        if (message.id === 'held') await held.opened;
        return message.id === 'again' && retries === 0
          ? { kind: 'retry', after: 300, reason: 'later' }
          : { kind: 'ack' };
      },
      { slots: 2 },
    );
    await bus.publish(push('held'));
    for (const [index, step] of [HOUR_MS, -2 * HOUR_MS].entries()) {
      await bus.publish(push('again'), { again: String(index) });
      wall += step;
      // One that has another time, and looks for dead buses when it opens.
      const other = await openEmbeddedBus(path, TOPOLOGY);
      assert.equal(await other.holder('build.1'), 'me');
      await until('the retry comes', () => handled.length === 3 + 2 * index);
      await other.close();
    }
    // As long as a lease: it was renewed meanwhile.
    const begun = performance.now();
    await until('a lease’s time is over', () => performance.now() - begun > 5_500);
    assert.equal(await claim?.verify(), true);
    assert.equal(claim?.lost.aborted, false);
    assert.equal(bus.term(), 0);
    assert.deepEqual(handled, ['held 0', 'again 0', 'again 1', 'again 0', 'again 1']);
    held.open();
    await bus.close();
  }),
);

test(
  'what waits for its time does so no longer when the machine was started anew, or nobody had the file open',
  on(async ({ path }) => {
    const first = await openEmbeddedBus(path, TOPOLOGY, { ticks: () => 50 * DAY_MS });
    const consumer = await first.consume('pushes', async () => ({ kind: 'retry', after: DAY_MS, reason: 'tomorrow' }), {
      slots: 1,
    });
    await first.publish(push('one'));
    await until('it waits', async () => consumer.busy === 0 && (await first.waiting('pushes')) === 1);
    await first.close();

    const second = await openEmbeddedBus(path, TOPOLOGY, { ticks: () => performance.now() });
    const { ids } = await collect(second, 'pushes');
    await until('it comes', () => ids.length === 1);
    assert.ok(await second.claim('build.1', 'me'));
    await second.close();
  }),
);

test(
  'an open bus that does nothing uses next to no processor time',
  on(async ({ open }) => {
    const bus = await open();
    await collect(bus, 'pushes');
    await bus.listen(['#'], () => undefined);
    await bus.follow('ours', 'start', () => undefined);
    assert.ok(await bus.claim('build.1', 'me'));
    await open();
    const before = process.cpuUsage();
    const begun = performance.now();
    await until('some time is over', () => performance.now() - begun > 4_000);
    const { user, system } = process.cpuUsage(before);
    const percent = (user + system) / 10 / (performance.now() - begun);
    assert.ok(percent < 10, `${percent.toFixed(1)} % of a processor, looking every 10 ms included`);
  }),
);

function alter(path: string, sql: string): void {
  const db = new Database(path);
  db.exec(sql);
  db.close();
}

function rows(path: string, sql: string): unknown[] {
  const db = new Database(path);
  const found = db.all(sql);
  db.close();
  return found;
}

/** Leaves a socket in the file system that nobody listens on. */
async function abandon(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.x`, resolve));
  await rename(`${path}.x`, path);
  await new Promise((resolve) => server.close(resolve));
}
