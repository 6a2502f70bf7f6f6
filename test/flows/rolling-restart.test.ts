/** Every process is stopped and started again, one after the other, while pushes come in: none is lost, none is built twice. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { BuildCompletedV1, BuildStartedV1 } from '../../src/messages/index.js';
import { openRegistry } from '../../src/registry/index.js';
import { pause } from '../../src/runtime/clock.js';
import { ServiceFolder, type ServiceProcess } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];

const ROLES = ['trigger', 'planner', 'builder'] as const;
const PUSHES = 12;
/** Milliseconds between two pushes: builds are always under way. */
const EVERY_MS = 700;
/** What a process may take from SIGTERM to its end; milliseconds. */
const STOP_MS = 20_000;

describe('a rolling restart under load', { skip: firstSkip(engine, registry, busybox) }, () => {
  const space = `flow-rolling-${process.pid}`;
  let service: ServiceFolder;
  let program: Uint8Array;

  before(async () => {
    program = await readFile(busybox.url);
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, supersede: false });
  });

  after(() => service?.close());

  it('loses no push, builds none twice, fails none, and every process ends well', { timeout: 180_000 }, async () => {
    const running: { readonly role: string; process: ServiceProcess }[] = [];
    for (const role of [...ROLES, ...ROLES]) running.push({ role, process: await service.run(role) });
    const commits: string[] = [];
    const pushing = (async () => {
      for (let index = 0; index < PUSHES; index += 1) {
        const step = `RUN ["/bin/busybox", "sh", "-c", "echo ${index}; sleep ${index % 3}"]`;
        const files = {
          Dockerfile: `FROM scratch\nLABEL version="1"\nCOPY busybox /bin/busybox\n${step}\n`,
          busybox: program,
        };
        commits.push(await service.push(`rolled-${index % 4}`, files));
        await pause(EVERY_MS);
      }
    })();

    for (const each of running) {
      const from = performance.now();
      assert.equal(await each.process.stop('SIGTERM'), 0, `${each.role}: ${each.process.stderr}`);
      assert.ok(performance.now() - from < STOP_MS, `${each.role} took ${performance.now() - from} ms to end`);
      each.process = await service.run(each.role);
    }

    await pushing;
    const client = openRegistry({ name: 'test', url: registry.url, credentials: { kind: 'none' } });
    for (const commit of commits) {
      const { build, image } = (await service.said(commit, 'completed', 90_000)).body as unknown as BuildCompletedV1;
      const all = await service.about(commit);
      const said = (what: string) => all.filter(({ topic }) => topic.endsWith(`.build.${what}`));
      assert.deepEqual([said('completed').length, said('failed').length, said('canceled').length], [1, 0, 0]);
      const attempts = said('started').map(({ body }) => (body as unknown as BuildStartedV1).build.attempt);
      assert.deepEqual(attempts, [...new Set(attempts)], 'each attempt was begun once');
      assert.equal((await client.head(service.repository(build.component), `build-${build.id}`))?.digest, image.digest);
    }
    await client.close();
  });
});
