import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { followBuild } from '../../../src/cli/follow-build.js';
import { type Ledger, openLedger } from '../../../src/ledger/index.js';
import type { Message } from '../../../src/messages/index.js';
import { type FakeBus, fakeBus } from '../../support/fake-bus.js';
import {
  canceled,
  completed,
  PREFIX,
  requested,
  sampleBuild,
  sampleMessage,
  skipped,
  started,
  withNvr,
} from '../../support/samples.js';

const never = new AbortController().signal;

describe('following a build', () => {
  const build = withNvr(sampleBuild());
  let bus: FakeBus;
  let ledger: Ledger;
  beforeEach(async () => {
    bus = fakeBus();
    ledger = await openLedger({ bus, prefix: PREFIX, path: null });
  });
  afterEach(async () => {
    await ledger.close();
    await bus.close();
  });

  const session = () => ({
    bus,
    prefix: PREFIX,
    ledger: async () => {
      await ledger.caughtUp();
      return ledger;
    },
  });
  const output = (first: number, lines: string[], attempt = 1): Message =>
    sampleMessage('build.output.v1', { build: build.id, attempt, first, lines });
  const publish = async (...messages: readonly Message[]): Promise<void> => {
    for (const message of messages) await bus.publish(message);
  };

  it('tells each state and each line once, and ends with the build', async () => {
    const told: string[] = [];
    const end = await followBuild(
      session(),
      build.id,
      {
        onState: ({ state }) => told.push(state),
        onLines: (lines, first) => told.push(...lines.map((line, index) => `${first + index} ${line}`)),
      },
      never,
      () => publish(requested(build), started(build), output(0, ['a', 'b']), output(1, ['b', 'c']), completed(build)),
    );
    assert.equal(end?.state, 'completed');
    assert.deepEqual(
      told.filter((each) => /^\d/.test(each)),
      ['0 a', '1 b', '2 c'],
    );
    assert.equal(told.at(-1), 'completed');
    assert.equal(new Set(told).size, told.length);
  });

  it('ends at once for a build that has ended', async () => {
    await publish(requested(build), completed(build));
    assert.equal((await followBuild(session(), build.id, {}, never))?.state, 'completed');
  });

  it('ends when the build is superseded or skipped', async () => {
    await publish(requested(build), canceled(build));
    assert.equal((await followBuild(session(), build.id, {}, never))?.state, 'canceled');
    const other = sampleBuild({ component: 'nginx' });
    await publish(requested(other), skipped(other));
    assert.equal((await followBuild(session(), other.id, {}, never))?.state, 'skipped');
  });

  it('starts the lines anew with a new attempt', async () => {
    const seen: string[] = [];
    await followBuild(
      session(),
      build.id,
      { onLines: (lines, first, attempt) => seen.push(`${attempt}.${first} ${lines.join()}`) },
      never,
      () =>
        publish(requested(build), output(0, ['a'], 1), output(0, ['a'], 2), output(1, ['late'], 1), completed(build)),
    );
    assert.deepEqual(seen, ['1.0 a', '2.0 a']);
  });

  it('gives null when it is interrupted, and leaves nothing listening', async () => {
    const interrupt = new AbortController();
    const following = followBuild(session(), build.id, { onLines: () => undefined }, interrupt.signal, async () => {
      interrupt.abort();
    });
    assert.equal(await following, null);
  });
});
