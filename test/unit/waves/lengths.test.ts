import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { derivedId } from '../../../src/kernel/ids.js';
import { Events } from '../../waves/events.js';
import { boundsOf, lengthOf, MEAN_LENGTH_MS, SIGMA, type Work } from '../../waves/lengths.js';

const work = (key: string, lengthMs: number, after: readonly string[] = []): Work => ({ key, lengthMs, after });

describe('the bounds of a wave', () => {
  it('are its longest way, its work shared evenly, and a barrier after each level', () => {
    const works = [work('a', 10), work('b', 30), work('c', 20, ['a']), work('d', 5, ['b', 'c'])];
    assert.deepEqual(boundsOf(works, 2), { criticalMs: 35, evenMs: 32.5, barrierMs: 30 + 20 + 5 });
    assert.deepEqual(boundsOf(works, 1), { criticalMs: 35, evenMs: 65, barrierMs: 65 });
  });

  it('do not count what was not built', () => {
    assert.equal(boundsOf([work('a', 10, ['elsewhere'])], 4).criticalMs, 10);
  });
});

describe('the length of a build', () => {
  it('is the same for the same id, and log-normal over many', () => {
    const lengths = Array.from({ length: 5_000 }, (_, at) => lengthOf(derivedId('build', String(at))));
    assert.equal(lengthOf(derivedId('build', '7')), lengths[7]);
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    assert.ok(Math.abs(mean / MEAN_LENGTH_MS - 1) < 0.05);
    const logs = lengths.map((length) => Math.log(length));
    const middle = logs.reduce((sum, log) => sum + log, 0) / logs.length;
    const spread = Math.sqrt(logs.reduce((sum, log) => sum + (log - middle) ** 2, 0) / logs.length);
    assert.ok(Math.abs(spread - SIGMA) < 0.03);
  });
});

describe('events', () => {
  it('happen in the order of their times, those of one time as they were asked for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 20 })), async (times) => {
        const events = new Events();
        const seen: [number, number][] = [];
        for (const [at, time] of times.entries()) events.after(time, () => void seen.push([time, at]));
        await events.run(100);
        assert.deepEqual(
          seen,
          times.map((time, at): [number, number] => [time, at]).sort(([a, one], [b, other]) => a - b || one - other),
        );
      }),
    );
  });

  it('that never end are an error', async () => {
    const events = new Events();
    const again = (): void => events.after(10, again);
    again();
    await assert.rejects(events.run(1_000), /something still happens/);
  });
});
