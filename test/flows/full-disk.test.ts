/** Disks that run full under the running service: it says so, lives on, and goes on where it was when there is room. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { BuildFailedV1 } from '../../src/messages/index.js';
import { openRegistry } from '../../src/registry/index.js';
import { type OwnRegistry, startOwnRegistry } from '../support/own-registry.js';
import { SERVICE_PREFIX, ServiceFolder } from '../support/service.js';
import {
  firstSkip,
  requireBusybox,
  requireEngine,
  requirePodman,
  requireRegistry,
  requireRegistryProgram,
} from '../support/services.js';
import { SmallDisk, smallDiskSkip } from '../support/small-disk.js';
import { until } from '../support/until.js';

const [engine, podman, registry, program, busybox] = [
  requireEngine(),
  requirePodman(),
  requireRegistry(),
  requireRegistryProgram(),
  requireBusybox(),
];

/** Bytes that no registry makes smaller. */
function noise(bytes: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

describe('a full disk', { skip: firstSkip(engine, podman, registry, program, busybox) || smallDiskSkip }, () => {
  describe('of the registry', () => {
    let disk: SmallDisk;
    let own: OwnRegistry;
    let service: ServiceFolder;
    const layer = noise(60_000);
    const files = (index: number) => ({
      Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY file /\n',
      file: layer.map((byte) => byte ^ index),
    });

    before(async () => {
      disk = await SmallDisk.make(8);
      own = await startOwnRegistry(disk.folder);
      // Docker tries a push for most of a minute before it says that it failed.
      service = await ServiceFolder.make({ engine: podman.url, registry: own.url, space: 'full', maxAttempts: 1 });
      await service.start();
    });

    after(async () => {
      await service?.close();
      await own?.stop();
      await disk?.remove();
    });

    it('fails a build with its code, and builds again when there is room', {
      timeout: 240_000,
    }, async () => {
      await disk.fill();
      const commit = await service.push('full', files(2));

      const { failure } = (await service.said(commit, 'failed', 180_000)).body as unknown as BuildFailedV1;

      assert.equal(failure.code, 'disk_full');
      assert.match(failure.message, /no room left/);
      await disk.free();
      const next = await service.push('full', files(3));
      await service.said(next, 'completed');
    });
  });

  describe('of the service: its bus, its ledger, its mirrors and its logs', () => {
    let disk: SmallDisk;
    let service: ServiceFolder;
    let shell: Uint8Array;
    const space = `flow-full-${process.pid}`;

    before(async () => {
      shell = await readFile(busybox.url);
      disk = await SmallDisk.make(48);
      service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, within: disk.folder });
      await service.start();
    });

    after(async () => {
      await service?.close();
      await disk?.remove();
    });

    it('under a build in hand: it ends once, with its image, when there is room', { timeout: 180_000 }, async () => {
      const commit = await service.push('inhand', {
        Dockerfile:
          'FROM scratch\nLABEL version="1"\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "echo begun; sleep 4"]\n',
        busybox: shell,
      });
      await service.said(commit, 'started');
      await disk.fill();
      await until('somebody says that there is no room', () => /no room|ENOSPC|full/i.test(service.stderr), 60_000);
      assert.notEqual(service.pid, null);

      await disk.free();

      const done = await service.said(commit, 'completed', 120_000);
      const image = done.body['image'] as { digest: string };
      const ends = (await service.about(commit)).filter(({ topic }) => /\.(completed|failed|canceled)$/.test(topic));
      assert.equal(ends.length, 1);
      const client = openRegistry({ name: 'test', url: registry.url, credentials: { kind: 'none' } });
      assert.equal((await client.head(`${space}/inhand`, 'latest'))?.digest, image.digest);
      await client.close();
    });

    it('refuses a push in words, keeps the service alive, and takes pushes again when there is room', async () => {
      const files = { Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY file /\n', file: 'x\n' };
      const commit = await service.commit('later', files);
      const message = join(service.folder, 'message.json');
      await writeFile(message, '{"no": "push"}');
      await disk.fill();
      const refused = await service.cli('publish', '--topic', `${SERVICE_PREFIX}.git.receive`, message);
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /no room|full/i);
      assert.doesNotMatch(refused.stderr, /^\s+at .*:\d+/m, 'no stack trace');

      await disk.free();
      await service.announce('later', commit);

      await service.said(commit, 'completed');
    });
  });
});
