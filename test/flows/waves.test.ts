import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { MessageBodies } from '../../src/messages/index.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];

type Completed = MessageBodies['build.completed.v1'];
type Opened = MessageBodies['wave.opened.v1'];
type Closed = MessageBodies['wave.closed.v1'];

describe('a wave of rebuilds', { skip: firstSkip(engine, registry, busybox) }, () => {
  const space = `flow-waves-${process.pid}`;
  const on = (name: string): string => `registry.example.org/${space}/${name}:latest`;
  let service: ServiceFolder;
  let program: Buffer;

  /** Bodies of all messages with a topic that ends so, in the order of the log. */
  const said = async <Body>(what: string): Promise<readonly Body[]> => {
    const found: Body[] = [];
    for await (const batch of service.bus.read('ours', 'start'))
      for (const { message } of batch)
        if (message.topic.endsWith(`.container.${what}`)) found.push(message.body as unknown as Body);
    return found;
  };
  const build = async (name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> => {
    await service.said(await service.push(name, files), 'completed');
  };
  const base = (note: string, more: Readonly<Record<string, string>> = {}) => ({
    Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY busybox /bin/sh\nCOPY note /\n',
    busybox: program,
    note,
    ...more,
  });
  const completedOf = (all: readonly Completed[], name: string): Completed => {
    const found = all.findLast(({ build: { component } }) => component === name);
    assert.ok(found, name);
    return found;
  };

  before(async () => {
    program = await readFile(busybox.url);
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, quiet: '1s' });
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
      [['base', newBase.build.nvr, newBase.image.digest]],
    );
    assert.deepEqual([...opened.members].sort(), ['f41/left', 'f41/right', 'f41/top']);
    assert.equal(opened.members.at(-1), 'f41/top');
    assert.deepEqual(
      closed.results.map(({ outcome }) => outcome),
      ['completed', 'completed', 'completed'],
    );
    const rebuilt = completed.filter(({ build: { cause } }) => cause.wave === opened.wave.id);
    assert.deepEqual(rebuilt.map(({ build: { component } }) => component).sort(), ['left', 'right', 'top']);
    assert.equal(rebuilt.at(-1)?.build.component, 'top');
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

  it('stops above what fails, which says so, and goes on beside it', async () => {
    // `right` can't be built any more: what it copies is not in its parent.
    await service.said(
      await service.push('right', {
        Dockerfile: `FROM ${on('base')}\nLABEL version="1"\nCOPY --from=${on('base')} /note /right\n`,
      }),
      'completed',
    );
    await until('the wave over the new `right` is over', async () => (await said<Closed>('wave.closed')).length === 2);
    await build('base', {
      Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY busybox /bin/sh\n',
      busybox: program,
      note: 'gone',
    });
    const closed = await until('the third wave is over', async () => (await said<Closed>('wave.closed'))[2] ?? null);
    assert.deepEqual(
      [...closed.results]
        .sort((a, b) => (a.member < b.member ? -1 : 1))
        .map(({ member, outcome, through }) => [member, outcome, through]),
      [
        ['f41/left', 'completed', []],
        ['f41/right', 'failed', []],
        ['f41/top', 'stopped', ['f41/right']],
      ],
    );
    const skipped = (await said<MessageBodies['build.skipped.v1']>('build.skipped')).at(-1);
    assert.deepEqual([skipped?.build.component, skipped?.reason.code], ['top', 'parent_failed']);
    assert.match(skipped?.reason.message ?? '', /f41\/right/);
  });
});
