import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import type Docker from 'dockerode';
import { type Engine, type ImageStore, openEngine, openImageStore } from '../../../src/builder/index.js';
import type { ImageBuild } from '../../../src/keeper/decide/images.js';
import type { HouseFacts } from '../../../src/keeper/house-facts.js';
import { imageArea } from '../../../src/keeper/image-area.js';
import { keepHouse, type Round } from '../../../src/keeper/index.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { firstSkip, requireBusybox, requireRegistry } from '../../support/services.js';
import { makeParent, onlooker, requestOf } from '../builder/engine-fixture.js';
import { DOCKER, PODMAN, type TestEngine } from '../builder/test-engines.js';

const [registry, busybox] = [requireRegistry(), requireBusybox()];
const DAY = 86_400_000;
const MANIFESTS = 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json';
const HOST = new URL(registry.skip === false ? registry.url : 'http://none').host;

type Facts = Pick<HouseFacts, 'imageBuild' | 'parents'>;

const ENDED: ImageBuild = { ended: true, endedAt: Date.now() - 5 * DAY, busy: false };

for (const tested of [DOCKER, PODMAN])
  suite(`the images of a real engine, ${tested.kind}`, { skip: firstSkip(tested.service, registry, busybox) }, () =>
    contract(tested),
  );

