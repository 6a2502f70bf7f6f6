/** A git host that is restarted or stays away under the running service. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BuildFailedV1, BuildStartedV1 } from '../../src/messages/index.js';
import { BLACK_HOLE, type FaultyProxy, PASS, startFaultyProxy } from '../support/faulty-proxy.js';
import { type GitServer, startGitServer } from '../support/git-server.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry] = [requireEngine(), requireRegistry()];
const DOCKERFILE = 'FROM scratch\nLABEL version="1"\nCOPY Dockerfile /\n';

describe('a git host', { skip: firstSkip(engine, registry) }, () => {
  let root: string;
  let host: GitServer;
  let proxy: FaultyProxy;
  let service: ServiceFolder;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'layerwright-git-host-'));
    host = await startGitServer({ root });
    proxy = await startFaultyProxy(host.url);
  });

  afterEach(async () => {
    await service?.close();
    await proxy.close();
    await host.stop();
    await rm(root, { recursive: true, force: true });
  });

  /** A service that clones from there. */
  async function start(space: string, sourcePatience: string): Promise<void> {
    service = await ServiceFolder.make({
      engine: engine.url,
      registry: registry.url,
      space: `${space}-${process.pid}`,
      clone: `http://${proxy.address}/git/{namespace}/{repo}.git`,
      sourcePatience,
      slots: 1,
    });
    await symlink(join(service.folder, 'git'), join(root, 'git'));
    await service.start();
  }

  const push = (component: string): Promise<string> => service.push(component, { Dockerfile: DOCKERFILE });
  const waits = (count: number) =>
    until(`${count} builds wait: ${service.stderr}`, async () => {
      const text = await (await fetch(`${service.health}/metrics`)).text();
      return text.includes(`\nlayerwright_builds_waiting_for_git ${count}\n`);
    });

  it('that is restarted fails no build: they wait, and are built once when it is back', {
    timeout: 120_000,
  }, async () => {
    await start('flow-git-back', '10m');
    // It goes away in the middle of an answer, more builds come than there are slots, then nothing listens, then it is ill.
    proxy.set(BLACK_HOLE);
    const commits = [await push('one')];
    await until('it is asked', () => proxy.connections > 0);
    proxy.set({ kind: 'refuse' });
    commits.push(await push('two'), await push('three'));
    await waits(3);
    const port = Number(new URL(host.url).port);
    await host.stop();
    const ready = await fetch(`${service.health}/readyz`);
    assert.equal(ready.status, 200);
    assert.match(await ready.text(), new RegExp(`3 builds wait for a git host that is away: ${proxy.address}`));

    host = await startGitServer({ root, port });
    host.answerWith(503);
    proxy.set(PASS);
    await until('it is asked again', () => host.requests.length > 3);
    host.answerWith(null);

    for (const commit of commits) {
      await service.said(commit, 'completed');
      const begun = (await service.about(commit)).filter(({ topic }) => topic.endsWith('.started'));
      assert.deepEqual(
        begun.map((one) => (one.body as unknown as BuildStartedV1).build.attempt),
        [1],
      );
    }
    await waits(0);
  });

  it('that stays away fails a build with its code when the patience is over; the next one is built when it is back', {
    timeout: 120_000,
  }, async () => {
    await start('flow-git-gone', '3s');
    host.answerWith(502);
    const began = performance.now();

    const { failure } = (await service.said(await push('late'), 'failed')).body as unknown as BuildFailedV1;

    assert.deepEqual([failure.code, failure.step], ['source_unavailable', 'source']);
    assert.match(failure.message, /has a fault\.$/);
    assert.ok(performance.now() - began < 20_000);
    host.answerWith(404);
    const refused = (await service.said(await push('missing'), 'failed')).body as unknown as BuildFailedV1;
    assert.match(refused.failure.message, /^There is no git repository at/);
    host.answerWith(null);
    await service.said(await push('next'), 'completed');
  });
});
