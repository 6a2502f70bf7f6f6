/** Every way in which a build can fail, provoked for real, and the sentence that a maintainer reads. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Failure } from '../../src/messages/index.js';
import { RegistryGate } from '../support/registry-gate.js';
import { BRANCH, ServiceFolder } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';

const exec = promisify(execFile);
const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];
const HEAD = 'FROM scratch\nLABEL version="1"\n';
const BOX = `${HEAD}COPY busybox /bin/busybox\n`;
const NO_COMMIT = 'd'.repeat(40);

describe('a build that fails says so with', { skip: firstSkip(engine, registry, busybox) }, () => {
  const space = `flow-fail-${process.pid}`;
  let gate: RegistryGate;
  let service: ServiceFolder;
  let program: Uint8Array;

  before(async () => {
    program = await readFile(busybox.url);
    gate = await RegistryGate.open(registry.url);
    const target = ['limits: { time: 4s, memory: 64m, context: 3m }'];
    service = await ServiceFolder.make({ engine: engine.url, registry: gate.url, space, target });
    await service.start();
  });

  after(async () => {
    await service?.close();
    await gate?.close();
  });

  async function failureOf(commit: string): Promise<Failure> {
    return (await service.said(commit, 'failed', 90_000)).body['failure'] as unknown as Failure;
  }

  /** Pushes a component and gives how its build failed. */
  async function fail(component: string, files: Record<string, string | Uint8Array>): Promise<Failure> {
    return failureOf(await service.push(component, files));
  }

  function expect(failure: Failure, code: string, sentence: RegExp): void {
    assert.equal(failure.code, code, failure.message);
    assert.match(failure.message, sentence);
    assert.match(failure.message, /[.!?]$/);
  }

  it('build_failed', async () => {
    const failure = await fail('bad-step', { Dockerfile: `${BOX}RUN ["/bin/busybox", "false"]\n`, busybox: program });
    expect(failure, 'build_failed', /^Step 4 of 4, `RUN .*false.*`, ended with exit code 1\.$/);
  });

  it('build_timeout', async () => {
    const failure = await fail('slow', { Dockerfile: `${BOX}RUN ["/bin/busybox", "sleep", "60"]\n`, busybox: program });
    expect(failure, 'build_timeout', /^The build took longer than the 4 s of limits\.time\.$/);
  });

  it('out_of_memory', async () => {
    const eat = 'RUN ["/bin/busybox", "tail", "/dev/zero"]\n';
    const failure = await fail('greedy', { Dockerfile: `${BOX}${eat}`, busybox: program });
    expect(failure, 'out_of_memory', /^Step 4 of 4, .*, ran out of its memory of 64 MiB\.$/);
  });

  it('dockerfile_missing', async () => {
    expect(
      await fail('no-file', { README: 'x' }),
      'dockerfile_missing',
      /^There is no Dockerfile or Containerfile in the repository\.$/,
    );
  });

  it('dockerfile_invalid', async () => {
    expect(await fail('odd', { Dockerfile: `${HEAD}NOPE x\n` }), 'dockerfile_invalid', /[Ll]ine 3.*NOPE/);
  });

  it('config_invalid', async () => {
    expect(
      await fail('nameless', { Dockerfile: 'FROM scratch\n', file: 'x' }),
      'config_invalid',
      /^nameless has no version\. Add LABEL version="…" to its Dockerfile, or default_version to the target f41\.$/,
    );
  });

  it('parent_missing', async () => {
    const from = `registry.example.org/${space}/nobody:1`;
    expect(
      await fail('orphan', { Dockerfile: `FROM ${from}\nLABEL version=1\n` }),
      'parent_missing',
      new RegExp(`^The parent image ${from} .* is not in the registry candidate\\.$`),
    );
  });

  it('parent_not_allowed', async () => {
    expect(
      await fail('foreign', { Dockerfile: 'FROM quay.io/a/b:1\nLABEL version=1\n' }),
      'parent_not_allowed',
      /^The parent quay\.io\/a\/b:1 is not from an allowed registry\. Allowed are registry\.example\.org\.$/,
    );
  });

  it('release_taken', async () => {
    const dockerfile = (file: string): string => `${HEAD}LABEL release="5"\nCOPY ${file} /\n`;
    const first = await service.push('fixed', { Dockerfile: dockerfile('a'), a: 'a' });
    await service.said(first, 'completed');
    expect(
      await fail('fixed', { Dockerfile: dockerfile('b'), b: 'b' }),
      'release_taken',
      /^Another build of fixed already has the release 5 /,
    );
  });

  it('source_unsupported, for an LFS pointer', async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12345\n`;
    expect(
      await fail('large', { Dockerfile: `${HEAD}COPY . /\n`, 'model.bin': pointer }),
      'source_unsupported',
      /^model\.bin is a Git LFS pointer/,
    );
  });

  it('source_unsupported, for a submodule', async () => {
    await service.commit('nested', { Dockerfile: `${HEAD}COPY . /\n` });
    const cwd = join(service.folder, 'work', 'nested');
    await exec('git', ['update-index', '--add', '--cacheinfo', `160000,${NO_COMMIT},vendor/lib`], { cwd });
    await exec('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--quiet', '-m', 'nest'], { cwd });
    await exec('git', ['push', '--quiet', 'origin', BRANCH], { cwd });
    const { stdout } = await exec('git', ['rev-parse', 'HEAD'], { cwd });
    await service.announce('nested', stdout.trim());
    expect(await failureOf(stdout.trim()), 'source_unsupported', /^vendor\/lib is a submodule/);
  });

  it('source_unsupported, for a context over its limit', async () => {
    const big = Buffer.alloc(4_000_000, 'x');
    const failure = await fail('heavy', { Dockerfile: `${HEAD}COPY . /\n`, big });
    assert.equal(failure.code, 'source_unsupported');
    assert.match(failure.message, /limits\.context|larger/);
  });

  it('commit_missing', async () => {
    await service.commit('vanished', { Dockerfile: HEAD });
    await service.announce('vanished', NO_COMMIT);
    expect(
      await failureOf(NO_COMMIT),
      'commit_missing',
      /^The commit dddddddddddd is not in file:.*vanished\.git \(branch f41\)\.$/,
    );
  });

  it('commit_not_on_branch', async () => {
    const kept = await service.push('forced', { Dockerfile: `${HEAD}COPY . /\n` });
    await service.said(kept, 'completed');
    const dropped = await service.push('forced', { more: 'x' });
    await service.said(dropped, 'completed');
    await exec('git', ['push', '--quiet', '--force', 'origin', `${kept}:refs/heads/${BRANCH}`], {
      cwd: join(service.folder, 'work', 'forced'),
    });

    const ran = await service.cli('build', 'forced', '--commit', dropped, '--target', 'f41');

    assert.equal(ran.code, 1, `${ran.stdout}${ran.stderr}`);
    assert.match(`${ran.stdout}${ran.stderr}`, /is not on f41 of file:/);
  });

  it('source_unavailable', async () => {
    const commit = 'e'.repeat(40);
    await service.announce('nowhere', commit);
    const failure = await failureOf(commit);
    assert.equal(failure.code, 'source_unavailable');
    assert.match(failure.message, /nowhere\.git/);
  });

  it('registry_denied', async () => {
    const body = '{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}';
    gate.refusals.set('/forbidden/manifests/', { status: 403, body, methods: ['GET', 'HEAD'] });
    const failure = await fail('forbidden', { Dockerfile: `${HEAD}COPY . /\n` });
    expect(failure, 'registry_denied', /^The registry candidate refused our credentials\.$/);
  });

  it('registry_unavailable, after some tries', async () => {
    gate.refusals.set('/flaky/manifests/', { status: 503, body: 'try later', methods: ['GET', 'HEAD'] });
    const failure = await fail('flaky', { Dockerfile: `${HEAD}COPY . /\n` });
    expect(failure, 'registry_unavailable', /^The registry candidate .*503/);
    assert.equal(failure.transient, true);
  });

  it('platform_unavailable', async () => {
    const base = await service.push('here', { Dockerfile: BOX, busybox: program });
    await service.said(base, 'completed');
    const from = `FROM --platform=linux/s390x registry.example.org/${space}/here:1\nLABEL version="1"\nRUN ["/bin/busybox", "true"]\n`;
    const failure = await fail('elsewhere', { Dockerfile: from });
    expect(
      failure,
      'platform_unavailable',
      /^Line 1: no engine builds for linux\/s390x; this one builds for linux\/amd64\.$/,
    );
  });

  it('config_invalid, for a target that is no longer configured', async () => {
    const commit = await service.commit('retired', { Dockerfile: HEAD });
    const ran = await service.cli('build', 'container/retired', '--commit', commit, '--target', 'f99');
    assert.equal(ran.code, 2, `${ran.stdout}${ran.stderr}`);
  });

  it('nothing left in the engine, and every claim free', async () => {
    const { stdout } = await service.cli('builds', '--json', '--limit', '100');
    const ids = stdout
      .trim()
      .split('\n')
      .map((line) => String(JSON.parse(line).id));
    assert.ok(ids.length >= 15);
    for (const id of ids) assert.equal(await service.bus.holder(`build.${id}`), null);
  });
});
