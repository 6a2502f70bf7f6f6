import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { digestOf } from '../../src/kernel/digest.js';
import type { BuildCompletedV1, BuildFailedV1, Message } from '../../src/messages/index.js';
import { openRegistry, type Registry } from '../../src/registry/index.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requirePodman, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [registry, busybox] = [requireRegistry(), requireBusybox()];
const DOCKERFILE = 'FROM scratch\nLABEL version="1.0"\nCOPY busybox /bin/busybox\n';

for (const [kind, engine] of [
  ['Docker', requireEngine()],
  ['Podman', requirePodman()],
] as const) {
  describe(`a push, on ${kind}`, { skip: firstSkip(engine, registry, busybox) }, () => {
    const space = `flow-push-${kind.toLowerCase()}-${process.pid}`;
    let service: ServiceFolder;
    let client: Registry;
    let program: Uint8Array;

    before(async () => {
      program = await readFile(busybox.url);
      client = openRegistry({ name: 'test', url: registry.url, credentials: { kind: 'none' } });
      service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space });
      await service.start();
    });

    after(async () => {
      await service?.close();
      await client?.close();
    });

    afterEach(async () => {
      await until('every claim of a build is free', async () => {
        const heads = await Promise.all((await buildIds(service)).map((id) => service.bus.holder(`build.${id}`)));
        return heads.every((holder) => holder === null);
      });
    });

    it('becomes an image in the registry under its tags, and a message that says so', async () => {
      const commit = await service.push('base', { Dockerfile: DOCKERFILE, busybox: program });

      const { build, image, parents, log } = bodyOf<BuildCompletedV1>(await service.said(commit, 'completed'));

      assert.equal(build.nvr, 'base-1.0-1.f41');
      assert.deepEqual(parents, []);
      for (const tag of ['1.0-1.f41', '1.0', 'latest', `build-${build.id}`])
        assert.equal((await client.head(`${space}/base`, tag))?.digest, image.digest, tag);
      const labels = await labelsOf(client, `${space}/base`, image.digest);
      assert.equal(labels['vcs-ref'], commit);
      assert.equal(labels['release'], '1.f41');
      assert.equal(labels['io.layerwright.build'], build.id);
      assert.match(await logOf(client, `${space}/base`, log), /COPY busybox/);
      const topics = (await service.about(commit)).map(({ topic }) => topic.split('.').at(-1));
      assert.deepEqual(topics, ['requested', 'started', 'completed']);
    });

    it('stands on the parent that the registry has, pinned by digest', async () => {
      const base = await service.push('parent', { Dockerfile: DOCKERFILE, busybox: program });
      const parent = bodyOf<BuildCompletedV1>(await service.said(base, 'completed'));
      const from = `registry.example.org/${space}/parent:1.0`;
      const commit = await service.push('child', {
        Dockerfile: `FROM ${from}\nLABEL version="2"\nRUN ["/bin/busybox", "true"]\n`,
      });

      const { parents, image } = bodyOf<BuildCompletedV1>(await service.said(commit, 'completed'));

      assert.equal(parents.length, 1);
      assert.equal(parents[0]?.written, from);
      assert.equal(parents[0]?.digest, parent.image.digest);
      assert.equal(parents[0]?.build, parent.build.id);
      const labels = await labelsOf(client, `${space}/child`, image.digest);
      assert.equal(labels['org.opencontainers.image.base.digest'], parent.image.digest);
    });

    it('that fails says which step and why, moves no tag, and keeps its output', async () => {
      const step = 'RUN ["/bin/busybox", "sh", "-c", "echo before it breaks; exit 7"]';
      const commit = await service.push('broken', { Dockerfile: `${DOCKERFILE}${step}\n`, busybox: program });

      const { failure, build, log } = bodyOf<BuildFailedV1>(await service.said(commit, 'failed'));

      assert.equal(failure.code, 'build_failed');
      assert.match(failure.message, /^Step \d of \d, `RUN .*`, ended with exit code 7\.$/);
      assert.match(failure.detail, /before it breaks/);
      assert.match(await logOf(client, `${space}/broken`, log), /before it breaks/);
      assert.deepEqual(
        (await client.tags(`${space}/broken`)).filter((tag) => !tag.startsWith('log-')),
        [],
      );
      const shown = await service.cli('logs', build.id);
      assert.equal(shown.code, 0, shown.stderr);
      assert.match(shown.stdout, /before it breaks/);
    });

    it('announced twice is built once', async () => {
      const commit = await service.push('twice', { Dockerfile: DOCKERFILE, busybox: program });
      await service.said(commit, 'completed');

      await service.announce('twice', commit);
      const later = await service.push('twice', { Dockerfile: DOCKERFILE, more: 'x' });
      await service.said(later, 'completed');

      const ends = (await service.about(commit)).filter(({ topic }) => topic.endsWith('.completed'));
      assert.equal(ends.length, 1);
    });

    it('of somebody else’s repository is passed over', async () => {
      const stranger = { ...(await strangersPush()), id: 'stranger-1' };
      await service.bus.publish(stranger);
      const commit = await service.push('after', { Dockerfile: DOCKERFILE, busybox: program });
      await service.said(commit, 'completed');

      assert.equal(await service.bus.waiting('trigger'), 0);
      for await (const batch of service.bus.read('dead', 'start')) assert.deepEqual(batch, []);
    });
  });
}

async function strangersPush(): Promise<Message> {
  const body = {
    commit: { rev: 'a'.repeat(40), branch: 'f41', repo: 'kernel', namespace: 'rpms', stats: {} },
    agent: 'x',
  };
  return { id: 'stranger', topic: 'org.example.flow.git.receive', headers: {}, body };
}

function bodyOf<T>(message: Message): T {
  return message.body as unknown as T;
}

async function buildIds(service: ServiceFolder): Promise<string[]> {
  const ids = new Set<string>();
  for await (const batch of service.bus.read('ours', 'start'))
    for (const { message } of batch) ids.add(String((message.body['build'] as { id?: string } | undefined)?.id));
  return [...ids];
}

async function labelsOf(client: Registry, repository: string, digest: string): Promise<Record<string, string>> {
  const manifest = await client.getManifest(repository, digest);
  assert.ok(manifest !== null);
  assert.equal(digestOf(manifest.bytes), digest);
  const { config } = JSON.parse(manifest.bytes.toString('utf8'));
  const bytes = await client.getBlob(repository, config.digest, 1_000_000);
  return JSON.parse(String(bytes)).config.Labels;
}

/** The text of a log artifact, by its manifest's digest. */
async function logOf(client: Registry, repository: string, digest: string | null): Promise<string> {
  assert.ok(digest !== null);
  const manifest = await client.getManifest(repository, digest);
  assert.ok(manifest !== null);
  const [layer] = JSON.parse(manifest.bytes.toString('utf8')).layers;
  const bytes = await client.getBlob(repository, layer.digest, 10_000_000);
  assert.ok(bytes !== null);
  return gunzipSync(bytes).toString('utf8');
}
