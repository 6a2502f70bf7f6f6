/** What an attempt leaves in a Docker that nobody remembers: steps of a builder that was killed, alone or with the engine. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { openEngine } from '../../../src/builder/adapters/docker-engine.js';
import { openImageStore } from '../../../src/builder/adapters/image-store.js';
import { withLabels } from '../../../src/builder/decide/own-step.js';
import type { Engine } from '../../../src/builder/ports.js';
import type { HouseFacts } from '../../../src/keeper/house-facts.js';
import { imageArea } from '../../../src/keeper/image-area.js';
import { keepHouse } from '../../../src/keeper/index.js';
import type { Stream } from '../../../src/ledger/index.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { type OwnEngine, startOwnDocker } from '../../chaos/own-engine.js';
import { firstSkip, requireBusybox, requireDaemon } from '../../support/services.js';
import { until } from '../../support/until.js';
import { assertLeftovers, leftovers, makeParent, onlooker, requestOf } from './engine-fixture.js';
import { TEST_ENGINES } from './test-engines.js';

const [busybox, program] = [requireBusybox(), requireDaemon()];
const NEVER = new AbortController().signal;
const PARENT = 'layerwright-test/killed-steps:1';
const DAY = 86_400_000;
const STREAM: Stream = { component: 'app', target: 'f41' };
/** One step is done and one runs. */
const DOCKERFILE = `FROM ${PARENT}\nLABEL a=b\nRUN echo one > /one\nRUN echo begun; sleep 600`;

const labelled = (dockerfile: string, build: string) =>
  withLabels(dockerfile, {
    'io.layerwright.build': build,
    'io.layerwright.component': STREAM.component,
    'io.layerwright.target': STREAM.target,
  });
const isOurs = ({ component, target }: Stream): boolean => component === STREAM.component && target === STREAM.target;

