import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SourceFacts, waitsForSource } from '../../../src/builder/decide/source-wait.js';
import { SourceWaits } from '../../../src/builder/source-waits.js';
import { silentLogger } from '../../../src/observability/index.js';
import { sampleBuild } from '../../support/samples.js';

const NEW: SourceFacts = { answer: 'away', hostWasAway: false, hasImage: false, hasRival: false };

test('a build waits for a host that is away, and for a slow one that was away a moment ago', () => {
  const answers = ['fetched', 'refused', 'slow', 'away'] as const;
  const waiting = (hostWasAway: boolean) => answers.filter((answer) => waitsForSource({ ...NEW, answer, hostWasAway }));
  assert.deepEqual(waiting(false), ['away']);
  assert.deepEqual(waiting(true), ['slow', 'away']);
});

test('a build that has its image needs git only beside a rival', () => {
  assert.equal(waitsForSource({ ...NEW, hasImage: true }), false);
  assert.equal(waitsForSource({ ...NEW, hasImage: true, hasRival: true }), true);
});

test('each build waits for itself, each host is in doubt for itself', () => {
  let now = 1_000;
  const waits = new SourceWaits({ now: () => new Date(0), monotonic: () => now }, 60_000);
  const httpd = sampleBuild({ component: 'httpd' });
  const nginx = sampleBuild({ component: 'nginx' });
  const { repository } = httpd.source;
  assert.equal(waits.met(httpd, 'away', silentLogger), 0);
  now += 20_000;
  assert.equal(waits.met(httpd, 'away', silentLogger), 20_000);
  assert.equal(waits.met(nginx, 'away', silentLogger), 0);
  assert.deepEqual(waits.standing(), { builds: 2, hosts: [new URL(repository).host] });
  assert.ok(waits.wasAway(repository));
  assert.ok(!waits.wasAway('https://elsewhere.example.org/a.git'));
  assert.ok(!waits.wasAway('/srv/git/a.git'));

  waits.answered(httpd, silentLogger);

  assert.ok(!waits.wasAway(repository));
  assert.equal(waits.met(httpd, 'away', silentLogger), 0);
  assert.equal(waits.over(nginx), 0);
  assert.equal(waits.standing().builds, 1);
  now += 61_000;
  assert.deepEqual(waits.standing(), { builds: 0, hosts: [] });
});
