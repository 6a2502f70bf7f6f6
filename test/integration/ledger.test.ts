/** Ledger and planner on the real embedded bus, its file and another process. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Bus, openBus, topology } from '../../src/bus/index.js';
import { messageId } from '../../src/kernel/ids.js';
import { type Ledger, openLedger } from '../../src/ledger/index.js';
import { CATALOG } from '../../src/messages/index.js';
import { openPlanner } from '../../src/planner/index.js';
import { PLANNER_DEFAULTS } from '../../src/planner/settings.js';
import { type Releasers, withReleasers } from '../../src/runtime/releasers.js';
import { BusProcess } from '../support/bus-process.js';
import {
  completed,
  PREFIX,
  requested,
  SAMPLE_PROCESS,
  sampleBuild,
  sampleCommit,
  started,
  withNvr,
} from '../support/samples.js';
import { until } from '../support/until.js';

const TOPOLOGY = topology({
  prefix: PREFIX,
  git: ['#.git.receive'],
  gitLog: { maxAgeMs: 1_000_000, maxBytes: 1_000_000 },
});

async function makeFolder(releasers: Releasers): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-ledger-'));
  releasers.push('the folder', () => rm(folder, { recursive: true }));
  return folder;
}

const settingsOf = (folder: string) => ({ kind: 'embedded', path: join(folder, 'bus', 'bus.db') }) as const;

async function openBusIn(folder: string, releasers: Releasers): Promise<Bus> {
  const bus = await openBus(settingsOf(folder), TOPOLOGY);
  releasers.push('a bus', () => bus.close());
  return bus;
}

async function openLedgerIn(folder: string, bus: Bus, releasers: Releasers): Promise<Ledger> {
  const ledger = await openLedger({ bus, prefix: PREFIX, path: join(folder, 'ledger.db') });
  releasers.push('a ledger', () => ledger.close());
  return ledger;
}

const nth = (n: number) => withNvr(sampleBuild({ source: { commit: sampleCommit(`commit ${n}`) } }), '2.4', `${n}.f41`);

async function publishRuns(bus: Bus, from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, index) => nth(from + index));
  await Promise.all(numbers.map((build) => bus.publish(requested(build))));
  await Promise.all(numbers.map((build) => bus.publish(started(build))));
  await Promise.all(numbers.map((build) => bus.publish(completed(build))));
}

const following = (ledger: Ledger) => () =>
  ledger.caughtUp().then(
    () => true,
    () => false,
  );

test('a ledger catches up with what another connection stored, and goes on where it stood after a restart', () =>
  withReleasers(async (releasers) => {
    const folder = await makeFolder(releasers);
    const [bus, other] = [await openBusIn(folder, releasers), await openBusIn(folder, releasers)];
    const ledger = await openLedgerIn(folder, bus, releasers);
    await publishRuns(other, 0, 300);
    await ledger.caughtUp();
    assert.deepEqual([ledger.stats().folded, ledger.stats().builds], [900, 300]);
    assert.equal(ledger.builds({ states: ['completed'], limit: 1_000 }).length, 300);
    const rows = ledger.builds({ limit: 1_000 });
    await ledger.close();

    await publishRuns(other, 300, 301);
    const again = await openLedgerIn(folder, bus, releasers);
    await again.caughtUp();
    assert.deepEqual([again.stats().folded, again.stats().builds, again.stats().rebuilt], [3, 301, false]);
    assert.deepEqual(again.builds({ limit: 1_000 }).slice(1), rows);
  }));

test('a bus that was made anew makes the ledger anew', () =>
  withReleasers(async (releasers) => {
    const folder = await makeFolder(releasers);
    const first = await openBus(settingsOf(folder), TOPOLOGY);
    await publishRuns(first, 0, 3);
    const before = await openLedger({ bus: first, prefix: PREFIX, path: join(folder, 'ledger.db') });
    await before.caughtUp();
    await before.close();
    await first.close();
    await rm(join(folder, 'bus'), { recursive: true });

    const bus = await openBusIn(folder, releasers);
    await publishRuns(bus, 10, 14);
    const ledger = await openLedgerIn(folder, bus, releasers);
    await until('the ledger to follow', following(ledger));
    assert.deepEqual(
      ledger
        .builds({})
        .map((row) => row.id)
        .sort(),
      [10, 11, 12, 13].map((n) => nth(n).id).sort(),
    );
    assert.equal(ledger.stats().rebuilt, true);
  }));

test('a build whose process was killed is asked for again, and not while it lived', () =>
  withReleasers(async (releasers) => {
    const folder = await makeFolder(releasers);
    const bus = await openBusIn(folder, releasers);
    const build = nth(1);
    const holder = await BusProcess.start({ settings: settingsOf(folder), topology: TOPOLOGY });
    releasers.push('the holder', () => holder.kill());
    holder.tell({ do: 'claim', key: `build.${build.id}`, by: 'killed' });
    await holder.hears('claimed', 10_000, `build.${build.id}`);
    const taken = await bus.consume('builder', async () => ({ kind: 'ack' }), { slots: 1 });
    await bus.publish(requested(build));
    await bus.publish(started(build, { ...SAMPLE_PROCESS, id: 'killed' }));

    const ledger = await openLedgerIn(folder, bus, releasers);
    let looks = 0;
    const clock = {
      now: () => new Date(),
      monotonic: () => {
        looks += 1;
        return performance.now();
      },
    };
    const settings = { ...PLANNER_DEFAULTS, lookEveryMs: 20, graceMs: 100, claimEveryMs: 20 };
    const planner = await openPlanner({ bus, ledger, prefix: PREFIX, process: SAMPLE_PROCESS, settings, clock });
    releasers.push('the planner', () => planner.stop());
    await until('looks over more than the grace', () => looks > 12);
    assert.equal(ledger.build(build.id)?.attempt, 1);

    await holder.kill();
    const row = await until('the second attempt', () => {
      const now = ledger.build(build.id);
      return now?.attempt === 2 ? now : null;
    });
    assert.equal(row.state, 'requested');
    assert.equal(row.messages.at(-1)?.id, messageId(build.id, CATALOG['build.requested.v1'].topic, 2));
    await taken.stop();
  }));
