import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { STEPS, schedule } from '../../chaos/schedule.js';

const options = fc.record({
  seed: fc.nat(),
  pushes: fc.integer({ min: 1, max: 200 }),
  faults: fc.integer({ min: 0, max: 40 }),
  repositories: fc.integer({ min: 1, max: 10 }),
  broker: fc.boolean(),
});

test('a schedule has the pushes and faults that were asked for, and is the seed’s alone', () => {
  fc.assert(
    fc.property(options, (asked) => {
      const rounds = schedule(asked);
      assert.equal(rounds.flatMap(({ pushes }) => pushes).length, asked.pushes);
      assert.equal(rounds.filter(({ fault }) => fault !== null).length, asked.faults);
      assert.deepEqual(schedule(asked), rounds);
    }),
  );
});

test('a bus that is a file has neither a broker to restart nor a line to cut', () => {
  fc.assert(
    fc.property(options, (asked) => {
      for (const { fault } of schedule({ ...asked, broker: false })) {
        if (fault?.harm.kind === 'restart') assert.notEqual(fault.harm.service, 'broker');
        if (fault?.harm.kind === 'cut' || fault?.harm.kind === 'slow') assert.notEqual(fault.harm.line, 'bus');
      }
    }),
  );
});

test('eleven faults are at all steps of a build', () => {
  for (const seed of [1, 2, 3]) {
    const rounds = schedule({ seed, pushes: 20, faults: STEPS.length, repositories: 10, broker: true });
    assert.deepEqual(rounds.flatMap(({ fault }) => fault?.step ?? []).sort(), [...STEPS].sort());
  }
});

test('five faults are of five kinds, and fifteen restart every service of a broker’s world', () => {
  const harms = schedule({ seed: 7, pushes: 20, faults: 15, repositories: 10, broker: true }).flatMap(
    ({ fault }) => fault?.harm ?? [],
  );
  const kinds = harms.slice(0, 5).map(({ kind }) => kind);
  assert.deepEqual(kinds.sort(), ['cut', 'kill', 'pause', 'restart', 'slow']);
  const services = harms.flatMap((harm) => (harm.kind === 'restart' ? harm.service : []));
  assert.deepEqual(services.sort(), ['broker', 'engine', 'registry']);
});
