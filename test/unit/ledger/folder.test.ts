/** What is written ahead of its place on the log, and lost: it is folded again, and nobody takes it for folded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogEntry } from '../../../src/bus/index.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { Folder } from '../../../src/ledger/folder.js';
import { FollowingLedger } from '../../../src/ledger/following-ledger.js';
import { Store } from '../../../src/ledger/store.js';
import type { Build, Message } from '../../../src/messages/index.js';
import { silentLogger } from '../../../src/observability/index.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { fakeBus } from '../../support/fake-bus.js';
import { followsAgain } from '../../support/ledger-world.js';
import { completed, PREFIX, requested, sampleBuild, sampleCommit, withNvr } from '../../support/samples.js';
import { until } from '../../support/until.js';

const FORMAT = { prefix: PREFIX, foldVersion: 1 };
/** Builds that end are written so many at a time. */
const AHEAD = 64;

const isUnavailable = (thrown: unknown): boolean =>
  thrown instanceof ServiceError && thrown.code === 'ledger_unavailable';

function nth(n: number): Build {
  return withNvr(sampleBuild({ source: { commit: sampleCommit(`commit ${n}`) } }), '2.4', `${n}.f41`);
}

function entries(messages: readonly Message[]): readonly LogEntry[] {
  return messages.map((message, at) => ({
    position: { at: String(at), id: message.id },
    storedAt: new Date(at),
    message,
  }));
}

/** A real store that fails within a write while it is told to, so that it undoes what it had begun. */
function fragileStore(): { readonly store: Store; readonly real: Store; fails: boolean } {
  const real = Store.make(null, FORMAT);
  const world = { store: null as unknown as Store, real, fails: false };
  function* fragile<T>(all: Iterable<T>): Generator<T> {
    for (const one of all) {
      yield one;
      if (world.fails) throw new Error('no room');
    }
  }
  const store: Pick<Store, 'standing' | 'ask' | 'writing' | 'writeAhead' | 'hurry' | 'close'> = {
    standing: () => real.standing(),
    ask: (question) => real.ask(question),
    writing: (change) => real.writing({ ...change, builds: fragile(change.builds) }),
    writeAhead: (builds) => real.writeAhead(fragile(builds)),
    hurry: (isHurrying) => real.hurry(isHurrying),
    close: () => real.close(),
  };
  world.store = store as Store;
  return world;
}

test('what was written ahead and is lost is folded again before anything else', async () => {
  const builds = Array.from({ length: 4 * AHEAD }, (_, n) => nth(n));
  const log = entries(builds.flatMap((build) => [requested(build), completed(build)]));
  const world = fragileStore();
  const folder = new Folder({ prefix: PREFIX, store: world.store, logger: silentLogger, clock: systemClock });
  const changed = new Map();
  await folder.fold(log.slice(0, AHEAD), changed);
  await folder.write();
  const written = folder.standing;
  await folder.fold(log.slice(AHEAD, 5 * AHEAD), changed);
  world.fails = true;
  await assert.rejects(folder.fold(log.slice(5 * AHEAD, 7 * AHEAD), changed), isUnavailable);
  world.fails = false;
  assert.equal(folder.isFallen, true);
  assert.deepEqual(folder.standing, written, 'it says no more than what is written');
  assert.equal(folder.facts(builds[2 * AHEAD]?.id ?? ''), null);
  await assert.rejects(folder.fold(log.slice(7 * AHEAD), changed), /.*/, 'nothing is folded over the gap');
  assert.deepEqual(folder.resume(), written.position);
  await folder.fold(log.slice(AHEAD), changed);
  await folder.write();
  assert.deepEqual(world.real.standing(), { position: log.at(-1)?.position, seq: log.length, skipped: 0 });
  assert.equal(folder.builds, builds.length);
  for (const { id } of builds) assert.equal(world.real.ask((tables) => tables.facts(id))?.facts.length, 2);
  world.real.close();
});

test('a question that finds the store without room makes the ledger read the log again, and caughtUp waits for that', async () => {
  const bus = fakeBus();
  const world = fragileStore();
  const ledger = new FollowingLedger({
    bus,
    prefix: PREFIX,
    store: world.store,
    makeAnew: () => assert.fail('nothing is damaged'),
    rebuilt: false,
    logger: silentLogger,
    clock: systemClock,
  });
  await ledger.begin();
  const builds = Array.from({ length: AHEAD + 1 }, (_, n) => nth(n));
  for (const build of builds) for (const message of [requested(build), completed(build)]) await bus.publish(message);
  await until('all to be folded', () => ledger.stats().folded === 2 * builds.length);
  world.fails = true;
  assert.throws(() => ledger.builds({}), isUnavailable);
  await assert.rejects(ledger.caughtUp(), isUnavailable);
  world.fails = false;
  await followsAgain(ledger);
  assert.equal(ledger.builds({ states: ['completed'], limit: 1_000 }).length, builds.length);
  assert.equal(ledger.stats().builds, builds.length);
  await ledger.close();
  await bus.close();
});
