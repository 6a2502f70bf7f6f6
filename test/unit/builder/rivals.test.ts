import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNewest, rivalsOf } from '../../../src/builder/rivals.js';
import type { Ledger } from '../../../src/ledger/index.js';
import { inWorld } from '../../support/ledger-world.js';
import { canceled, completed, requested, sampleBuild, sampleCommit, started } from '../../support/samples.js';

const OWN = { id: 'own', component: 'httpd', target: 'f41', commit: 'a', requestedSeq: 7 };

function ledgerOf(...ids: readonly string[]): Ledger {
  return { builds: ({ limit = 100 }) => ids.slice(0, limit).map((id) => ({ id })) } as unknown as Ledger;
}

function buildOf(commit: string): ReturnType<typeof sampleBuild> {
  return sampleBuild({ source: { commit: sampleCommit(commit) } });
}

test('a build is the newest when its commit is the head and nothing was asked for after it', () => {
  assert.equal(isNewest(ledgerOf('own', 'older'), OWN, { head: 'a' }), true);
  assert.equal(isNewest(ledgerOf('later', 'own'), OWN, { head: 'a' }), false);
  assert.equal(isNewest(ledgerOf('own', 'older'), OWN, { head: 'b' }), false);
  assert.equal(isNewest(ledgerOf('own', 'older'), OWN, { head: null }), false);
});

test(
  'a build that goes on is a rival however much was asked for since; what was called off is none',
  inWorld(async ({ bus, open }) => {
    const [old, off, own] = ['old', 'off', 'own'].map(buildOf);
    assert.ok(old && off && own);
    const since = Array.from({ length: 60 }, (_, n) => buildOf(`since ${n}`));
    for (const message of [requested(old), started(old), requested(off), canceled(off), requested(own)])
      await bus.publish(message);
    for (const build of since) await bus.publish(completed(build));
    const ledger = await open();
    await ledger.caughtUp();

    const ids = (states?: 'started' | 'completed'): readonly string[] =>
      rivalsOf(ledger, own, states === undefined ? {} : { states: [states] }).map(({ id }) => id);
    assert.deepEqual(ids('started'), [old.id]);
    assert.deepEqual(
      ids('completed'),
      since
        .map(({ id }) => id)
        .reverse()
        .slice(0, 50),
    );
    assert.ok(!ids().includes(own.id) && !ids().includes(off.id));
  }),
);
