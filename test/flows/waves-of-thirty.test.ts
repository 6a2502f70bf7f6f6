/** Thirty images on four levels, rebuilt as separate processes that are killed meanwhile: each once, in order, on its new parents. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { MessageBodies } from '../../src/messages/index.js';
import { openRegistry } from '../../src/registry/index.js';
import { type BrokerKind, OWN_BROKERS, type OwnBroker } from '../support/own-brokers.js';
import { ServiceFolder, type ServiceProcess } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];

const EMBEDDED = { kind: 'embedded', skip: false, prepare: async () => null } as const;

/** A claim lapses within 10 s, and the planner looks twice, 20 s apart, before it asks again; milliseconds. */
const RETAKEN_MS = 150_000;
/** For thirty images, on a machine that has other work; milliseconds. */
const BUILT_MS = 120_000;

/** Of each image what it stands on: the first by `FROM`, others by `COPY --from=`. */
const PARENTS = new Map<string, readonly string[]>([
  ['base', []],
  ...Array.from({ length: 6 }, (_, n) => [`lang-${n}`, ['base']] as const),
  ...Array.from(
    { length: 12 },
    (_, n) => [`stack-${n}`, [`lang-${n % 6}`, ...(n < 2 ? [`lang-${n + 1}`] : [])]] as const,
  ),
  ...Array.from(
    { length: 11 },
    (_, n) => [`app-${n}`, [`stack-${n}`, ...(n === 10 ? ['stack-0', 'base'] : [])]] as const,
  ),
]);

type Completed = MessageBodies['build.completed.v1'];
type Started = MessageBodies['build.started.v1'];
type Failed = MessageBodies['build.failed.v1'];
type Opened = MessageBodies['wave.opened.v1'];
type Closed = MessageBodies['wave.closed.v1'];

describe('a wave over thirty images', { concurrency: true }, () => {
  for (const bus of [EMBEDDED, ...OWN_BROKERS])
    describe(`on ${bus.kind}`, { skip: firstSkip(engine, registry, busybox) || bus.skip }, () => ofThirty(bus));
});

