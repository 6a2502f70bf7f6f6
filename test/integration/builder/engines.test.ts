import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openEngine } from '../../../src/builder/adapters/docker-engine.js';
import type { Engine } from '../../../src/builder/ports.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { firstSkip, requireBusybox, requireRegistry } from '../../support/services.js';
import { latch, until } from '../../support/until.js';
import {
  assertLeftovers,
  type Leftovers,
  leftovers,
  makeParent,
  onlooker,
  processesWith,
  requestOf,
} from './engine-fixture.js';
import { TEST_ENGINES, type TestEngine } from './test-engines.js';

const registry = requireRegistry();
const busybox = requireBusybox();
const NEVER = new AbortController().signal;
const PARENT = 'layerwright-test/engine-parent:1';

/** Not by /sys/class/net: a rootless Podman shows a step the machine's /sys, whatever network the step has. */
const showNetwork = `FROM ${PARENT}\nRUN readlink /proc/self/ns/net; cat /proc/net/dev`;

/** The interfaces that a text like /proc/net/dev has. */
function interfacesOf(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => /^ *(\S+): *\d+ +\d+ /.exec(line)?.[1] ?? []).sort();
}

/** What a step with `showNetwork` said of its network. */
function networkOf(lines: readonly string[]) {
  const namespace = lines.find((line) => /^net:\[\d+\]$/.test(line));
  assert.ok(namespace, lines.join('\n'));
  return {
    namespace: namespace === readlinkSync('/proc/self/ns/net') ? 'the same' : 'another',
    interfaces: interfacesOf(lines),
  };
}

/** Checks the error's code, and gives it. */
async function fails(promise: Promise<unknown>, code: string): Promise<ServiceError> {
  const thrown: unknown = await promise.then(
    () => assert.fail(`expected ${code}`),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof ServiceError, `expected ${code}: ${String(thrown)}`);
  assert.equal(thrown.code, code, `${thrown.message}\n${thrown.detail}`);
  return thrown;
}

for (const tested of TEST_ENGINES) {
  const skip = firstSkip(tested.service, registry, busybox);
  describe(`the engine ${tested.name}`, { skip }, () => contract(tested, skip === false));
}

