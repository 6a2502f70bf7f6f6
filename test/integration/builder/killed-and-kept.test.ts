/** What builds leave in an engine when their image is elsewhere, or when they are killed together with it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import { openEngine } from '../../../src/builder/adapters/docker-engine.js';
import { leaveEngineClean } from '../../../src/builder/leftovers.js';
import type { Engine } from '../../../src/builder/ports.js';
import { endChild } from '../../support/end-child.js';
import { clearDaemon, containerdEnded, daemonArguments } from '../../support/engine-daemon.js';
import { firstSkip, requireBusybox, requireDaemon, requireEngine } from '../../support/services.js';
import { until } from '../../support/until.js';
import {
  assertLeftovers,
  contextOf,
  type Leftovers,
  leftovers,
  makeParent,
  onlooker,
  requestOf,
} from './engine-fixture.js';
import { TEST_ENGINES } from './test-engines.js';

const busybox = requireBusybox();
const NEVER = new AbortController().signal;
const PARENT = 'layerwright-test/kept-parent:1';

type Place = Parameters<typeof leaveEngineClean>[1];
type Row = Parameters<typeof leaveEngineClean>[2];

for (const { kind, service, tidyMs } of TEST_ENGINES) {
  describe(`the cache in the engine ${kind}`, { skip: firstSkip(service, busybox) }, () => {
    const space = `kept-${kind}-${process.pid}`;
    const cache = `layerwright-cache/${space}/app:latest`;
    const nameOf = (build: string): string => `127.0.0.1:5000/${space}/app:build-${build}.1`;
    let docker: Docker;
    let engine: Engine;
    let untouched: Leftovers;

    before(async () => {
      docker = onlooker(service.url);
      engine = openEngine({ host: service.url });
      await makeParent(docker, PARENT, busybox.url);
      untouched = await leftovers(docker);
    });
    after(async () => {
      await engine?.removeReference(cache);
      await engine?.close();
    });

    const made = async (build: string, dockerfile: string): Promise<string> => {
      const labels = { 'io.layerwright.build': build };
      const request = requestOf(dockerfile, nameOf(build), { build, labels, useCache: true });
      return (await engine.build(request, NEVER)).id;
    };
    /** What a builder does after a completed push. */
    const leaveClean = (build: string): Promise<void> => {
      const cause = { type: 'push' };
      const place = { id: build, attempt: 1, component: 'app', target: space, kind: 'official', cause };
      const row = { state: 'completed', attempt: 1 } as unknown as Row;
      return leaveEngineClean(
        engine,
        { build: place, repository: `${space}/app`, engineHost: '127.0.0.1:5000' } as unknown as Place,
        row,
      );
    };

    test('stays when the next image is in another engine, and the rest of that build goes', async () => {
      const one = await made('one', `FROM ${PARENT}\nRUN echo one > /one`);
      await leaveClean('one');
      assert.equal((await docker.getImage(cache).inspect()).Id, one);
      // A nameless image is all that the build has here: its name went to another.
      await made('two', `FROM ${PARENT}\nRUN echo two > /two\nLABEL io.layerwright.build='two'`);
      await docker.getImage(PARENT).tag({ repo: `127.0.0.1:5000/${space}/app`, tag: 'build-two.1' });
      await docker.getImage(nameOf('two')).remove();
      assert.notDeepEqual(await leftovers(docker), untouched);

      await leaveClean('two');
      assert.equal((await docker.getImage(cache).inspect()).Id, one, 'the old cache is still there');
      await assertLeftovers(docker, untouched, tidyMs);
    });

    test('goes, and a nameless image that a person has made of it stays', async () => {
      const id = await made('seven', `FROM ${PARENT}\nRUN echo seven > /seven\nLABEL io.layerwright.build='seven'`);
      await leaveClean('seven');
      const mine = await makeNameless(docker, `FROM ${cache}\nRUN echo mine > /mine`);
      await engine.removeReference(cache);
      await engine.cleanUp('seven');
      assert.equal((await docker.getImage(mine).inspect()).Id, mine);
      await docker.getImage(mine).remove();
      await assert.rejects(docker.getImage(id).inspect(), { statusCode: 404 });
      await assertLeftovers(docker, untouched, tidyMs);
    });

    test('is replaced without the layers that both share, and a name that somebody gave it stays', async () => {
      const shared = `FROM ${PARENT}\nRUN date +%N > /shared\n`;
      const old = await made('four', `${shared}RUN echo four > /last`);
      await leaveClean('four');
      // A process was killed while it replaced the one before that.
      await docker
        .getImage(await made('lost', `FROM ${PARENT}\nRUN echo lost`))
        .tag({ repo: cache.slice(0, -7), tag: 'latest-before' });
      await engine.removeReference(nameOf('lost'));
      const next = await made('five', `${shared}RUN echo five > /last`);
      await leaveClean('five');
      assert.equal((await docker.getImage(cache).inspect()).Id, next);
      await assert.rejects(docker.getImage(old).inspect(), { statusCode: 404 });
      await assertLeftovers(docker, untouched, tidyMs);

      const named = `layerwright-test/${space}:mine`;
      await docker.getImage(cache).tag({ repo: `layerwright-test/${space}`, tag: 'mine' });
      await made('six', `${shared}RUN echo six > /last`);
      await leaveClean('six');
      const { Id, RepoTags } = await docker.getImage(named).inspect();
      assert.equal(Id, next);
      assert.equal(RepoTags.length, 1, RepoTags.join());
      await engine.removeReference(named);
      await engine.removeReference(cache);
      await assertLeftovers(docker, untouched, tidyMs);
    });
  });
}

