import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { MessageBodies } from '../../src/messages/index.js';
import { type BrokerKind, OWN_BROKERS, type OwnBroker } from '../support/own-brokers.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];

/** A claim lapses within 10 s, and the planner looks twice, 20 s apart, before it asks again; milliseconds. */
const RETAKEN_MS = 100_000;

type Completed = MessageBodies['build.completed.v1'];
type Opened = MessageBodies['wave.opened.v1'];
type Closed = MessageBodies['wave.closed.v1'];

const EMBEDDED = { kind: 'embedded', skip: false, prepare: async () => null } as const;

// All at once: most of the time is waiting.
describe('a wave of rebuilds', { concurrency: true }, () => {
  for (const bus of [EMBEDDED, ...OWN_BROKERS]) {
    describe(`on ${bus.kind}`, { concurrency: 1, skip: firstSkip(engine, registry, busybox) || bus.skip }, () =>
      waves(bus),
    );
  }
});

function waves({ kind, prepare }: typeof EMBEDDED | BrokerKind): void {
  const space = `flow-waves-${kind}-${process.pid}`;
  /** Of its own for each bus: they share an engine, which keeps one image of a component for its cache. */
  const own = (name: string): string => `${name}-${kind}`;
  const on = (name: string): string => `registry.example.org/${space}/${own(name)}:latest`;
  const members = (...names: readonly string[]): readonly string[] => names.map((name) => `f41/${own(name)}`);
  let service: ServiceFolder;
  let program: Buffer;
  let broker: OwnBroker | null = null;

  const said = <Body>(what: string): Promise<readonly Body[]> => service.told<Body>(what);
  const build = async (name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> => {
    await service.said(await service.push(own(name), files), 'completed');
  };
  const base = (note: string, more: Readonly<Record<string, string>> = {}) => ({
    Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY busybox /bin/sh\nCOPY note /\n',
    busybox: program,
    note,
    ...more,
  });
  const completedOf = (all: readonly Completed[], name: string): Completed => {
    const found = all.findLast(({ build: { component } }) => component === own(name));
    assert.ok(found, name);
    return found;
  };

  before(async () => {
    program = await readFile(busybox.url);
    broker = await prepare();
    await broker?.start();
    const where = broker === null ? {} : { bus: broker.url };
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, quiet: '1s', ...where });
    await service.start();
    await build('base', base('one'));
    await build('left', { Dockerfile: `FROM ${on('base')}\nLABEL version="1"\nCOPY note /left\n`, note: 'left' });
    await build('right', { Dockerfile: `FROM ${on('base')}\nLABEL version="1"\nCOPY note /right\n`, note: 'right' });
    await build('top', {
      Dockerfile: `FROM ${on('right')} AS right\nFROM ${on('left')}\nLABEL version="1"\nCOPY --from=right /right /right\n`,
    });
    await build('alone', { Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY note /\n', note: 'alone' });
  });
  after(async () => {
    await service?.close();
    await broker?.stop();
  });

  it('builds what stands on a changed image, once, in order and on the new images, and says so', async () => {
    assert.deepEqual(await said('wave.opened'), []);
    await build('base', base('two'));
    const [closed] = await until('the wave is over', async () => {
      const all = await said<Closed>('wave.closed');
      return all.length > 0 ? all : null;
    });
    const [opened, ...more] = await said<Opened>('wave.opened');
    assert.ok(opened && closed);
    assert.deepEqual(more, []);
    const completed = await said<Completed>('build.completed');
    const newBase = completedOf(completed, 'base');
    assert.deepEqual(
      opened.changes.map(({ component, nvr, digest }) => [component, nvr, digest]),
      [[own('base'), newBase.build.nvr, newBase.image.digest]],
    );
    assert.deepEqual([...opened.members].sort(), members('left', 'right', 'top'));
    assert.deepEqual(opened.members.slice(-1), members('top'));
    assert.deepEqual(
      closed.results.map(({ outcome }) => outcome),
      ['completed', 'completed', 'completed'],
    );
    const rebuilt = completed.filter(({ build: { cause } }) => cause.wave === opened.wave.id);
    assert.deepEqual(rebuilt.map(({ build: { component } }) => component).sort(), ['left', 'right', 'top'].map(own));
    assert.equal(rebuilt.at(-1)?.build.component, own('top'));
    for (const [name, parents] of [
      ['left', ['base']],
      ['right', ['base']],
      ['top', ['left', 'right']],
    ] as const) {
      const { build: made, parents: stoodOn } = completedOf(completed, name);
      assert.equal(made.cause.type, 'rebuild');
      assert.deepEqual(
        stoodOn.map(({ digest }) => digest).sort(),
        parents.map((parent) => completedOf(completed, parent).image.digest).sort(),
        name,
      );
    }
    assert.equal((await service.cli('graph', '--stale')).stdout, '');
  });

  it('is not opened over an image that holds what it held before', async () => {
    const before = (await said<Completed>('build.completed')).length;
    await build('base', base('two', { '.dockerignore': 'README\n', README: 'nothing that the image holds\n' }));
    const { stdout } = await service.cli('graph', '--stale');
    assert.equal(stdout, '');
    // A real change afterwards is answered: the planner has had its look at both.
    await build('alone', { Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY note /\n', note: 'still alone' });
    assert.equal((await said<Completed>('build.completed')).length, before + 2);
    assert.equal((await said<Opened>('wave.opened')).length, 1);
  });

  it('goes on when all is killed in the middle of it, and builds nothing twice', async () => {
    await build('base', base('three'));
    const opened = await until('a wave is open', async () => (await said<Opened>('wave.opened'))[1] ?? null);
    const inWave = ({ build: { cause } }: { readonly build: Completed['build'] }): boolean =>
      cause.wave === opened.wave.id;
    await until('a rebuild has begun', async () =>
      (await said<MessageBodies['build.started.v1']>('build.started')).some(inWave),
    );
    await service.stop('SIGKILL');
    await service.start();
    const closed = await until(
      'the wave is over',
      async () => (await said<Closed>('wave.closed')).find(({ wave }) => wave.id === opened.wave.id) ?? null,
      RETAKEN_MS,
    );
    assert.deepEqual(
      closed.results.map(({ outcome }) => outcome),
      ['completed', 'completed', 'completed'],
    );
    const rebuilt = (await said<Completed>('build.completed')).filter(inWave);
    assert.deepEqual(
      [...new Set(rebuilt.map(({ build: { id, component } }) => `${component} ${id}`))]
        .map((text) => text.split(' ')[0])
        .sort(),
      ['left', 'right', 'top'].map(own),
    );
    assert.equal((await service.cli('graph', '--stale')).stdout, '');
  });

  it('stops above what fails, which says so, and goes on beside it', async () => {
    // `right` can't be built any more: what it copies is not in its parent.
    await service.said(
      await service.push(own('right'), {
        Dockerfile: `FROM ${on('base')}\nLABEL version="1"\nCOPY --from=${on('base')} /note /right\n`,
      }),
      'completed',
    );
    await until('the wave over the new `right` is over', async () => (await said<Closed>('wave.closed')).length === 3);
    await build('base', {
      Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY busybox /bin/sh\n',
      busybox: program,
      note: 'gone',
    });
    const closed = await until('the last wave is over', async () => (await said<Closed>('wave.closed'))[3] ?? null);
    assert.deepEqual(
      [...closed.results]
        .sort((a, b) => (a.member < b.member ? -1 : 1))
        .map(({ member, outcome, through }) => [member, outcome, through]),
      [
        [...members('left'), 'completed', []],
        [...members('right'), 'failed', []],
        [...members('top'), 'stopped', members('right')],
      ],
    );
    const skipped = (await said<MessageBodies['build.skipped.v1']>('build.skipped')).at(-1);
    assert.deepEqual([skipped?.build.component, skipped?.reason.code], [own('top'), 'parent_failed']);
    assert.match(skipped?.reason.message ?? '', /f41\/right-/);
  });
}
