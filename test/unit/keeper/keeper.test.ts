import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoredFile } from '../../../src/keeper/decide/files.js';
import { claimScope, type Keeper, type KeeperParts, openKeeper } from '../../../src/keeper/index.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { openLedger } from '../../../src/ledger/index.js';
import { type Logger, silentLogger } from '../../../src/observability/index.js';
import { pause, systemClock } from '../../../src/runtime/clock.js';
import { type Releasers, withReleasers } from '../../../src/runtime/releasers.js';
import { fakeBus } from '../../support/fake-bus.js';
import { PREFIX, SAMPLE_PROCESS } from '../../support/samples.js';
import { until } from '../../support/until.js';

const ROUND_MS = 5;
const HOUR = 3_600_000;

/** A folder in memory. */
class Files {
  readonly folder = '/state';
  readonly left: StoredFile[] = [];
  looks = 0;

  nameOf(url: string): string {
    return url;
  }

  async files(): Promise<readonly StoredFile[]> {
    this.looks += 1;
    return [...this.left];
  }

  async remove({ name }: StoredFile): Promise<boolean> {
    this.left.splice(
      this.left.findIndex((file) => file.name === name),
      1,
    );
    return true;
  }
}

async function house(releasers: Releasers) {
  const bus = fakeBus();
  releasers.push('the bus', () => bus.close());
  const ledger = await openLedger({ bus, prefix: PREFIX, path: null });
  releasers.push('the ledger', () => ledger.close());
  const mirrors = new Files();
  const warnings: string[] = [];
  const log: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) };
  const parts = {
    ledger,
    engines: [],
    mirrors,
    logs: new Files(),
    registries: new Map(),
    clock: systemClock,
    settings: {
      everyMs: ROUND_MS,
      builds: 1,
      ageMs: 0,
      mirrorBytes: 10,
      logBytes: 0,
      graceMs: 0,
      engines: {},
      targets: {},
    },
    bus,
    process: SAMPLE_PROCESS,
    log,
  };
  const open = (some: Partial<KeeperParts> = {}): Keeper => {
    const keeper = openKeeper({ ...parts, ...some });
    releasers.push('a keeper', () => keeper.stop());
    return keeper;
  };
  return { bus, mirrors, parts, warnings, open };
}

test('a keeper keeps house again and again, until it is stopped', () =>
  withReleasers(async (releasers) => {
    const { bus, mirrors, open } = await house(releasers);
    const keeper = open();
    for (const name of ['first', 'second']) {
      mirrors.left.push({ name, bytes: 11, usedAt: 0 });
      await until(`${name} is gone`, () => mirrors.left.length === 0);
    }
    await keeper.stop();
    const { looks } = mirrors;
    const claim = await claimScope(bus, 'machine', SAMPLE_PROCESS.host, 'the next');
    assert.notEqual(claim, null, 'the claim is free');
    assert.equal(mirrors.looks, looks);
  }));

test('the first round does not wait for the period', () =>
  withReleasers(async (releasers) => {
    const { mirrors, parts, open } = await house(releasers);
    mirrors.left.push({ name: 'old', bytes: 11, usedAt: 0 });
    const waits: number[] = [];
    const wait: typeof pause = async (ms, signal) => {
      waits.push(ms);
      if (waits.length > 1) await pause(ms, signal);
    };
    open({ wait, settings: { ...parts.settings, everyMs: HOUR } });
    await until('the round is over', () => waits.length > 1);
    assert.deepEqual(mirrors.left, []);
    const [first = 0, second] = waits;
    assert.ok(first >= 60_000 && first <= 75_000, `${first} ms`);
    assert.equal(second, HOUR);
  }));

test('a round that fails for a while is soon followed by another', () =>
  withReleasers(async (releasers) => {
    const { mirrors, parts, open } = await house(releasers);
    mirrors.left.push({ name: 'old', bytes: 11, usedAt: 0 });
    const files = mirrors.files.bind(mirrors);
    const waits: number[] = [];
    mirrors.files = async () => {
      if (waits.length <= 2) throw new ServiceError('engine_unavailable', 'it is away', { transient: true });
      return files();
    };
    const wait: typeof pause = async (ms, signal) => {
      waits.push(ms);
      if (waits.length > 3) await pause(ms, signal);
    };
    open({ wait, settings: { ...parts.settings, everyMs: HOUR } });
    await until('three rounds are over', () => waits.length > 3);
    assert.deepEqual(mirrors.left, []);
    const [, second = 0, third = 0, fourth] = waits;
    assert.ok(second >= 60_000 && second <= 75_000, `${second} ms`);
    assert.ok(third >= 120_000 && third <= 150_000, `${third} ms`);
    assert.equal(fourth, HOUR);
  }));

test('while another process keeps house on the machine nothing is touched there', () =>
  withReleasers(async (releasers) => {
    const { bus, mirrors, open } = await house(releasers);
    const other = await claimScope(bus, 'machine', SAMPLE_PROCESS.host, 'another');
    mirrors.left.push({ name: 'old', bytes: 11, usedAt: 0 });
    const elsewhere = new Files();
    open();
    open({ process: { ...SAMPLE_PROCESS, id: 'process-2', host: 'other.example.org' }, mirrors: elsewhere });
    await until('the other machine has been looked at', () => elsewhere.looks > 2);
    assert.equal(mirrors.looks, 0);
    await other?.release();
    await until('the machine has its turn', () => mirrors.left.length === 0);
  }));

test('a round that fails is told, and the next one does better', () =>
  withReleasers(async (releasers) => {
    const { mirrors, warnings, open } = await house(releasers);
    mirrors.left.push({ name: 'old', bytes: 11, usedAt: 0 });
    const files = mirrors.files.bind(mirrors);
    let failed = 0;
    mirrors.files = async () => {
      failed += 1;
      if (failed <= 2) throw new Error('the disk is away');
      return files();
    };
    open();
    await until('it is gone', () => mirrors.left.length === 0);
    assert.deepEqual(warnings, ['house could not be kept in one place'], 'what waiting can’t mend is told once');
  }));
