import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLedger } from '../../../src/ledger/index.js';
import type { Build, Message, Parent } from '../../../src/messages/index.js';
import { type Graph, readGraph } from '../../../src/rebuilds/index.js';
import { withReleasers } from '../../../src/runtime/releasers.js';
import { fakeBus } from '../../support/fake-bus.js';
import {
  type BuildParts,
  completed,
  failed,
  PREFIX,
  requested,
  sampleBuild,
  sampleCommit,
  sampleImage,
  withNvr,
} from '../../support/samples.js';

const HOST = 'candidate.example.org';

function buildOf(component: string, commit: string, parts: BuildParts = {}): Build {
  return withNvr(sampleBuild({ component, source: { commit: sampleCommit(commit) }, ...parts }));
}

function made(build: Build, tag: string, parents: readonly Parent[] = []): Message {
  const references = [`${HOST}/${build.target}/${build.component}:${tag}`];
  return completed(build, { image: { ...sampleImage(build), references }, parents: [...parents] });
}

function parentOf(build: Build, tag: string): Parent {
  const resolved = `${HOST}/${build.target}/${build.component}:${tag}`;
  return { written: build.component, resolved, digest: sampleImage(build).digest, build: build.id };
}

/** The graph of a log with these messages, each build asked for before its end. */
async function graphAfter(
  ends: readonly (readonly [Build, Message])[],
  isOut?: Parameters<typeof readGraph>[1],
): Promise<Graph> {
  let graph: Graph | null = null;
  await withReleasers(async (releasers) => {
    const bus = fakeBus({});
    releasers.push('the bus', () => bus.close());
    for (const [build, end] of ends) {
      await bus.publish(requested({ ...build, nvr: null, name: null, version: null, release: null }));
      await bus.publish(end);
    }
    const ledger = await openLedger({ bus, prefix: PREFIX, path: null });
    releasers.push('the ledger', () => ledger.close());
    await ledger.caughtUp();
    graph = readGraph(ledger, isOut);
  });
  assert.ok(graph);
  return graph;
}

test('the last image of a component is found behind any number of scratch builds, and its failures are known', async () => {
  const base = buildOf('base', 'base');
  const app = buildOf('app', 'app');
  const broken = buildOf('app', 'broken');
  const trials = Array.from({ length: 20 }, (_, at) => buildOf('app', `trial ${at}`, { kind: 'scratch' }));
  const { nodes, stale } = await graphAfter([
    [base, made(base, 'latest')],
    [app, made(app, 'latest', [parentOf(base, 'latest')])],
    ...trials.map((trial) => [trial, made(trial, 'trial')] as const),
    [broken, failed(broken)],
  ]);
  assert.equal(nodes.get('f41/app')?.image?.id, app.id);
  assert.equal(nodes.get('f41/app')?.last.id, broken.id);
  assert.equal(nodes.get('f41/app')?.parents[0]?.now?.id, base.id);
  assert.equal(stale.size, 0);
});

test('a parent by its version is the newest image of that version, however many newer ones there are', async () => {
  const [one, next] = [buildOf('base', 'one'), buildOf('base', 'next')];
  const app = buildOf('app', 'app');
  const newer = Array.from({ length: 20 }, (_, at) => buildOf('base', `newer ${at}`));
  const log = [
    [one, made(one, '1')],
    [app, made(app, 'latest', [parentOf(one, '1')])],
    ...newer.map((build) => [build, made(build, '2')] as const),
  ] as const;
  assert.equal((await graphAfter(log)).stale.size, 0);
  // A mend of the old version, and the new one goes on.
  const { stale, nodes } = await graphAfter([...log.slice(0, 12), [next, made(next, '1')], ...log.slice(12)]);
  assert.deepEqual([...stale.keys()], ['f41/app']);
  assert.equal(nodes.get('f41/app')?.parents[0]?.now?.id, next.id);
});

test('what is left out is no node and makes nothing out of date', async () => {
  const [base, later] = [buildOf('base', 'one', { target: 'f40' }), buildOf('base', 'two', { target: 'f40' })];
  const app = buildOf('app', 'app');
  const { nodes, stale } = await graphAfter(
    [
      [base, made(base, 'latest')],
      [app, made(app, 'latest', [parentOf(base, 'latest')])],
      [later, made(later, 'latest')],
    ],
    ({ target }) => target === 'f40',
  );
  assert.deepEqual([[...nodes.keys()], stale.size], [['f41/app'], 0]);
});
