import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Readiness } from '../../../src/observability/index.js';

/** A clock that a test sets. */
function settable(): { now: Date; read: () => Date } {
  const clock = { now: new Date('2026-11-23T10:00:00Z'), read: () => clock.now };
  return clock;
}

describe('readiness', () => {
  it('is ready when every check is', async () => {
    const readiness = new Readiness();
    readiness.add('bus', () => ({ ok: true, detail: 'embedded' }));
    assert.equal((await readiness.report()).ready, true);
    readiness.add('engine', async () => ({ ok: false, reason: 'it does not answer' }));
    const report = await readiness.report();
    assert.equal(report.ready, false);
    assert.deepEqual(
      report.checks.map(({ name, ok, reason }) => [name, ok, reason]),
      [
        ['bus', true, null],
        ['engine', false, 'it does not answer'],
      ],
    );
  });

  it('says since when a check is as it is', async () => {
    const clock = settable();
    const readiness = new Readiness(clock.read);
    readiness.add('bus', () => ({ ok: false, reason: 'one' }));
    await readiness.report();
    clock.now = new Date('2026-11-23T11:00:00Z');
    readiness.add('bus', () => ({ ok: false, reason: 'two' }));
    const [state] = (await readiness.report()).checks;
    assert.equal(state?.since, '2026-11-23T10:00:00.000Z');
    assert.equal(state?.reason, 'two');
    readiness.add('bus', () => ({ ok: true }));
    assert.equal((await readiness.report()).checks[0]?.since, '2026-11-23T11:00:00.000Z');
  });

  it('takes a check that throws or never answers as a no', async () => {
    const readiness = new Readiness(undefined, 20);
    readiness.add('throws', () => {
      throw new Error('broken');
    });
    readiness.add('hangs', () => new Promise(() => undefined));
    const { checks } = await readiness.report();
    assert.deepEqual(
      checks.map(({ reason }) => reason),
      ['broken', 'no answer within 0.02 s'],
    );
  });

  it('asks the outside once for many probes at one time', async () => {
    let asked = 0;
    const readiness = new Readiness();
    readiness.add('bus', async () => {
      asked += 1;
      return { ok: true };
    });
    await Promise.all(Array.from({ length: 20 }, () => readiness.report()));
    await readiness.report();
    assert.equal(asked, 1);
  });
});