function contract(tested: TestEngine, runs: boolean): void {
  const { kind, limits, service } = tested;
  const docker = runs ? onlooker(service.url) : undefined;
  let engine: Engine;
  let untouched: Leftovers;
  let count = 0;
  const name = (): string => `layerwright-test/engine-${process.pid}-${++count}:1`;
  const assertUntouched = async (): Promise<void> => {
    assert.ok(docker);
    await assertLeftovers(docker, untouched, tested.tidyMs);
  };

  before(async () => {
    assert.ok(docker);
    engine = openEngine({ host: service.url });
    await makeParent(docker, PARENT, busybox.url);
    untouched = await leftovers(docker);
  });
  after(() => engine.close());

  /** Runs a build, takes away what it made, and checks that the engine is as it was. */
  async function building<T>(
    request: ReturnType<typeof requestOf>,
    body: (built: Promise<unknown>) => Promise<T>,
    signal = NEVER,
  ): Promise<T> {
    assert.ok(docker);
    const result = await body(engine.build(request, signal));
    await engine.removeReference(request.reference);
    await engine.cleanUp(request.labels['io.layerwright.build'] ?? '');
    await assertUntouched();
    return result;
  }

  test('says who it is', async () => {
    const info = await engine.info();
    assert.equal(info.kind, kind);
    assert.match(info.platform, /^linux\/[a-z0-9]+$/);
    assert.match(info.apiVersion, /^1\.\d+$/);
    assert.equal(info.limitsMemory, limits);
    assert.equal(info.limitsCpu, limits);
    assert.deepEqual(await engine.info(), info);
  });

  test('builds an image with its labels and arguments, and gives its id, size and output', async () => {
    assert.ok(docker);
    const request = requestOf(`FROM ${PARENT}\nARG WHO\nRUN echo "hello $WHO" && printf 'no line end'`, name(), {
      buildArgs: { WHO: 'world' },
    });
    const built = await engine.build(request, NEVER);
    const seen = await docker.getImage(request.reference).inspect();
    assert.deepEqual({ id: seen.Id }, built);
    assert.equal(seen.Config.Labels['io.layerwright.build'], request.reference);
    assert.ok(request.lines.includes('hello world'), request.lines.join('\n'));
    await engine.removeReference(request.reference);
    await engine.removeReference(request.reference);
    await engine.cleanUp(request.reference);
    await assertUntouched();
  });

  test('leaves no stage of a multi-stage build', async () => {
    const dockerfile = `FROM ${PARENT} AS made\nRUN echo made > /made\nFROM ${PARENT}\nCOPY --from=made /made /made\nRUN cat /made`;
    await building(requestOf(dockerfile, name()), async (built) => built);
  });

  test('a failed step gives its number, its text, its exit code and the last lines', async () => {
    const request = requestOf(`FROM ${PARENT}\nRUN true\nRUN echo said; exit 42\nRUN true`, name());
    const error = await building(request, (built) => fails(built, 'build_failed'));
    assert.equal(error.message, 'Step 3 of 4, `RUN echo said; exit 42`, ended with exit code 42.');
    assert.match(error.detail, /^said$/m);
    assert.equal(error.transient, false);
  });

  test('output cannot pass itself off as the words of the engine', async () => {
    assert.ok(docker);
    const victim = await docker.createContainer({ Image: PARENT, Cmd: ['true'] });
    const forged = tested.forged(victim.id.slice(0, 12));
    try {
      const dockerfile = `FROM ${PARENT}\n${forged.map((line) => `RUN echo '${line}'`).join('\n')}\nRUN echo '${forged[0]}'; false`;
      const request = requestOf(dockerfile, name());
      const error = await fails(engine.build(request, NEVER), 'build_failed');
      assert.match(error.message, /^Step 5 of 5, .* ended with exit code 1\.$/);
      await engine.cleanUp(request.reference);
      await victim.inspect();
    } finally {
      await victim.remove({ force: true });
    }
    await assertUntouched();
  });

  test('a file that is not in the context fails the step with the reason', async () => {
    const error = await building(requestOf(`FROM ${PARENT}\nCOPY absent /x`, name()), (built) =>
      fails(built, 'build_failed'),
    );
    assert.match(error.message, /^Step 2 of 2, `COPY absent \/x`, failed: .*absent.*(not exist|no such file)/);
  });

  test('a Dockerfile that cannot be read says which line', async () => {
    const error = await building(requestOf(`FROM ${PARENT}\nRUNN true`, name()), (built) =>
      fails(built, 'dockerfile_invalid'),
    );
    assert.match(error.message, tested.unknownInstruction);
  });

  if (kind === 'docker')
    test('what only BuildKit knows is a fault of the Dockerfile', async () => {
      const dockerfile = `FROM ${PARENT}\nRUN --mount=type=cache,target=/x true`;
      await building(requestOf(dockerfile, name()), (built) => fails(built, 'dockerfile_invalid'));
    });

  if (limits)
    test('a step over its memory is out of memory', async () => {
      const request = requestOf(`FROM ${PARENT}\nRUN tail /dev/zero`, name(), { memoryBytes: 20_971_520 });
      const error = await building(request, (built) => fails(built, 'out_of_memory'));
      assert.match(error.message, tested.outOfMemory);
    });

  if (!limits)
    test('a limit that cannot be enforced is said to be so in the output, and the build goes on', async () => {
      const request = requestOf(`FROM ${PARENT}\nRUN exit 137`, name(), { memoryBytes: 20_971_520, cpu: 0.5 });
      const error = await building(request, (built) => fails(built, 'build_failed'));
      assert.match(error.message, /exit code 137\.$/);
      assert.match(request.lines[0] ?? '', /^\[limits\.memory and limits\.cpu are not enforced, .*\]$/);
    });

  const hiding = `FROM ${PARENT}\nRUN tail /dev/zero | cat; true\nRUN true`;
  if (kind === 'docker') {
    test('a step that hides that it ran out of memory is found out, and its image is gone', async () => {
      assert.ok(docker);
      const request = requestOf(hiding, name(), { memoryBytes: 20_971_520 });
      const error = await building(request, (built) => fails(built, 'out_of_memory'));
      assert.match(error.message, /^Step 2 of 3, /);
      await assert.rejects(docker.getImage(request.reference).inspect(), { statusCode: 404 });
    });

    test('a step that is killed for another reason is not out of memory', async () => {
      const request = requestOf(`FROM ${PARENT}\nRUN exit 137`, name(), { memoryBytes: 20_971_520 });
      const error = await building(request, (built) => fails(built, 'build_failed'));
      assert.match(error.message, /exit code 137\.$/);
    });
  }
  if (kind === 'podman' && limits) {
    // Podman says nothing of memory (docs/engines.md): how the step ended is all there is to go by.
    test('a step that goes on after one of its commands ran out of memory is not found out', async () => {
      await building(requestOf(hiding, name(), { memoryBytes: 20_971_520 }), async (built) => built);
    });

    test('a command of a step that is killed under a limit counts as out of memory', async () => {
      const request = requestOf(`FROM ${PARENT}\nRUN true && (tail /dev/zero)`, name(), { memoryBytes: 20_971_520 });
      const error = await building(request, (built) => fails(built, 'out_of_memory'));
      assert.match(error.message, /was killed/);
    });
  }

  test('a step that is killed without a limit is not out of memory', async () => {
    const error = await building(requestOf(`FROM ${PARENT}\nRUN exit 137`, name()), (built) =>
      fails(built, 'build_failed'),
    );
    assert.match(error.message, /exit code 137\.$/);
  });

  if (limits)
    test('the limit of processor time reaches the step', async () => {
      const request = requestOf(
        `FROM ${PARENT}\nRUN grep . /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max; true`,
        name(),
        { cpu: 0.5 },
      );
      await building(request, async (built) => built);
      assert.ok(
        request.lines.some((line) => /:50000( 100000)?$/.test(line)),
        request.lines.join('\n'),
      );
    });

  test('network none is no network', async () => {
    const request = requestOf(showNetwork, name());
    await building(request, async (built) => built);
    assert.deepEqual(networkOf(request.lines), { namespace: 'another', interfaces: ['lo'] });
  });

  test("network host is the machine's network", async () => {
    const request = requestOf(showNetwork, name(), { network: 'host' });
    await building(request, async (built) => built);
    const interfaces = interfacesOf(readFileSync('/proc/net/dev', 'utf8').split('\n'));
    assert.deepEqual(networkOf(request.lines), { namespace: 'the same', interfaces });
  });

  test('an abort ends the build with its reason and kills the step', async () => {
    const controller = new AbortController();
    const sleep = `sleep 60${process.pid}`;
    const request = requestOf(`FROM ${PARENT}\nRUN true\nRUN ${sleep}`, name());
    await building(
      request,
      async (built) => {
        const rejected = assert.rejects(built, /^Error: canceled by alice$/);
        await until('the step runs', async () => (await processesWith(sleep)).length > 0, 30_000);
        controller.abort(new Error('canceled by alice'));
        await rejected;
      },
      controller.signal,
    );
    await until('the step has ended', async () => (await processesWith(sleep)).length === 0, 5_000);
  });

  test('an abort before the build is an end without a build', async () => {
    const request = requestOf(`FROM ${PARENT}\nRUN true`, name());
    await building(request, (built) => assert.rejects(built, /too late/), AbortSignal.abort(new Error('too late')));
    assert.deepEqual(request.lines, []);
  });

  test('an abort while the context is still being sent ends the build', async () => {
    const controller = new AbortController();
    const context = new PassThrough();
    const request = requestOf('', name(), { context });
    context.write(Buffer.alloc(512), () => controller.abort(new Error('enough')));
    await building(request, (built) => assert.rejects(built, /enough/), controller.signal);
    assert.equal(context.destroyed, true);
  });

  test('an error of the context is the error of the build', async () => {
    const context = new PassThrough();
    const request = requestOf('', name(), { context });
    context.write(Buffer.alloc(512), () => context.destroy(new ServiceError('source_unsupported', 'a device')));
    await building(request, (built) => fails(built, 'source_unsupported'));
  });

  test('a context that is cut off without an error ends the build too', async () => {
    const context = new PassThrough();
    const request = requestOf('', name(), { context });
    context.write(Buffer.alloc(512), () => context.destroy());
    await building(request, (built) => assert.rejects(built, { code: 'ERR_STREAM_PREMATURE_CLOSE' }));
  });

  test('builds at the same time keep their output and their ends apart', async () => {
    assert.ok(docker);
    const good = requestOf(`FROM ${PARENT}\nRUN echo good; sleep 0.3`, name());
    const bad = requestOf(`FROM ${PARENT}\nRUN false`, name());
    const ends = await Promise.allSettled([engine.build(good, NEVER), engine.build(bad, NEVER)]);
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
    assert.ok(!bad.lines.includes('good'));
    await engine.removeReference(good.reference);
    for (const { reference } of [good, bad]) await engine.cleanUp(reference);
    await assertUntouched();
  });

  test('100,000 lines come in order', async () => {
    const request = requestOf(`FROM ${PARENT}\nRUN seq 1 100000`, name());
    await building(request, async (built) => built);
    const numbers = request.lines.filter((line) => /^\d+$/.test(line)).map(Number);
    assert.equal(numbers.length, 100_000);
    assert.ok(numbers.every((number, index) => number === index + 1));
  });

  test('output that is no text does no harm', async () => {
    const request = requestOf(
      `FROM ${PARENT}\nRUN head -c 3000000 /dev/urandom; printf '\\rshown\\n'; head -c 500000 /dev/zero; exit 7`,
      name(),
    );
    const error = await building(request, (built) => fails(built, 'build_failed'));
    assert.match(error.message, /exit code 7\.$/);
    assert.ok(error.detail.length <= 4_000);
    assert.ok([...error.detail].every((character) => character >= ' ' || character === '\n' || character === '\t'));
  });

  test('a parent that is not in its registry is missing', async () => {
    const host = new URL(registry.url).host;
    const parent = `${host}/engine-test/absent@sha256:${'a'.repeat(64)}`;
    const error = await building(requestOf(`FROM ${parent}\nRUN true`, name()), (built) =>
      fails(built, 'parent_missing'),
    );
    assert.match(error.message, /engine-test\/absent/);
  });

  test('a parent on a registry that is away is no fault of the build', async () => {
    const error = await building(requestOf('FROM 127.0.0.1:1/x/y:1\nRUN true', name()), (built) =>
      fails(built, 'registry_unavailable'),
    );
    assert.equal(error.transient, true);
  });

  test('a pushed image is in the registry, and its name can be taken away', async () => {
    assert.ok(docker);
    const host = new URL(registry.url).host;
    const reference = `${host}/engine-test/pushed:${process.pid}`;
    const request = requestOf(`FROM ${PARENT}\nRUN echo pushed > /pushed`, reference);
    await building(request, async (built) => {
      await built;
      await engine.push(reference, null, NEVER);
      const head = await fetch(`${registry.url}/v2/engine-test/pushed/manifests/${process.pid}`, {
        method: 'HEAD',
        headers: { accept: 'application/vnd.docker.distribution.manifest.v2+json' },
      });
      assert.equal(head.status, 200);
    });
  });

  if (kind === 'docker')
    test('what a push leaves that outlived its name goes with the next clean-up, once its build has ended and none is asked for', async () => {
      assert.ok(docker);
      const host = new URL(registry.url).host;
      const [late, repository] = [`late-${process.pid}`, `${host}/engine-test/late`];
      const request = requestOf(`FROM ${PARENT}\nRUN echo late > /late`, `${repository}:${process.pid}`, {
        build: late,
        labels: { 'io.layerwright.build': late },
      });
      const { id } = await engine.build(request, NEVER);
      await engine.push(request.reference, null, NEVER);
      // As the engine has it when the name goes while it pushes: the digest comes at the end of the push.
      const held = name();
      await docker.getImage(id).tag({ repo: held.replace(/:1$/, ''), tag: '1' });
      const digest = (await docker.getImage(id).inspect()).RepoDigests.find((one) => one.startsWith(repository)) ?? '';
      await engine.removeReference(request.reference);
      await docker.modem.followProgress(await docker.pull(digest), () => undefined);
      await until('it has its digest', async () => (await docker.getImage(id).inspect()).RepoDigests.includes(digest));
      await engine.removeReference(held);
      assert.deepEqual((await docker.getImage(id).inspect()).RepoTags, []);
      // Another process: this one knows what its builds have left.
      const other = openEngine({ host: service.url });
      const hasEnded = (build: string): boolean => build === late;
      await other.cleanUp('another', { isQuiet: () => true });
      await other.cleanUp('another', { hasEnded });
      // Nor with its own clean-up, while a build is asked for: it may be the parent that one has just pulled.
      await engine.cleanUp(late, { hasEnded });
      assert.deepEqual((await docker.getImage(id).inspect()).RepoDigests, [digest]);
      await other.cleanUp('another', { hasEnded, isQuiet: () => true });
      await other.close();
      await assert.rejects(docker.getImage(id).inspect(), { statusCode: 404 });
      await assertUntouched();
    });

  test('a push to a registry that is away is transient', async () => {
    const request = requestOf(`FROM ${PARENT}\nRUN true`, '127.0.0.1:1/engine-test/away:1');
    await building(request, async (built) => {
      await built;
      const error = await fails(engine.push(request.reference, null, NEVER), 'registry_unavailable');
      assert.equal(error.transient, true);
    });
  });

  test('a push of what is not there is our fault', async () => {
    await fails(engine.push('127.0.0.1:1/engine-test/never-built:1', null, NEVER), 'internal');
  });

  test('a process that is killed leaves no container', async () => {
    assert.ok(docker);
    const script = fileURLToPath(new URL('./hold-build.ts', import.meta.url));
    const reference = name();
    const child = spawn(process.execPath, ['--import', 'tsx', script, service.url, PARENT, reference], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (/^begun$/m.test(said)) child.kill('SIGKILL');
    }
    assert.match(said, /^begun$/m);
    // Podman lets the step run on; the next attempt, or whoever cleans up after the build, ends it.
    if (kind === 'podman') await engine.cleanUp(reference);
    await assertLeftovers(docker, untouched, 10_000);
  });

  test('an image that is kept as cache is built from cache the next time, and replaces the one before', async () => {
    assert.ok(docker);
    const cache = `layerwright-test/engine-cache-${process.pid}:f41`;
    const build = async (last: string): Promise<{ id: string; lines: readonly string[] }> => {
      const request = requestOf(`FROM ${PARENT}\nRUN date +%N > /made\nRUN echo ${last}`, name(), {
        useCache: true,
        build: `cache-${last}`,
        labels: { 'io.layerwright.build': `cache-${last}` },
      });
      const { id } = await engine.build(request, NEVER);
      await engine.keepAsCache(request.reference, cache);
      await engine.cleanUp(`cache-${last}`);
      await assert.rejects(docker.getImage(request.reference).inspect(), { statusCode: 404 });
      return { id, lines: request.lines };
    };
    const one = await build('one');
    const two = await build('two');
    assert.equal(two.lines.filter((line) => tested.cached.test(line)).length, 1);
    assert.equal((await docker.getImage(cache).inspect()).Id, two.id);
    await assert.rejects(docker.getImage(one.id).inspect(), { statusCode: 404 });
    const same = await build('two');
    assert.equal(same.id, two.id);
    await engine.removeReference(cache);
    await assertUntouched();
  });

  test('an image that is the same as cache leaves no second one, and the cache is one for the next', async () => {
    assert.ok(docker);
    const cache = `layerwright-test/engine-same-${process.pid}:f41`;
    const build = async (number: number): Promise<{ id: string; cached: number }> => {
      const mark = { 'io.layerwright.build': `same-${number}` };
      const dockerfile = `FROM ${PARENT}\nRUN date +%N > /made`;
      const request = requestOf(dockerfile, name(), { useCache: true, build: `same-${number}`, labels: mark });
      const { id } = await engine.build(request, NEVER);
      await engine.keepAsCache(request.reference, cache);
      await engine.cleanUp(`same-${number}`);
      await assert.rejects(docker.getImage(request.reference).inspect(), { statusCode: 404 });
      return { id, cached: request.lines.filter((line) => tested.cached.test(line)).length };
    };
    const made = [await build(1), await build(2), await build(3)];
    const { Id: kept } = await docker.getImage(cache).inspect();
    const others = made.filter(({ id }) => id !== kept);
    assert.equal(others.length, 2);
    for (const { id } of others) await assert.rejects(docker.getImage(id).inspect(), { statusCode: 404 });
    assert.deepEqual([...made.map(({ cached }) => cached), kept], [0, 1, 1, made[0]?.id]);
    await engine.removeReference(cache);
    await assertUntouched();
  });

  for (const end of ['is cleaned', 'is no longer ours'])
    test(`what builds left while others went on goes with the last of them, also when that ${end}`, async () => {
      assert.ok(docker);
      // A stage that nothing stands on, and that no other build's cache has.
      const dockerfile = (own: string): string =>
        `FROM ${PARENT} AS one\nLABEL one=1\nRUN echo ${own} > /one\nFROM ${PARENT}\nLABEL two=1\nCOPY --from=one /one /one`;
      const mark = (id: string) => ({ build: id, labels: { 'io.layerwright.build': id } });
      const begun = latch<void>();
      const long = requestOf(`${dockerfile('long')}\nRUN echo begun; sleep 600`, name(), {
        ...mark('left-long'),
        onLine: (line) => line === 'begun' && begun.open(),
      });
      const controller = new AbortController();
      const going = assert.rejects(engine.build(long, controller.signal), /enough/);
      await begun.opened;
      const { dangling: ofLong } = await leftovers(docker);
      const ended = new Set<string>();
      const others = { hasEnded: (id: string): boolean => ended.has(id) };
      for (const number of [1, 2, 3]) {
        const id = `left-${number}`;
        const request = requestOf(dockerfile(id), name(), mark(id));
        await engine.build(request, NEVER);
        ended.add(id);
        await engine.removeReference(request.reference);
        await engine.cleanUp(id, others);
      }
      controller.abort(new Error('enough'));
      await going;
      if (end === 'is no longer ours') {
        await engine.removeContainers('left-long');
        const { dangling } = await leftovers(docker);
        assert.deepEqual(
          dangling.filter((id) => !ofLong.includes(id)),
          [],
        );
      }
      ended.add('left-long');
      await engine.cleanUp('left-long', others);
      await assertLeftovers(docker, untouched, 10_000);
    });

  test('the name of an image that another build stands on can be taken away', async () => {
    assert.ok(docker);
    const below = requestOf(`FROM ${PARENT}\nRUN echo below`, name());
    await engine.build(below, NEVER);
    const controller = new AbortController();
    let begun = (): void => undefined;
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const above = requestOf(`FROM ${below.reference}\nRUN echo begun; sleep 600`, name(), {
      onLine: (line) => line === 'begun' && begun(),
    });
    const built = assert.rejects(engine.build(above, controller.signal), /enough/);
    await running;
    await engine.removeReference(below.reference);
    await engine.cleanUp(below.reference);
    controller.abort(new Error('enough'));
    await built;
    for (const { reference } of [above, below]) await engine.cleanUp(reference);
    await assertUntouched();
  });
}