describe('a builder that is killed', { skip: firstSkip(busybox, program), timeout: 240_000 }, () => {
  let folder: string;
  let own: OwnEngine;
  let docker: Docker;
  let engine: Engine;
  let untouched: readonly string[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lw-steps-'));
    own = await startOwnDocker(folder);
    docker = onlooker(own.host);
    await makeParent(docker, PARENT, busybox.url);
    engine = openEngine({ host: own.host });
    // A person's, from the same files: one that lost its name to another, and what a failed one left. Nameless both.
    const theirs = (last: string): string => DOCKERFILE.replace(/RUN echo begun.*/, last);
    for (const text of [theirs('RUN echo theirs > /theirs'), theirs('RUN exit 1'), `FROM ${PARENT}\nLABEL other=1`])
      await engine.build(requestOf(text, 'theirs:1', { labels: {} }), NEVER).catch(() => undefined);
    assert.equal((await docker.listImages({ filters: { dangling: ['true'] } })).length, 2);
    await engine.close();
    await docker.createContainer({ Image: PARENT, Cmd: ['/bin/true'], HostConfig: { NetworkMode: 'none' } });
    untouched = await all();
  });
  after(async () => {
    await own?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  beforeEach(() => {
    engine = openEngine({ host: own.host });
  });
  afterEach(() => engine.close());

  /** Containers and images, those between steps included. */
  async function all(): Promise<readonly string[]> {
    const containers = await docker.listContainers({ all: true });
    return [...containers, ...(await docker.listImages({ all: true }))].map(({ Id }) => Id).sort();
  }

  async function isAsBefore(): Promise<void> {
    assert.deepEqual(await all(), untouched);
  }

  /** Builds as a builder does, in a process of its own, which is killed while the last step runs. */
  async function killed(build: string, onBegun: () => unknown = () => undefined): Promise<void> {
    const { text } = labelled(DOCKERFILE, build);
    const script = fileURLToPath(new URL('./hold-build.ts', import.meta.url));
    const builder = spawn(process.execPath, ['--import', 'tsx', script, own.host, PARENT, build, text], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const exit = once(builder, 'exit');
    let said = '';
    for await (const chunk of builder.stdout) {
      said += String(chunk);
      if (!/^begun$/m.test(said)) continue;
      await onBegun();
      builder.kill('SIGKILL');
    }
    await exit;
  }

  async function killedAlone(build: string): Promise<void> {
    await killed(build);
    const ended = async (): Promise<boolean> => (await docker.listContainers({ all: true })).length === 1;
    await until('the engine has ended the step', ended, 30_000);
  }

  async function killedWithEngine(build: string): Promise<void> {
    await killed(build, () => own.kill());
    await own.start();
    // It ends what its predecessor ran, and may answer before that.
    await until('no step runs', async () => (await docker.listContainers()).length === 0, 30_000);
  }

  test('leaves a step that goes when no build of its component runs, and nothing of a person’s', async () => {
    await killedAlone('killed');
    const left = await all();
    assert.equal(left.length, untouched.length + 2, 'the label and the step that was done');

    await engine.cleanUp('killed');
    await engine.cleanUp('next', { hasEnded: () => true });
    await engine.cleanUp('next', { isIdle: (stream) => !isOurs(stream) });
    assert.deepEqual(await all(), left, 'it may be somebody’s cache');
    await engine.cleanUp('next', { isIdle: isOurs });
    await isAsBefore();
  });

  test('together with its engine leaves a container that goes with the next build that ends, when its own has', async () => {
    await killedWithEngine('killed');
    const left = await all();
    assert.equal(left.length, untouched.length + 3);

    await engine.cleanUp('next', { isIdle: isOurs });
    assert.deepEqual(await all(), left, 'its build may begin again');
    await engine.cleanUp('next', { hasEnded: (build) => build === 'killed', isIdle: isOurs });
    await isAsBefore();
  });

  test('together with its engine leaves what the keeper takes away when there is no next build', async () => {
    await killedWithEngine('killed');
    const store = openImageStore({ host: own.host });
    const clock = { ...systemClock, now: () => new Date(Date.now() + 61_000) };
    const round = (ended: boolean) => {
      const row = { ended, endedAt: ended ? Date.now() - DAY : null, busy: !ended };
      const facts = {
        imageBuild: (id: string) => (id === 'killed' ? row : null),
        stream: (stream: Stream) => (isOurs(stream) ? row : null),
        parents: new Map(),
      } as unknown as HouseFacts;
      const area = imageArea({ store, facts, keepBytes: 1e9, graceMs: DAY, clock });
      return keepHouse([area], { dryRun: false, signal: NEVER, isOurs: async () => true });
    };
    try {
      assert.equal((await round(false)).gone, 0);
      const { gone, stayed, faults } = await round(true);
      assert.deepEqual([gone, stayed, faults], [2, 0, []]);
      await isAsBefore();
    } finally {
      store.close();
    }
  });
});

for (const { name, service, cached, tidyMs } of TEST_ENGINES) {
  test(`the mark keeps no step from the cache, and ends with the build (${name})`, {
    skip: firstSkip(busybox, service),
    timeout: 120_000,
  }, async () => {
    const docker = onlooker(service.url);
    const engine = openEngine({ host: service.url });
    const builds = [1, 2].map((number) => `mark-${process.pid}-${number}`);
    await makeParent(docker, PARENT, busybox.url);
    const before = await leftovers(docker);
    try {
      for (const build of builds) {
        const { text, rest, steps } = labelled(`FROM ${PARENT}\nLABEL a=b\nRUN date +%N > /one`, build);
        const request = requestOf(text, `${build}:1`, { build, labels: rest, ownSteps: steps, useCache: true });
        const { id } = await engine.build(request, NEVER);
        const { Labels } = (await docker.getImage(id).inspect()).Config;
        assert.deepEqual([Labels['a'], Labels['io.layerwright.build']], ['b', build]);
        const fromCache = request.lines.filter((line) => cached.test(line));
        assert.equal(fromCache.length, build === builds[0] ? 0 : 2, request.lines.join('\n'));
      }
    } finally {
      for (const build of builds) await engine.removeReference(`${build}:1`);
      for (const build of builds) await engine.cleanUp(build);
      await engine.close();
    }
    await assertLeftovers(docker, before, tidyMs);
  });
}

describe('a builder that lost a build to another engine', { skip: firstSkip(busybox, program) }, () => {
  test('takes what it had made of it away when the build has ended there', { timeout: 120_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lw-steps-'));
    const own = await startOwnDocker(folder);
    const docker = onlooker(own.host);
    const engine = openEngine({ host: own.host });
    try {
      await makeParent(docker, PARENT, busybox.url);
      const before = (await docker.listImages({ all: true })).length;
      const lost = new AbortController();
      const text = DOCKERFILE.replace('LABEL a=b\n', '');
      const request = requestOf(text, 'lost', { onLine: (line) => line === 'begun' && lost.abort() });
      await assert.rejects(engine.build(request, lost.signal));
      await engine.cleanUp('next', { hasEnded: (build) => build === 'other' });
      assert.equal((await docker.listImages({ all: true })).length, before + 1, 'the build has not ended');
      await engine.cleanUp('next', { hasEnded: (build) => build === 'lost' });
      assert.equal((await docker.listImages({ all: true })).length, before);
    } finally {
      await engine.close();
      await own.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  });
});
