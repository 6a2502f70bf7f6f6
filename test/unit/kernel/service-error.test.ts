import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOwnPartAway, ServiceError } from '../../../src/kernel/service-error.js';

test('the bus and the ledger are our own parts, whatever they say of another try', () => {
  for (const code of [
    'bus_unavailable',
    'bus_denied',
    'bus_incompatible',
    'ledger_unavailable',
    'position_lost',
  ] as const) {
    assert.ok(isOwnPartAway(new ServiceError(code, 'x')), code);
    assert.ok(isOwnPartAway(new ServiceError(code, 'x', { transient: true })), code);
  }
  for (const code of ['engine_unavailable', 'registry_unavailable', 'message_too_large', 'internal'] as const)
    assert.ok(!isOwnPartAway(new ServiceError(code, 'x', { transient: true })), code);
  assert.ok(!isOwnPartAway(new Error('x')));
});
