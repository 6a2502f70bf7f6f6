import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLedger } from '../../../src/ledger/index.js';
import { type Build, type Message, parseOurs } from '../../../src/messages/index.js';
import { openPlanner } from '../../../src/planner/index.js';
import { withReleasers } from '../../../src/runtime/releasers.js';
import { fakeBus } from '../../support/fake-bus.js';
import {
  completed,
  PREFIX,
  requested,
  SAMPLE_PROCESS,
  sampleBuild,
  sampleDigest,
  sampleImage,
  skipped,
  started,
  withNvr,
} from '../../support/samples.js';
import { until } from '../../support/until.js';

const LEVELS = 6;
const WIDTH = 50;

/** Components in levels: each stands on two of the level below it. */
function branches(): ReadonlyMap<string, readonly string[]> {
  const all = new Map<string, readonly string[]>();
  for (let level = 0; level < LEVELS; level += 1)
    for (let at = 0; at < WIDTH; at += 1) {
      const below = [at, (at * 7 + 3) % WIDTH].map((one) => `c${level - 1}-${one}`);
      all.set(`c${level}-${at}`, level === 0 ? [] : [...new Set(below)]);
    }
  return all;
}

function buildIn(message: Message): Build {
  const ours = parseOurs(PREFIX, message);
  assert.ok(ours?.ok && 'build' in ours.value.body && typeof ours.value.body.build === 'object');
  return ours.value.body.build;
}

/** Pushes of all branches in some order, taken by builders as ours are: what lacks a parent is skipped until that has come. */
async function branch(order: (one: string, other: string) => number, slots: number): Promise<void> {
  await withReleasers(async (releasers) => {
    const parents = branches();
    const bus = fakeBus();
    releasers.push('the bus', () => bus.close());
    const builders = bus.peer();
    releasers.push('the builders', () => builders.close());
    const built = new Set<string>();
    const made: string[] = [];
    const asked: string[] = [];
    const work = async ({ message }: { readonly message: Message }): Promise<{ readonly kind: 'ack' }> => {
      const build = buildIn(message);
      const { component } = build;
      asked.push(`${component} ${build.attempt}`);
      const missing = (parents.get(component) ?? []).filter((parent) => !built.has(parent));
      if (missing.length > 0) {
        await builders.publish(skipped(build, { code: 'waiting_for', waitingFor: missing }));
        return { kind: 'ack' };
      }
      const named = withNvr(build);
      await builders.publish(started(named));
      made.push(component);
      built.add(component);
      const image = { ...sampleImage(build), references: [`candidate.example.org/f41/${component}:latest`] };
      const stands = (parents.get(component) ?? []).map((parent) => ({
        written: parent,
        resolved: `candidate.example.org/f41/${parent}:latest`,
        digest: sampleImage(sampleBuild({ component: parent })).digest,
        build: sampleBuild({ component: parent }).id,
      }));
      await builders.publish(completed(named, { image, parents: stands, log: sampleDigest(component) }));
      return { kind: 'ack' };
    };
    const people = await builders.consume('builder', work, { slots });
    const cascade = await builders.consume('builder.cascade', work, { slots });
    releasers.push('their work', async () => {
      await people.stop();
      await cascade.stop();
    });
    const ledger = await openLedger({ bus, prefix: PREFIX, path: null });
    releasers.push('the ledger', () => ledger.close());
    const settings = { lookEveryMs: 50, claimEveryMs: 10, quietMs: 1, deadlineMs: 2 };
    const planner = await openPlanner({ bus, ledger, prefix: PREFIX, process: SAMPLE_PROCESS, settings });
    releasers.push('the planner', () => planner.stop());

    for (const component of [...parents.keys()].sort(order)) await bus.publish(requested(sampleBuild({ component })));

    await until('all branches to be built', () => built.size === parents.size, 60_000);
    await ledger.caughtUp();
    assert.equal(made.length, parents.size, 'each once');
    assert.equal(new Set(asked).size, asked.length, 'nothing is asked for twice');
    for (const [at, component] of made.entries())
      for (const parent of parents.get(component) ?? []) assert.ok(made.indexOf(parent) < at, `${parent} is there`);
    const most = Math.max(...asked.map((one) => Number(one.split(' ')[1])));
    assert.ok(most <= 2, 'who waits for two parents is asked for when both have come');
    assert.equal(bus.published.filter(({ topic }) => topic.includes('.wave.')).length, 0, 'nothing is out of date');
  });
}

test('300 new branches that come the top ones first are each built once, in order', () =>
  branch((one, other) => (one < other ? 1 : -1), 4));

test('300 new branches that come in any order are each built once, in order', () =>
  branch((one, other) => (sampleDigest(one) < sampleDigest(other) ? 1 : -1), 8));
