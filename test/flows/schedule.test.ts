/** Images that are older than their target's schedule: the wall clock of the service is set ahead, so that nobody waits for hours. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { MessageBodies } from '../../src/messages/index.js';
import { type JumpingClock, jumpingClock } from '../support/jumping-clock.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];

const SCHEDULE_MS = 3_600_000;
/** An image falls due at its schedule and up to a tenth of it later. */
const DUE_MS = 1.15 * SCHEDULE_MS;
/** For a wave of two, on a machine that has other work; milliseconds. */
const WAVE_MS = 120_000;
/** As a package repository would: another content with each build. */
const INSTALL = 'RUN ["/bin/busybox", "sh", "-c", "/bin/busybox cat /proc/sys/kernel/random/uuid > /packages"]';

type Completed = MessageBodies['build.completed.v1'];
type Opened = MessageBodies['wave.opened.v1'];
type Closed = MessageBodies['wave.closed.v1'];

// On the bus in a file alone: a broker has its own clock, and by that nothing grows old.
describe('a schedule', { skip: firstSkip(engine, registry, busybox) }, () => {
  const space = `flow-schedule-${process.pid}`;
  let clock: JumpingClock;
  let service: ServiceFolder;
  let program: Buffer;

  const said = <Body>(what: string): Promise<readonly Body[]> => service.told<Body>(what);
  const base = (note: string) => ({
    Dockerfile: `FROM scratch\nLABEL version="1"\nCOPY busybox /bin/busybox\nCOPY note /\n${INSTALL}\n`,
    busybox: program,
    note,
  });
  /** The wave of this number, from 1, once it is over, and what was built in it. */
  const waveIsOver = async (number: number) => {
    await until(`wave ${number} is over`, async () => (await said<Closed>('wave.closed')).length >= number, WAVE_MS);
    const opened = (await said<Opened>('wave.opened'))[number - 1] ?? assert.fail(`wave ${number} was not opened`);
    const rebuilt = (await said<Completed>('build.completed')).filter(
      ({ build: { cause } }) => cause.wave === opened.wave.id,
    );
    return { opened, rebuilt };
  };
  const builtUpon = (rebuilt: readonly Completed[]): void => {
    assert.deepEqual(
      rebuilt.map(({ build }) => build.component),
      ['base', 'app'],
    );
    assert.equal(rebuilt[1]?.parents[0]?.digest, rebuilt[0]?.image.digest);
  };
  /** A push opens the next wave, as the planner has its look at all: none was opened for age beside it. */
  const nothingElseIsDue = async (number: number, note: string): Promise<void> => {
    await service.said(await service.push('base', base(note)), 'completed');
    const { opened, rebuilt } = await waveIsOver(number);
    assert.deepEqual([opened.changes.map(({ component }) => component), opened.due ?? []], [['base'], []]);
    assert.deepEqual(
      rebuilt.map(({ build }) => build.component),
      ['app'],
    );
    assert.equal((await said<Opened>('wave.opened')).length, number);
    const built = (await said<Completed>('build.completed')).map(({ build }) => build.component);
    assert.deepEqual(
      ['base', 'app'].map((name) => built.filter((one) => one === name).length),
      [number + 1, number + 1],
    );
  };

  before(async () => {
    program = await readFile(busybox.url);
    clock = await jumpingClock();
    const target = ['schedule: 1h'];
    service = await ServiceFolder.make({
      engine: engine.url,
      registry: registry.url,
      space,
      target,
      quiet: '1s',
      env: clock.env,
    });
    await service.start();
    await service.said(await service.push('base', base('one')), 'completed');
    const app = `FROM registry.example.org/${space}/base:latest\nLABEL version="1"\nCOPY note /app\n`;
    await service.said(await service.push('app', { Dockerfile: app, note: 'one' }), 'completed');
  });
  after(async () => {
    await service?.close();
    await clock?.remove();
  });

  it('has what is too old built anew, once, in order and upon each other, and says why', async () => {
    assert.deepEqual(await said('wave.opened'), []);
    const [first] = await said<Completed>('build.completed');
    const pid = service.pid ?? assert.fail('the service runs');

    await clock.set(pid, DUE_MS);

    const { opened, rebuilt } = await waveIsOver(1);
    assert.deepEqual([opened.changes, opened.outside ?? [], opened.members], [[], [], ['f41/base', 'f41/app']]);
    assert.deepEqual([...(opened.due ?? [])].sort(), ['f41/app', 'f41/base']);
    builtUpon(rebuilt);
    assert.notEqual(rebuilt[0]?.image.digest, first?.image.digest);
    const why = await Promise.all(rebuilt.map(({ build }) => service.cli('why', build.nvr ?? '')));
    for (const { stdout } of why)
      assert.match(stdout, /wave of 2 opened as .*f41\/base is older than its schedule allows.*; it is over/);
    assert.match(why[0]?.stdout ?? '', /asked for as a rebuild: Older than the schedule allows/);
  });

  it('has nothing built a second time for the same moment when the planner is another one', async () => {
    assert.equal(await service.stop(), 0);
    await service.start();
    await nothingElseIsDue(2, 'two');
  });

  it('makes up once for all the moments that passed while nobody planned', async () => {
    assert.equal(await service.stop(), 0);
    await clock.preset(DUE_MS + 4.5 * SCHEDULE_MS);
    await service.start();
    const { opened, rebuilt } = await waveIsOver(3);
    assert.deepEqual([...(opened.due ?? [])].sort(), ['f41/app', 'f41/base']);
    builtUpon(rebuilt);
    await nothingElseIsDue(4, 'three');
  });
});