function contract({ kind, service: engine }: TestEngine): void {
  const space = `keeper-${kind}-${process.pid}`;
  const person = `${space}-person:1`;
  let docker: Docker;
  let builder: Engine;
  let store: ImageStore;
  /** A parent as builds pull it: by digest, without a name. */
  let parent = '';

  before(async () => {
    docker = onlooker(engine.url);
    builder = openEngine({ host: engine.url });
    store = openImageStore({ host: engine.url });
    await makeParent(docker, person, busybox.url);
    const name = `${HOST}/${space}/parent`;
    const { reference } = await build(`FROM ${person}\nRUN echo parent > /parent\n`, `${name}:1`);
    await builder.push(reference, null, AbortSignal.timeout(60_000));
    await builder.removeReference(reference);
    // By what the registry says: Podman pushes another manifest than it has.
    const head = await fetch(`${registry.url}/v2/${space}/parent/manifests/1`, {
      method: 'HEAD',
      headers: { accept: MANIFESTS },
    });
    parent = `${name}@${head.headers.get('docker-content-digest')}`;
    assert.match(parent, /@sha256:/);
  });

  after(async () => {
    const isOurs = (name: string): boolean => name.includes(space);
    for (const image of (await store?.images()) ?? []) {
      for (const name of image.names.filter(isOurs)) await builder.removeReference(name);
      // What is known by its digest alone has no name that could be taken away.
      for (const name of image.digests.filter(isOurs)) await store.removeImage(name, image);
    }
    await builder?.close();
    store?.close();
  });

  async function build(
    dockerfile: string,
    reference: string,
    useCache = true,
  ): Promise<{ reference: string; id: string }> {
    const id = randomUUID();
    const labels = { 'io.layerwright.build': id };
    await builder.build(
      { ...requestOf(dockerfile, reference, { labels, useCache }), build: id },
      AbortSignal.timeout(60_000),
    );
    return { reference, id };
  }

  /** An image as a completed push leaves it; gives the build's id. */
  async function cached(name: string, dockerfile: string): Promise<string> {
    const made = await build(dockerfile, `${HOST}/${space}/${name}:build-${randomUUID()}.1`);
    await builder.keepAsCache(made.reference, cacheOf(name));
    return made.id;
  }

  /** Podman puts a host before a name that has none. */
  const cacheOf = (name: string): string =>
    `${kind === 'podman' ? 'localhost/' : ''}layerwright-cache/${space}/${name}:latest`;

  const keep = (facts: Facts, options: { dryRun?: boolean; keepBytes?: number; signal?: AbortSignal } = {}) => {
    const { dryRun = false, keepBytes = 0, signal = new AbortController().signal } = options;
    const gone: string[] = [];
    const area = imageArea({ store, facts: facts as HouseFacts, keepBytes, graceMs: 60_000, clock: systemClock });
    const onItem = ({ name }: { name: string }, outcome: string | null): void => {
      if (outcome === null || outcome === 'gone') gone.push(name);
    };
    const round = keepHouse([area], { dryRun, signal, isOurs: () => Promise.resolve(true), onItem });
    return round.then((done): Round & { readonly names: readonly string[] } => ({ ...done, names: gone }));
  };

  /** The log knows these builds, and the parent. */
  const knowing = (builds: Readonly<Record<string, ImageBuild>>, usedAt = Date.now() - 9 * DAY): Facts => ({
    imageBuild: (id) => builds[id] ?? null,
    parents: new Map([[parent.slice(parent.indexOf('@') + 1), { usedAt, busy: false }]]),
  });

  const has = async (name: string): Promise<boolean> =>
    (await store.images()).some(({ names, digests }) =>
      [...names, ...digests].some((one) => one === name || one.endsWith(`/${name}`)),
    );

  test('cache goes oldest first until the rest fits, then the parent; a person’s image stays', async () => {
    const first = await cached('first', `FROM ${parent}\nRUN head -c 3000000 /dev/zero > /first\n`);
    const second = await cached('second', `FROM ${parent}\nRUN head -c 2000000 /dev/zero > /second\n`);
    const facts = knowing({
      [first]: { ...ENDED, endedAt: Date.now() - 5 * DAY },
      [second]: { ...ENDED, endedAt: Date.now() - 3 * DAY },
    });

    const roomy = await keep(facts, { dryRun: true, keepBytes: 1e9 });
    assert.deepEqual(roomy.names, []);
    const shown = await keep(facts, { dryRun: true });
    assert.deepEqual(shown.names, [cacheOf('first'), cacheOf('second'), parent]);
    assert.ok(await has(cacheOf('first')), 'a dry run touches nothing');
    const { Size } = await docker.getImage(parent).inspect();
    const more = shown.bytes - Size - 5_000_000;
    assert.ok(more >= 0 && more < 100_000, `${shown.bytes} bytes: what the two share counts once`);

    const half = await keep(facts, { keepBytes: shown.bytes - 1 });
    assert.deepEqual(half.names, [cacheOf('first')]);
    assert.ok(half.bytes >= 3_000_000);
    const rest = await keep(facts);
    assert.deepEqual(rest.names, [cacheOf('second'), parent]);
    for (const name of [cacheOf('first'), cacheOf('second'), parent]) assert.equal(await has(name), false, name);
    assert.ok(await has(person));
    assert.deepEqual((await keep(facts)).names, [], 'once more finds nothing');
  });

  test('what a build that ended has left behind goes, what the log does not know stays', async () => {
    const ended = randomUUID();
    const left = `${HOST}/${space}/left:build-${ended}.1`;
    const unknown = `${HOST}/${space}/left:build-${randomUUID()}.1`;
    await build(`FROM ${parent}\nRUN echo left > /left\n`, left);
    await build(`FROM ${parent}\nRUN echo unknown > /unknown\n`, unknown);
    const old = { ...knowing({ [ended]: ENDED }), parents: new Map() };
    const roundIn = (ms: number): Promise<Round> => {
      const clock = { ...systemClock, now: () => new Date(Date.now() + ms) };
      const facts = old as unknown as HouseFacts;
      const area = imageArea({ store, facts, keepBytes: 1e9, graceMs: DAY, clock });
      const signal = new AbortController().signal;
      return keepHouse([area], { dryRun: false, signal, isOurs: () => Promise.resolve(true) });
    };
    assert.equal((await roundIn(0)).gone, 0, 'the image is seconds old');
    assert.equal((await roundIn(61_000)).gone, 1);
    assert.equal(await has(left), false);
    assert.equal(await has(unknown), true);
  });

  test('a build that runs meanwhile is not harmed, with the cache and the parent that are to go', async () => {
    const dockerfile = `FROM ${parent}\nRUN echo one > /one\nRUN sleep 1; echo two > /two\nRUN sleep 1; echo three > /three\n`;
    const id = await cached('busy', dockerfile);
    const facts = knowing({ [id]: ENDED });
    const done = new AbortController();
    const building = untilNoneIsGone(() =>
      build(`${dockerfile}RUN sleep 1; echo four > /four\n`, `${HOST}/${space}/busy:next`),
    ).finally(() => done.abort());
    const faults: Error[] = [];
    let rounds = 0;
    while (!done.signal.aborted) {
      const round = await keep(facts);
      faults.push(...round.faults.map(({ error }) => error));
      rounds += 1;
    }
    await building;
    assert.deepEqual(faults, []);
    // A round on Podman, slow to remove and to refuse, may take as long as the build.
    assert.ok(rounds > (kind === 'podman' ? 0 : 1));
    assert.ok(await has(`${HOST}/${space}/busy:next`));
  });

  test('a digest whose name has gone has gone too, and the image stays under its other name', async () => {
    const [one, other] = [`${space}-one`, `${space}-other:1`];
    await makeParent(docker, `${one}:1`, busybox.url);
    await docker.getImage(`${one}:1`).tag({ repo: `${space}-other`, tag: '1' });
    const image = (await store.images()).find(({ names }) => names.some((name) => name.endsWith(other)));
    assert.ok(image);
    assert.equal(await store.removeImage(`${one}:1`, image), true);
    const digests = image.digests.filter((name) => name.includes(`${one}@`));
    // Docker knows a digest only of what it has pushed or pulled.
    assert.equal(digests.length > 0, kind === 'podman');
    for (const digest of digests) assert.equal(await store.removeImage(digest, image), true);
    assert.ok(await has(other));
  });

  test('an engine that is away is a fault of its place, and no more', async () => {
    const away = openImageStore({ host: 'unix:///nowhere/docker.sock' });
    const area = imageArea({
      store: away,
      facts: knowing({}) as HouseFacts,
      keepBytes: 0,
      graceMs: 0,
      clock: systemClock,
    });
    const round = await keepHouse([area], {
      dryRun: false,
      signal: new AbortController().signal,
      isOurs: () => Promise.resolve(true),
    });
    assert.deepEqual(
      round.faults.map(({ place }) => place),
      ['engine unix:///nowhere/docker.sock'],
    );
    away.close();
  });
}

/** An image may go under a build at the very moment it is taken for cache: that passes, and the builder tries again. */
async function untilNoneIsGone<T>(build: () => Promise<T>, tries = 5): Promise<T> {
  try {
    return await build();
  } catch (thrown) {
    if (tries > 1 && thrown instanceof ServiceError && thrown.transient) return untilNoneIsGone(build, tries - 1);
    throw thrown;
  }
}
