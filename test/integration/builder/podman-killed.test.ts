/** What builds leave in a Podman that is killed under them: working containers, which hold the images that they stand on. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type Docker from 'dockerode';
import { openEngine } from '../../../src/builder/adapters/docker-engine.js';
import { openImageStore } from '../../../src/builder/adapters/image-store.js';
import type { Engine } from '../../../src/builder/ports.js';
import type { HouseFacts } from '../../../src/keeper/house-facts.js';
import { imageArea } from '../../../src/keeper/image-area.js';
import { keepHouse } from '../../../src/keeper/index.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { type OwnEngine, startOwnPodman } from '../../chaos/own-engine.js';
import { firstSkip, requireBusybox, requirePodmanProgram } from '../../support/services.js';
import { until } from '../../support/until.js';
import { makeParent, onlooker, requestOf } from './engine-fixture.js';

const [busybox, program] = [requireBusybox(), requirePodmanProgram()];
const NEVER = new AbortController().signal;
const PARENT = 'layerwright-test/podman-killed:1';
const DAY = 86_400_000;
const [KILLED, NEXT] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
const nameOf = (build: string): string => `127.0.0.1:5000/space/app:build-${build}.1`;

interface Working {
  readonly Id: string;
  readonly ImageID: string;
  readonly Created: string;
}

describe('a Podman that is killed under a build', { skip: firstSkip(busybox, program), timeout: 180_000 }, () => {
  let folder: string;
  let podman: OwnEngine;
  let docker: Docker;
  let engine: Engine;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lw-podman-'));
    podman = await startOwnPodman(folder);
    docker = onlooker(podman.host);
    engine = openEngine({ host: podman.host });
    await makeParent(docker, PARENT, busybox.url);
    await killUnderBuild();
  });
  afterEach(async () => {
    await engine.close();
    await podman.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  /** One step is done and one runs when engine and builder are gone; then there are new ones. */
  async function killUnderBuild(): Promise<void> {
    const killed = begin(KILLED, 'sleep 600', () => podman.kill());
    await assert.rejects(killed, { code: 'engine_unavailable' });
    await engine.close();
    await podman.start();
    engine = openEngine({ host: podman.host });
    assert.equal((await workingOn(KILLED)).length, 1, 'a working container is still there');
  }

  function begin(build: string, last: string, onBegun: () => unknown): Promise<unknown> {
    const dockerfile = `FROM ${PARENT}\nRUN echo one > /one\nRUN echo begun; ${last}`;
    return engine.build(
      requestOf(dockerfile, nameOf(build), {
        build,
        labels: { 'io.layerwright.build': build },
        useCache: true,
        onLine: (line) => line === 'begun' && onBegun(),
      }),
      NEVER,
    );
  }

  async function imagesOf(build: string): Promise<readonly string[]> {
    const filters = { label: [`io.layerwright.build=${build}`] };
    return (await docker.listImages({ all: true, filters })).map(({ Id }) => Id.replace('sha256:', ''));
  }

  async function workingOn(build: string): Promise<readonly Working[]> {
    const images = await imagesOf(build);
    const request = {
      path: '/v4.0.0/libpod/containers/json?',
      method: 'GET',
      options: { all: 'true', external: 'true' },
      statusCodes: { 200: true },
    };
    const listed = await new Promise<unknown>((resolve, reject) => {
      docker.modem.dial(request, (error: Error | null, data: unknown) => (error ? reject(error) : resolve(data)));
    });
    return (listed as Working[]).filter(({ ImageID }) => images.includes(ImageID));
  }

  /** A young one is spared: its build may be about to mount it. */
  async function grown(): Promise<void> {
    const isOld = ({ Created }: Working): boolean => Date.now() - Date.parse(Created) >= 5_000;
    await until('the working containers are no young ones', async () => (await workingOn(KILLED)).every(isOld));
  }

  /** As one that Podman was killed over: its own list of the nameless does not have it. */
  async function nameAsWritten(): Promise<void> {
    const [image = ''] = await imagesOf(KILLED);
    await docker.getImage(image).tag({ repo: `docker.io/library/${'ab'.repeat(32)}-tmp`, tag: 'latest' });
    assert.deepEqual(await docker.listImages({ filters: { dangling: ['true'] } }), []);
  }

  async function keptWhenEnded(): Promise<void> {
    const store = openImageStore({ host: podman.host });
    const round = (ended: boolean) => {
      const facts = {
        imageBuild: (id: string) =>
          id === KILLED ? { ended, endedAt: ended ? Date.now() - DAY : null, busy: !ended } : null,
        parents: new Map(),
      } as unknown as HouseFacts;
      const clock = { ...systemClock, now: () => new Date(Date.now() + 61_000) };
      const area = imageArea({ store, facts, keepBytes: 1e9, graceMs: DAY, clock });
      return keepHouse([area], { dryRun: false, signal: NEVER, isOurs: () => Promise.resolve(true) });
    };
    try {
      assert.equal((await round(false)).gone, 0);
      const { gone, faults } = await round(true);
      assert.deepEqual(faults, []);
      assert.equal(gone, 1);
      assert.deepEqual(await imagesOf(KILLED), []);
      assert.ok((await docker.listImages()).some(({ RepoTags }) => RepoTags?.some((name) => name.endsWith(PARENT))));
    } finally {
      store.close();
    }
  }

  test('leaves an image that the next clean-up takes away, but not from a build that has it as its cache', async () => {
    let begun = false;
    const next = begin(NEXT, 'sleep 15', () => {
      begun = true;
    });
    await until('the other build is at its step', () => begun, 30_000);
    assert.equal((await workingOn(KILLED)).length, 2);
    await grown();
    await engine.cleanUp(KILLED);
    assert.equal((await workingOn(KILLED)).length, 1, 'that of the build that runs, and only that');
    await next;
    await engine.removeReference(nameOf(NEXT));
    await engine.cleanUp(NEXT);
    await engine.cleanUp(KILLED);
    assert.deepEqual([...(await imagesOf(NEXT)), ...(await imagesOf(KILLED))], []);
  });

  test('leaves an image that goes with the next build that ends, when its own has ended too', async () => {
    await grown();
    await engine.cleanUp(NEXT);
    assert.equal((await imagesOf(KILLED)).length, 1, 'its build may begin again');
    await engine.cleanUp(NEXT, { hasEnded: (build) => build === KILLED });
    assert.deepEqual(await imagesOf(KILLED), []);
  });

  test('leaves an image half written, with which Podman lists none: the next clean-up takes it away', async () => {
    await grown();
    await begin(NEXT, 'true', () => undefined);
    const { Id: image } = await docker.getImage(nameOf(NEXT)).inspect();
    const storage = join(folder, 'storage');
    const images = (await readdir(storage)).find((name) => name.endsWith('-images')) ?? '';
    await rm(join(storage, images, image.replace('sha256:', ''), 'manifest'));
    await assert.rejects(docker.listImages({ all: true }), /consider removing the image/);
    await engine.cleanUp(KILLED);
    const left = await docker.listImages({ all: true });
    assert.ok(!left.some(({ Id }) => Id === image));
    assert.ok(left.some(({ RepoTags }) => RepoTags?.some((name) => name.endsWith(PARENT))));
  });

  test('leaves an image by the name that Podman gives what it writes: it is nobody’s', async () => {
    await grown();
    await nameAsWritten();
    await engine.cleanUp(NEXT);
    assert.equal((await imagesOf(KILLED)).length, 1, 'it may be written yet');
    await engine.cleanUp(NEXT, { hasEnded: (build) => build === KILLED });
    assert.deepEqual(await imagesOf(KILLED), []);
  });

  test('leaves an image by that name that goes with its own build’s next clean-up', async () => {
    await grown();
    await nameAsWritten();
    await engine.cleanUp(KILLED);
    assert.deepEqual(await imagesOf(KILLED), []);
  });

  test('leaves an image by that name that the keeper takes away when the build has ended', async () => {
    await grown();
    await nameAsWritten();
    await keptWhenEnded();
  });

  test('leaves an image that the keeper takes away when the build has ended', async () => {
    await grown();
    await keptWhenEnded();
  });
});
