import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, it } from 'node:test';
import type { MessageBodies } from '../../src/messages/index.js';
import { openRegistry, type Registry } from '../../src/registry/index.js';
import { type BusPlace, describeFlow, type PlaceKind } from '../support/bus-places.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];

describeFlow('an image that no message announces', firstSkip(engine, registry, busybox), watching);

function watching({ kind, make }: PlaceKind): void {
  const space = `flow-watch-${kind}-${process.pid}`;
  /** Of its own for each bus: they share an engine, which keeps one image of a component for its cache. */
  const own = (name: string): string => `${name}-${kind}`;
  const members = (...names: readonly string[]): readonly string[] => names.map((name) => `f41/${own(name)}`);
  const outside = `${space}-others/debian`;
  let place: BusPlace;
  let service: ServiceFolder;
  let client: Registry;

  before(async () => {
    place = await make();
    const where = { bus: place.address, apart: kind !== 'embedded' };
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, quiet: '1s', ...where });
    const yaml = await readFile(service.config, 'utf8');
    await writeFile(service.config, yaml.replace('rebuilds: {', 'rebuilds: { poll: 1s, polls_per_minute: 600,'));
    client = openRegistry({ name: 'client', url: registry.url, credentials: { kind: 'none' } });
  });
  after(async () => {
    await client?.close();
    await service?.close();
    await place?.remove();
  });

  const said = <Body>(what: string): Promise<readonly Body[]> => service.told<Body>(what);

  /** Somebody else's image: what one of ours holds, as another manifest. Gives its digest. */
  const publishOutside = async (note: string): Promise<string> => {
    const ours = service.repository(own('seed'));
    const seed = await client.getManifest(ours, 'latest');
    assert.ok(seed);
    const manifest = JSON.parse(seed.bytes.toString('utf8'));
    for (const { digest } of [manifest.config, ...manifest.layers]) {
      const bytes = await client.getBlob(ours, digest, 50_000_000);
      assert.ok(bytes);
      await client.putBlob(outside, bytes);
    }
    // Space that means nothing makes another digest of the same content, for any kind of manifest.
    const bytes = Buffer.from(`${JSON.stringify(manifest)}${' '.repeat(note.length)}`);
    return client.putManifest(outside, '12', seed.mediaType, bytes);
  };

  it('is seen to have changed by asking for it, and what stands on it is rebuilt on the new one, once', async () => {
    await service.start();
    const program = await readFile(busybox.url);
    const seed = { Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY busybox /bin/sh\n', busybox: program };
    await service.said(await service.push(own('seed'), seed), 'completed');
    const first = await publishOutside('a');
    const app = `FROM registry.example.org/${outside}:12\nLABEL version="1"\nCOPY note /\n`;
    const commit = await service.push(own('app'), { Dockerfile: app, note: 'one' });
    await service.said(commit, 'completed');
    await service.said(
      await service.push(own('top'), {
        Dockerfile: `FROM registry.example.org/${space}/${own('app')}:latest\nLABEL version="1"\n`,
      }),
      'completed',
    );
    const fresh = await service.cli('graph', '--stale', '--poll');
    assert.deepEqual([fresh.code, fresh.stdout], [0, ''], fresh.stderr);

    const second = await publishOutside('bb');
    assert.notEqual(second, first);
    const [closed] = await until(
      'the wave to be over',
      async () => {
        const all = await said<MessageBodies['wave.closed.v1']>('wave.closed');
        return all.length > 0 ? all : null;
      },
      90_000,
    );
    const [opened, ...more] = await said<MessageBodies['wave.opened.v1']>('wave.opened');
    assert.ok(opened && closed);
    assert.deepEqual(more, []);
    assert.deepEqual(
      [opened.changes, opened.outside?.map(({ digest }) => digest), opened.members],
      [[], [second], members('app', 'top')],
    );
    const completed = await said<MessageBodies['build.completed.v1']>('build.completed');
    const rebuilt = completed.filter(({ build }) => build.cause.type === 'rebuild');
    assert.deepEqual(
      rebuilt.map(({ build, parents }) => [build.component, parents[0]?.digest === second]),
      [[own('app'), true]],
    );
    // The new image holds what the old one held, and so does what was built on it.
    assert.deepEqual(
      closed.results.map(({ member, outcome }) => [member, outcome]),
      [
        [...members('app'), 'completed'],
        [...members('top'), 'unchanged'],
      ],
    );
    const shown = await service.cli('graph', '--stale', '--poll');
    assert.deepEqual([shown.code, shown.stdout], [0, ''], shown.stderr);
  });
}
