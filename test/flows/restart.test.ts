import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { BuildCompletedV1, BuildRequestedV1, BuildStartedV1 } from '../../src/messages/index.js';
import { openRegistry } from '../../src/registry/index.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];

describe('a service that is killed', { skip: firstSkip(engine, registry, busybox) }, () => {
  const space = `flow-kill-${process.pid}`;
  let service: ServiceFolder;
  let program: Uint8Array;

  before(async () => {
    program = await readFile(busybox.url);
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space });
    await service.start();
  });

  after(() => service?.close());

  const slow = (seconds: number): string =>
    `FROM scratch\nLABEL version="1"\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "echo begun; sleep ${seconds}"]\n`;

  it('in the middle of a build completes it after the restart, once', async () => {
    const commit = await service.push('killed', { Dockerfile: slow(8), busybox: program });
    await service.said(commit, 'started');
    await until('the engine runs the step', async () => outputSeen(service, commit));

    await service.stop('SIGKILL');
    await service.start();

    const done = (await service.said(commit, 'completed', 120_000)).body as unknown as BuildCompletedV1;
    const all = await service.about(commit);
    assert.equal(all.filter(({ topic }) => topic.endsWith('.completed')).length, 1);
    assert.deepEqual(
      all
        .filter(({ topic }) => topic.endsWith('.started'))
        .map((one) => (one.body as unknown as BuildStartedV1).build.attempt),
      [1, 2],
    );
    const client = openRegistry({ name: 'test', url: registry.url, credentials: { kind: 'none' } });
    assert.equal((await client.head(`${space}/killed`, 'latest'))?.digest, done.image.digest);
    await client.close();
  });

  it('by SIGTERM hands its build to the next process, and ends well', async () => {
    const commit = await service.push('stopped', { Dockerfile: slow(5), busybox: program });
    await service.said(commit, 'started');

    assert.equal(await service.stop('SIGTERM'), 0);
    const requests = (await service.about(commit)).filter(({ topic }) => topic.endsWith('.requested'));
    assert.deepEqual(
      requests.map((one) => (one.body as unknown as BuildRequestedV1).build.attempt),
      [1, 2],
    );
    await service.start();

    await service.said(commit, 'completed', 60_000);
  });

  it('loses no push that came while it was away', async () => {
    await service.stop('SIGTERM');
    const commit = await service.push('meanwhile', { Dockerfile: slow(0), busybox: program });

    await service.start();

    await service.said(commit, 'completed', 60_000);
  });

  it('lets no second one into its folder, and says who has it', async () => {
    const second = await service.cli('up');

    assert.notEqual(second.code, 0);
    assert.match(second.stderr, new RegExp(`process ${service.pid}|pid ${service.pid}`));
    assert.ok((await service.bus.holder('planner')) !== null);
  });
});

/** True once the build's own output shows that its slow step runs. */
async function outputSeen(service: ServiceFolder, commit: string): Promise<boolean> {
  const [request] = await service.about(commit);
  const id = String((request?.body['build'] as { id?: string } | undefined)?.id);
  const { stdout } = await service.cli('logs', id);
  return stdout.includes('begun');
}
