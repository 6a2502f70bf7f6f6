import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineJson } from '../../../scripts/lib/docker-api.mjs';
import { requireEngine, requireRegistry } from '../../support/services.js';

const engine = requireEngine();
const registry = requireRegistry();

test('the test run has an engine that builds without network', { skip: engine.skip }, async () => {
  const info = await engineJson(engine.url, 'GET', '/info');
  assert.equal(info.OSType, 'linux');
});

test('the test run has a registry that answers the version check', { skip: registry.skip }, async () => {
  const answer = await fetch(`${registry.url}/v2/`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('docker-distribution-api-version'), 'registry/2.0');
});
