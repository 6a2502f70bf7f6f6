import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, it } from 'node:test';
import type { MessageBodies } from '../../src/messages/index.js';
import { type AlsoTold, type BusPlace, describeFlow, type PlaceKind } from '../support/bus-places.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];

const PUSHES = 10;
/** Longer than ten pushes take to be told of; seconds. */
const BUILD_S = 4;
/** Longer than anything: what it holds is called off; seconds. */
const HOLD_S = 60;

type Canceled = MessageBodies['build.canceled.v1'];
type Completed = MessageBodies['build.completed.v1'];
type Requested = MessageBodies['build.requested.v1'];

describeFlow('what is pushed while other things build', firstSkip(engine, registry, busybox), superseding);

function superseding({ kind, make }: PlaceKind, also: AlsoTold): void {
  const space = `flow-supersede-${kind}-${process.pid}`;
  /** Of its own for each bus: they share an engine, which keeps one image of a component for its cache. */
  const own = (name: string): string => `${name}-${kind}`;
  let place: BusPlace;
  let service: ServiceFolder;
  let program: Buffer;

  /** Bodies of all messages about builds of a component whose topic ends so, in the order of the log. */
  const said = async <Body extends { readonly build: { readonly component: string } }>(
    what: string,
    component: string,
  ): Promise<readonly Body[]> =>
    (await service.told<Body>(`build.${what}`)).filter(({ build }) => build.component === own(component));
  const step = (note: string, seconds: number) => ({
    Dockerfile: `FROM scratch\nLABEL version="1"\nCOPY busybox /bin/busybox\nCOPY note /\nRUN ["/bin/busybox", "sleep", "${seconds}"]\n`,
    busybox: program,
    note,
  });
  const base = (note: string) => ({ Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY note /\n', note });
  const app = (note: string) => ({
    Dockerfile: `FROM registry.example.org/${space}/${own('base')}:latest\nLABEL version="1"\nCOPY note /app\n`,
    note,
  });

  before(async () => {
    program = await readFile(busybox.url);
    place = await make();
    const where = { bus: place.address, apart: kind !== 'embedded' };
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, quiet: '1s', ...where });
    await service.start();
  });
  after(async () => {
    await service?.close();
    await place?.remove();
  });

  it('makes one build of ten pushes, of the newest, which the others name', async () => {
    // All are there before the first is told of: to commit takes longer than to push.
    const first = await service.commit(own('many'), step('first', BUILD_S));
    const commits: string[] = [];
    for (let number = 0; number < PUSHES; number += 1)
      commits.push(await service.commit(own('many'), base(`push ${number}`)));
    await service.announce(own('many'), first);
    await service.said(first, 'started');
    for (const commit of commits) await service.announce(own('many'), commit);
    const newest = commits.at(-1) ?? '';
    await service.said(newest, 'completed');
    const canceled = await until('the others are called off', async () => {
      const all = await said<Canceled>('canceled', 'many');
      return all.length >= PUSHES - 1 ? all : null;
    });

    const completed = await said<Completed>('completed', 'many');
    assert.equal(completed.length, 2);
    assert.equal(completed[1]?.build.source.commit, newest);
    assert.deepEqual(
      canceled.map(({ build, reason, successor }) => [build.source.commit, reason.code, successor]).sort(),
      commits
        .slice(0, -1)
        .map((commit) => [commit, 'superseded', completed[1]?.build.id])
        .sort(),
    );
    assert.equal((await said('started', 'many')).length, 2);
  });

  also('takes the place of a rebuild that waits, when it stands on the same parents', async () => {
    await service.said(await service.push(own('base'), base('one')), 'completed');
    await service.said(await service.push(own('app'), app('one')), 'completed');
    const held = [
      [own('left'), await service.commit(own('left'), step('left', HOLD_S))],
      [own('right'), await service.commit(own('right'), step('right', HOLD_S))],
    ] as const;
    const changed = await service.push(own('base'), base('two'));
    // Both slots are taken by the time that the wave asks for its rebuild.
    for (const [name, commit] of held) await service.announce(name, commit);
    await service.said(changed, 'completed');
    for (const [, commit] of held) await service.said(commit, 'started');
    const rebuild = await until(
      'a rebuild is asked for',
      async () => (await said<Requested>('requested.cascade', 'app'))[0] ?? null,
    );
    const commit = await service.push(own('app'), app('two'));
    await service.said(commit, 'requested');
    for (const [name] of held) {
      const { code, stderr } = await service.cli('cancel', name);
      assert.equal(code, 0, stderr);
    }
    await service.said(commit, 'completed');

    const [canceled] = await until('the rebuild is called off', async () => {
      const all = await said<Canceled>('canceled', 'app');
      return all.length > 0 ? all : null;
    });
    const [, pushed, ...more] = await said<Completed>('completed', 'app');
    assert.equal(canceled?.build.id, rebuild.build.id);
    assert.deepEqual([canceled?.reason.code, canceled?.successor], ['superseded', pushed?.build.id]);
    assert.equal(pushed?.build.source.commit, commit);
    assert.deepEqual(more, []);
    const [parent] = pushed?.parents ?? [];
    assert.equal(parent?.digest, (await said<Completed>('completed', 'base'))[1]?.image.digest);
  });
}
