import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { MessageBodies } from '../../src/messages/index.js';
import { onlooker } from '../integration/builder/engine-fixture.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry] = [requireEngine(), requireRegistry()];

type Completed = MessageBodies['build.completed.v1'];

describe('a commit that changes nothing of an image', { skip: firstSkip(engine, registry) }, () => {
  const space = `flow-same-${process.pid}`;
  const base = `base-${process.pid}`;
  const top = `top-${process.pid}`;
  const SOURCE = {
    Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY note /\nCOPY conf /\n',
    note: 'note',
    'conf/etc/conf': 'conf',
  };
  let service: ServiceFolder;

  const build = async (name: string, files: Readonly<Record<string, string>>): Promise<Completed> => {
    await service.said(await service.push(name, files), 'completed');
    const made = (await service.told<Completed>('build.completed')).findLast(
      ({ build: { component } }) => component === name,
    );
    assert.ok(made);
    return made;
  };
  /** Takes all that the engine has of both away, the upper first. */
  const forget = async (): Promise<void> => {
    const docker = onlooker(engine.url);
    for (const name of [top, base]) {
      const label = [`io.layerwright.component=${name}`];
      for (const { Id } of await docker.listImages({ filters: { label } }))
        await docker.getImage(Id).remove({ force: true });
      assert.deepEqual(await docker.listImages({ all: true, filters: { label } }), []);
    }
  };

  before(async () => {
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, quiet: '1s' });
    await service.start();
  });
  after(() => service?.close());

  it('makes the same content, without any cache, and nothing is rebuilt', async () => {
    const first = await build(base, SOURCE);
    await build(top, {
      Dockerfile: `FROM registry.example.org/${space}/${base}:latest\nLABEL version="1"\nCOPY note /top\n`,
      note: 'x',
    });
    await forget();
    const second = await build(base, { ...SOURCE, README: 'nothing that the image holds\n' });
    assert.notEqual(second.image.digest, first.image.digest);
    assert.equal(second.image.content, first.image.content);
    assert.equal((await service.cli('graph', '--stale')).stdout, '');
    // A real change afterwards is answered, and alone: the planner has had its look at both.
    const third = await build(base, { ...SOURCE, note: 'another note' });
    await until('the wave is over', async () => (await service.told('wave.closed')).length > 0);
    const opened = await service.told<MessageBodies['wave.opened.v1']>('wave.opened');
    assert.deepEqual(
      opened.flatMap(({ changes }) => changes.map(({ digest }) => digest)),
      [third.image.digest],
    );
  });
});
