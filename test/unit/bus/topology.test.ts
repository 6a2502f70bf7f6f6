import assert from 'node:assert/strict';
import { test } from 'node:test';
import { topology } from '../../../src/bus/index.js';
import { logOf } from '../../../src/bus/topology.js';
import { CATALOG, MESSAGE_NAMES, topicOf } from '../../../src/messages/index.js';

const settings = { prefix: 'org.example.test', git: ['#.git.receive'], gitLog: { maxAgeMs: 1, maxBytes: 1 } };

test('each topic of ours is in our log when the catalog says so, pushes are in theirs, the rest passes', () => {
  const log = logOf(settings);
  for (const name of MESSAGE_NAMES) {
    assert.equal(log(topicOf(settings.prefix, name)), CATALOG[name].logged ? 'ours' : null, name);
  }
  assert.equal(log('org.example.git.receive'), 'git');
  assert.equal(log('org.example.other'), null);
  assert.equal(log('org.other.container.build.started'), null, 'another service’s builds are not ours');
});

test('pushes wait for the trigger, requests for builders, each lane in a group of its own', () => {
  assert.deepEqual(topology(settings).groups, {
    trigger: ['#.git.receive'],
    builder: ['org.example.test.container.build.requested'],
    'builder.cascade': ['org.example.test.container.build.requested.cascade'],
  });
});
