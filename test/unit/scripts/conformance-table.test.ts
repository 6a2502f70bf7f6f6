import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { conformanceTable } from '../../../scripts/lib/conformance-table.mjs';

describe('the table of the conformance suite', () => {
  test('has a row for each case and a column for each engine, in the order of the engines', () => {
    const text = conformanceTable([
      { result: 'passed', name: 'a message comes', suite: 'bus nats: deliveries' },
      { result: 'passed', name: 'a message comes', suite: 'bus embedded: deliveries' },
      { result: 'failed', name: 'a message comes', suite: 'bus amqp: deliveries' },
      { result: 'passed', name: 'a cut heals', suite: 'bus amqp: faults' },
      { result: 'skipped', name: 'a cut heals', suite: 'bus nats: faults' },
      { result: 'passed', name: 'of no bus', suite: 'the trigger' },
      { result: 'passed', name: 'alone' },
    ]);
    assert.deepEqual(text.split('\n').slice(0, -1), [
      '                   embedded  amqp  nats',
      'deliveries',
      '  a message comes     ✓       ✗     ✓',
      'faults',
      '  a cut heals         –       ✓     s',
    ]);
  });

  test('marks the cases of a suite that was skipped whole', () => {
    const text = conformanceTable([
      { result: 'passed', name: 'a message comes', suite: 'bus embedded: deliveries' },
      { result: 'skipped', name: 'bus amqp: deliveries' },
    ]);
    assert.match(text, /a message comes +✓ +s$/m);
  });

  test('is empty when no case of the suite ran', () => {
    assert.equal(conformanceTable([{ result: 'passed', name: 'one', suite: 'the trigger' }]), '');
  });
});
