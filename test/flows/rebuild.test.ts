import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { JsonObject } from '../../src/kernel/json.js';
import { type AlsoTold, type BusPlace, describeFlow, type PlaceKind } from '../support/bus-places.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry] = [requireEngine(), requireRegistry()];

describeFlow('rebuild', firstSkip(engine, registry), rebuilds);

function rebuilds({ kind, make }: PlaceKind, also: AlsoTold): void {
  const space = `flow-rebuild-${kind}-${process.pid}`;
  /** Of its own for each bus: they share an engine, which keeps one image of a component for its cache. */
  const own = (name: string): string => `${name}-${kind}`;
  const on = (name: string): string => `registry.example.org/${space}/${own(name)}:latest`;
  let place: BusPlace;
  let service: ServiceFolder;

  const build = async (name: string, from: string, note: string, end = 'completed'): Promise<JsonObject> => {
    const dockerfile = `FROM ${from}\nLABEL version="1"\nCOPY ${end === 'failed' ? 'nothing' : 'note'} /${name}\n`;
    const commit = await service.push(own(name), { Dockerfile: dockerfile, note });
    return (await service.said(commit, end)).body;
  };
  const lines = async (...args: readonly string[]): Promise<readonly JsonObject[]> => {
    const { code, stdout, stderr } = await service.cli('rebuild', ...args, '--json');
    assert.equal(code, 0, stderr);
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as JsonObject]));
  };
  const told = (all: readonly JsonObject[]): readonly unknown[] =>
    all.map(({ asks, component, code = null }) => [asks, component, code]);
  const requests = async (): Promise<number> => (await service.told('build.requested')).length;

  before(async () => {
    place = await make();
    const where = { bus: place.address, apart: kind !== 'embedded' };
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, ...where });
    await service.start();
    await build('base', 'scratch', 'one');
    await Promise.all([build('left', on('base'), 'one'), build('broken', on('base'), 'one', 'failed')]);
  });
  after(async () => {
    await service?.close();
    await place?.remove();
  });

  // Only read, and in no way of the bus's own.
  if (kind === 'embedded')
    it('says in a dry run what it would ask for and what not, and asks for nothing', async () => {
      await build('top', on('left'), 'one');
      const before = await requests();
      assert.deepEqual(told(await lines('--dependents-of', own('base'), '--dry-run')), [
        [true, own('broken'), null],
        [true, own('left'), null],
      ]);
      assert.deepEqual(told(await lines('--dependents-of', on('left'), '--dry-run')), [[true, own('top'), null]]);
      assert.deepEqual(told(await lines('--failed', '--since', '1h', '--dry-run')), [[true, own('broken'), null]]);
      assert.equal(await requests(), before);
      const nothing = await service.cli('rebuild', 'nobody');
      assert.equal(nothing.code, 2);
      assert.match(nothing.stderr, /no build of "nobody" is known/);
      assert.equal((await service.cli('rebuild', own('left'), '--failed')).code, 2);
    });

  it('builds a component anew on its parents as they are now; as of a time on those of then, moving no tag', async () => {
    const then = new Date();
    // RabbitMQ keeps times to the second.
    await until('a second is over', () => Math.floor(Date.now() / 1_000) > Math.floor(then.getTime() / 1_000));
    const { image: old } = (await build('base', 'scratch', 'two')) as { image: { digest: string } };
    const shown = await service.cli('rebuild', own('left'), '--follow', '--json');
    assert.equal(shown.code, 0, shown.stderr);
    const end = (text: string): JsonObject => JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')['end'] as JsonObject;
    const now = end(shown.stdout);
    assert.deepEqual((now['parents'] as JsonObject[])[0]?.['digest'], old.digest);
    assert.match(String(now['nvr']), new RegExp(`^${own('left')}-1-1\\.\\d{14}\\.f41$`));

    const past = await service.cli('rebuild', own('left'), '--as-of', then.toISOString(), '--follow', '--json');
    assert.equal(past.code, 0, past.stderr);
    const scratch = end(past.stdout);
    assert.equal(scratch['kind'], 'scratch');
    assert.notEqual((scratch['parents'] as JsonObject[])[0]?.['digest'], old.digest);
    const graph = await service.cli('graph', own('left'), '--json');
    assert.ok(graph.stdout.includes(String(now['nvr'])), 'the name has moved to a scratch build');

    const why = await service.cli('why', String(now['nvr']));
    assert.match(why.stdout, new RegExp(`asked for by .*\\n└─ stands on .*made by ${own('base')}-1-2\\.f41`));
  });

  also('asks for what failed while it is the head, and for nothing while a git host is away', async () => {
    const before = await requests();
    const git = join(service.folder, 'git');
    await rename(git, `${git}-away`);
    const away = await service.cli('rebuild', '--failed');
    assert.deepEqual([away.code, await requests()], [69, before], away.stderr);
    await rename(`${git}-away`, git);

    const [asked] = await lines('--failed');
    assert.equal(asked?.['asks'], true);
    assert.equal(await requests(), before + 1);
    await service.commit(own('broken'), { note: 'two' });
    const [moved] = await lines('--failed');
    assert.ok(['not_head', 'under_way'].includes(String(moved?.['code'])), JSON.stringify(moved));
    assert.equal(await requests(), before + 1);
  });
}
