/** A Podman whose file system has no room left. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openEngine } from '../../../src/builder/adapters/docker-engine.js';
import type { Engine } from '../../../src/builder/ports.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { type OwnEngine, startOwnPodman } from '../../chaos/own-engine.js';
import { firstSkip, requirePodmanProgram } from '../../support/services.js';
import { SmallDisk, smallDiskSkip } from '../../support/small-disk.js';
import { contextOf, requestOf } from './engine-fixture.js';

const MEGABYTES = 32;
const NEVER = new AbortController().signal;
const skip = firstSkip(requirePodmanProgram()) || smallDiskSkip;

describe('a Podman that has no room left', { skip, timeout: 120_000 }, () => {
  let disk: SmallDisk;
  let podman: OwnEngine;
  let engine: Engine;

  before(async () => {
    disk = await SmallDisk.make(MEGABYTES);
    podman = await startOwnPodman(disk.folder);
    engine = openEngine({ host: podman.host });
  });
  after(async () => {
    await engine.close();
    await podman.stop();
    await disk.remove();
  });

  // Podman 4.3 answers with a status and not one word when it can't unpack a context.
  test('can’t go on, which passes, and builds when there is some', async () => {
    const build = (): Promise<unknown> => {
      const context = contextOf({ Dockerfile: 'FROM scratch\nCOPY big /\n', big: Buffer.alloc(1_000_000, 'x') });
      return engine.build(requestOf('', 'full:1', { context }), NEVER);
    };
    await disk.fill();
    await assert.rejects(build(), (error: unknown) => {
      assert.ok(error instanceof ServiceError);
      assert.equal(error.code, 'engine_unavailable', error.message);
      assert.equal(error.transient, true);
      assert.match(error.message, /could not go on: it said no more than status 500\.$/);
      return true;
    });
    await disk.free();
    await build();
    await engine.removeReference('full:1');
  });
});