function ofThirty({ kind, prepare }: typeof EMBEDDED | BrokerKind): void {
  const space = `flow-thirty-${kind}-${process.pid}`;
  /** Of its own for each bus: they share an engine, which keeps one image of a component for its cache. */
  const own = (name: string): string => `${name}-${kind}`;
  let service: ServiceFolder;
  let program: Buffer;
  let broker: OwnBroker | null = null;
  const running = new Map<string, ServiceProcess>();

  const said = <Body>(what: string): Promise<readonly Body[]> => service.told<Body>(what);
  const sourceOf = (name: string, note: string): Readonly<Record<string, string | Uint8Array>> => {
    const [first, ...others] = PARENTS.get(name) ?? [];
    const from = (parent: string): string => `registry.example.org/${space}/${own(parent)}:latest`;
    if (first === undefined)
      return {
        Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY busybox /bin/sh\nCOPY note /base\n',
        busybox: program,
        note,
      };
    const copies = others.map((parent) => `COPY --from=${from(parent)} /${parent} /of-${parent}\n`).join('');
    return { Dockerfile: `FROM ${from(first)}\nLABEL version="1"\nCOPY note /${name}\n${copies}`, note };
  };
  const start = async (name: string): Promise<void> => {
    running.set(name, await service.run(name.replace(/-\d$/, '')));
  };
  /** The process dies at once, and another one takes its place. */
  const replace = async (name: string): Promise<void> => {
    await running.get(name)?.stop('SIGKILL');
    await start(name);
  };

  before(async () => {
    program = await readFile(busybox.url);
    broker = await prepare();
    await broker?.start();
    const where = broker === null ? {} : { bus: broker.url };
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, quiet: '1s', ...where });
    for (const name of ['trigger-1', 'planner-1', 'planner-2', 'builder-1', 'builder-2']) await start(name);
    // All are pushed together: who waits for a parent is begun when it has come.
    for (const name of PARENTS.keys()) await service.push(own(name), sourceOf(name, 'one'));
    await until(
      'all have an image',
      async () => new Set((await said<Completed>('build.completed')).map(({ build }) => build.component)).size === 30,
      BUILT_MS,
    );
    await until('no wave is open', async () => {
      const closed = await said<Closed>('wave.closed');
      return (await said<Opened>('wave.opened')).length === closed.length;
    });
  });
  after(async () => {
    await service?.close();
    await broker?.stop();
  });

  it('builds each once, in order and on its new parents, while planner and builders are killed', async () => {
    const before = new Set((await said<Opened>('wave.opened')).map(({ wave }) => wave.id));
    await service.said(await service.push(own('base'), sourceOf('base', 'two')), 'completed', BUILT_MS);
    const opened = await until(
      'a wave is open',
      async () => (await said<Opened>('wave.opened')).find(({ wave }) => !before.has(wave.id)) ?? null,
    );
    assert.equal(opened.members.length, 29);
    const inWave = ({ build: { cause } }: { readonly build: Completed['build'] }): boolean =>
      cause.wave === opened.wave.id;
    const rebuilt = async (): Promise<readonly Completed[]> =>
      (await said<Completed>('build.completed')).filter(inWave);

    await until('some are done', async () => (await rebuilt()).length >= 3);
    const active = await service.bus.holder('planner');
    const planner = [...running].find(([, { id }]) => id === active)?.[0] ?? '';
    assert.ok(planner.startsWith('planner'), `${planner} plans`);
    await replace(planner);
    // The builder that began last has a build in hand.
    const begun = (await said<Started>('build.started')).filter(inWave).at(-1)?.process.id;
    const builder = [...running].find(([, { id }]) => id === begun)?.[0] ?? 'builder-1';
    await replace(builder);
    const many = Math.max(10, (await rebuilt()).length + 1);
    await until('more are done', async () => (await rebuilt()).length >= many, RETAKEN_MS);
    await replace(builder === 'builder-1' ? 'builder-2' : 'builder-1');

    const closed = await until(
      'the wave is over',
      async () => (await said<Closed>('wave.closed')).find(({ wave }) => wave.id === opened.wave.id) ?? null,
      RETAKEN_MS,
    );
    // Why one failed tells more than that it did.
    assert.deepEqual(
      (await said<Failed>('build.failed')).map(
        ({ build, failure }) => `${build.component}: ${failure.message} ${failure.detail}`,
      ),
      [],
    );
    assert.deepEqual(
      closed.results.filter(({ outcome }) => outcome !== 'completed'),
      [],
    );
    const all = await said<Completed>('build.completed');
    const now = new Map(all.map((each) => [each.build.component, each]));
    const place = new Map(all.map(({ build }, index) => [build.component, index]));
    assert.deepEqual(
      [...(await rebuilt())].map(({ build }) => build.component).sort(),
      [...PARENTS.keys()]
        .filter((name) => name !== 'base')
        .map(own)
        .sort(),
    );
    const client = openRegistry({ name: 'test', url: registry.url, credentials: { kind: 'none' } });
    for (const [name, parents] of PARENTS) {
      const { parents: stoodOn, image } = now.get(own(name)) ?? assert.fail(name);
      assert.deepEqual(
        stoodOn.map(({ digest }) => digest).sort(),
        parents.map((parent) => now.get(own(parent))?.image.digest).sort(),
        `${name} stands on what its parents are now`,
      );
      for (const parent of parents) assert.ok((place.get(own(parent)) ?? 0) < (place.get(own(name)) ?? 0), name);
      assert.equal((await client.head(service.repository(own(name)), 'latest'))?.digest, image.digest, name);
    }
    await client.close();
    assert.equal((await service.cli('graph', '--stale')).stdout, '');
    assert.equal((await said<Opened>('wave.opened')).length, before.size + 1);
  });
}