/** As a person does, without any of our labels; its name goes to another image. Gives its id. */
async function makeNameless(docker: Docker, dockerfile: string): Promise<string> {
  const [repo, tag] = ['layerwright-test/mine', 'latest'];
  const how = { t: `${repo}:${tag}`, rm: true, forcerm: true, networkmode: 'none' };
  for await (const _ of await docker.buildImage(contextOf({ Dockerfile: dockerfile }), how));
  const { Id } = await docker.getImage(`${repo}:${tag}`).inspect();
  await docker.getImage(PARENT).tag({ repo, tag });
  await docker.getImage(`${repo}:${tag}`).remove();
  return Id;
}

const program = requireDaemon();

describe('a builder that is killed together with its engine', { skip: firstSkip(busybox, program) }, () => {
  let folder: string;
  let daemon: ChildProcess;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'layerwright-killed-'));
  });
  afterEach(async () => {
    await endChild(daemon, 'SIGTERM');
    await clearDaemon(folder);
    await rm(folder, { recursive: true, force: true });
  });
  const start = async (): Promise<string> => {
    const { host, args } = daemonArguments(folder);
    daemon = spawn(program.url, args, { stdio: 'ignore' });
    const isUp = (): Promise<boolean> =>
      onlooker(host)
        .ping()
        .then(Boolean, () => false);
    await until('the engine is up', isUp, 30_000);
    return host;
  };

  test('leaves a container that the next attempt knows, and it takes nobody else’s', { timeout: 120_000 }, async () => {
    const host = await start();
    const docker = onlooker(host);
    await makeParent(docker, PARENT, busybox.url);
    // A person's that looks like a step, one of another build, and one that only has a name like ours.
    const step = { Image: PARENT, Cmd: ['/bin/sh', '-c', 'echo begun; sleep 600'] };
    for (const hosts of [[], ['other.build.layerwright.invalid:192.0.2.1'], ['x.killed.build.layerwright.invalid:::1']])
      await docker.createContainer({ ...step, HostConfig: { NetworkMode: 'none', ExtraHosts: hosts } });
    const before = await leftovers(docker);

    const script = fileURLToPath(new URL('./hold-build.ts', import.meta.url));
    const builder = spawn(process.execPath, ['--import', 'tsx', script, host, PARENT, 'killed'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ends = [once(builder, 'exit'), once(daemon, 'exit')];
    let said = '';
    for await (const chunk of builder.stdout) {
      said += String(chunk);
      if (!/^begun$/m.test(said)) continue;
      daemon.kill('SIGKILL');
      builder.kill('SIGKILL');
    }
    await Promise.all(ends);
    await containerdEnded(folder);
    await start();
    // It ends what its predecessor ran, and may answer before that.
    await until('no step runs', async () => (await docker.listContainers()).length === 0, 30_000);
    assert.equal((await leftovers(docker)).containers.length, before.containers.length + 1, 'the step is still there');

    const engine = openEngine({ host });
    try {
      await engine.cleanUp('another');
      assert.equal((await leftovers(docker)).containers.length, before.containers.length + 1);
      await engine.cleanUp('killed');
      assert.deepEqual(await leftovers(docker), before);
    } finally {
      await engine.close();
    }
  });
});

const service = requireEngine();

test('a step that runs is nobody’s leftover', { skip: firstSkip(service, busybox) }, async () => {
  const docker = onlooker(service.url);
  await makeParent(docker, PARENT, busybox.url);
  const untouched = await leftovers(docker);
  const [engine, other] = [openEngine({ host: service.url }), openEngine({ host: service.url })];
  let cleaned: Promise<void> | null = null;
  const request = requestOf(`FROM ${PARENT}\nRUN echo begun; sleep 1; echo done`, `runs-${process.pid}:1`, {
    onLine: (line) => {
      request.lines.push(line);
      if (line === 'begun') cleaned = other.cleanUp(request.build);
    },
  });
  await engine.build(request, NEVER);
  await cleaned;
  assert.ok(request.lines.includes('done'));
  await engine.removeReference(request.reference);
  await engine.cleanUp(request.build);
  await Promise.all([engine.close(), other.close()]);
  assert.deepEqual(await leftovers(docker), untouched);
});
