import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { JsonObject } from '../../src/kernel/json.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireEngine, requireRegistry } from '../support/services.js';

const [engine, registry] = [requireEngine(), requireRegistry()];

describe('rebuild', { skip: firstSkip(engine, registry) }, () => {
  const space = `flow-rebuild-${process.pid}`;
  const on = (name: string): string => `registry.example.org/${space}/${name}:latest`;
  let service: ServiceFolder;

  const build = async (name: string, from: string, note: string, end = 'completed'): Promise<JsonObject> => {
    const dockerfile = `FROM ${from}\nLABEL version="1"\nCOPY ${end === 'failed' ? 'nothing' : 'note'} /${name}\n`;
    const commit = await service.push(name, { Dockerfile: dockerfile, note });
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
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space });
    await service.start();
    await build('base', 'scratch', 'one');
    await build('left', on('base'), 'one');
    await build('top', on('left'), 'one');
    await build('broken', on('base'), 'one', 'failed');
  });
  after(async () => {
    await service?.close();
  });

  it('says in a dry run what it would ask for and what not, and asks for nothing', async () => {
    const before = await requests();
    assert.deepEqual(told(await lines('--dependents-of', 'base', '--dry-run')), [
      [true, 'broken', null],
      [true, 'left', null],
    ]);
    assert.deepEqual(told(await lines('--dependents-of', on('left'), '--dry-run')), [[true, 'top', null]]);
    assert.deepEqual(told(await lines('--failed', '--since', '1h', '--dry-run')), [[true, 'broken', null]]);
    assert.equal(await requests(), before);
    const nothing = await service.cli('rebuild', 'nobody');
    assert.equal(nothing.code, 2);
    assert.match(nothing.stderr, /no build of "nobody" is known/);
    assert.equal((await service.cli('rebuild', 'left', '--failed')).code, 2);
  });

  it('builds a component anew on its parents as they are now; as of a time on those of then, moving no tag', async () => {
    const then = new Date();
    const { image: old } = (await build('base', 'scratch', 'two')) as { image: { digest: string } };
    const shown = await service.cli('rebuild', 'left', '--follow', '--json');
    assert.equal(shown.code, 0, shown.stderr);
    const end = (text: string): JsonObject => JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')['end'] as JsonObject;
    const now = end(shown.stdout);
    assert.deepEqual((now['parents'] as JsonObject[])[0]?.['digest'], old.digest);
    assert.match(String(now['nvr']), /^left-1-1\.\d{14}\.f41$/);

    const past = await service.cli('rebuild', 'left', '--as-of', then.toISOString(), '--follow', '--json');
    assert.equal(past.code, 0, past.stderr);
    const scratch = end(past.stdout);
    assert.equal(scratch['kind'], 'scratch');
    assert.notEqual((scratch['parents'] as JsonObject[])[0]?.['digest'], old.digest);
    const graph = await service.cli('graph', 'left', '--json');
    assert.ok(graph.stdout.includes(String(now['nvr'])), 'the name has moved to a scratch build');

    const why = await service.cli('why', String(now['nvr']));
    assert.match(why.stdout, /asked for by .*\n└─ stands on .*made by base-1-2\.f41/);
  });

  it('asks for what failed while it is the head, and for nothing while a git host is away', async () => {
    const before = await requests();
    const git = join(service.folder, 'git');
    await rename(git, `${git}-away`);
    const away = await service.cli('rebuild', '--failed');
    assert.deepEqual([away.code, await requests()], [69, before], away.stderr);
    await rename(`${git}-away`, git);

    const [asked] = await lines('--failed');
    assert.equal(asked?.['asks'], true);
    assert.equal(await requests(), before + 1);
    await service.commit('broken', { note: 'two' });
    const [moved] = await lines('--failed');
    assert.ok(['not_head', 'under_way'].includes(String(moved?.['code'])), JSON.stringify(moved));
    assert.equal(await requests(), before + 1);
  });
});
