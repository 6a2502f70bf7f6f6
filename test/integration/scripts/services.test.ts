import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { engineJson } from '../../../scripts/lib/docker-api.mjs';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../../support/services.js';

const engine = requireEngine();
const registry = requireRegistry();
const busybox = requireBusybox();

interface Progress {
  readonly error?: string;
  readonly aux?: { readonly Digest?: string };
}

test('the test run has an engine of Linux images', { skip: engine.skip }, async () => {
  const info = await engineJson(engine.url, 'GET', '/info');
  assert.equal(info.OSType, 'linux');
});

test('the test run has a registry that answers the version check', { skip: registry.skip }, async () => {
  const answer = await fetch(`${registry.url}/v2/`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('docker-distribution-api-version'), 'registry/2.0');
});

for (const version of ['1', '2'] as const) {
  const name = version === '1' ? 'the classic builder' : 'BuildKit';
  test(`the test run's engine builds with ${name} without network and pushes to its registry`, {
    skip: firstSkip(engine, registry, busybox),
  }, async () => {
    const docker = new Docker({ socketPath: new URL(engine.url).pathname });
    const repository = `${new URL(registry.url).host}/scripts/builder-${version}`;
    const context = pack();
    context.entry({ name: 'busybox', mode: 0o755 }, await readFile(busybox.url));
    context.entry(
      { name: 'Dockerfile' },
      'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "echo made > /made"]\n',
    );
    context.finalize();
    const image = docker.getImage(repository);
    try {
      const built = await docker.buildImage(Readable.from(context), {
        t: repository,
        networkmode: 'none',
        forcerm: true,
        version,
      });
      await follow(docker, built);
      const pushed = await follow(docker, await image.push({ authconfig: {} }));
      const digest = pushed.find(({ aux }) => aux?.Digest !== undefined)?.aux?.Digest;
      const held = await fetch(`${registry.url}/v2/scripts/builder-${version}/manifests/latest`, {
        headers: { Accept: 'application/vnd.docker.distribution.manifest.v2+json' },
      });
      assert.equal(held.headers.get('docker-content-digest'), digest);
    } finally {
      await image.remove({ force: true }).catch(() => undefined);
    }
  });
}

/** The progress of a build or push to its end; what goes wrong comes as its last object. */
function follow(docker: Docker, stream: NodeJS.ReadableStream): Promise<Progress[]> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error, output: Progress[]) => {
      const fault = output?.find((one) => one.error !== undefined)?.error;
      if (error !== null || fault !== undefined) reject(error ?? new Error(fault));
      else resolve(output);
    });
  });
}
