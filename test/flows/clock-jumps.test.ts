/** The wall clock of the service is set while it works. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { type JumpingClock, jumpingClock } from '../support/jumping-clock.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];
const HOUR_MS = 3_600_000;

describe('a wall clock that jumps', { skip: firstSkip(engine, registry, busybox) }, () => {
  let clock: JumpingClock;
  let service: ServiceFolder;

  before(async () => {
    clock = await jumpingClock();
    const space = `flow-clock-${process.pid}`;
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, env: clock.env });
    await service.start();
  });

  after(async () => {
    await service?.close();
    await clock?.remove();
  });

  it('an hour ahead and an hour back in the middle of a build loses nothing and repeats nothing', async () => {
    const script = 'echo begun; /bin/busybox sleep 5; echo half; /bin/busybox sleep 5; echo done';
    const step = `RUN ["/bin/busybox", "sh", "-c", "${script}"]`;
    const files = {
      Dockerfile: `FROM scratch\nLABEL version="1"\nCOPY busybox /bin/busybox\n${step}\n`,
      busybox: await readFile(busybox.url),
    };
    const lines: string[] = [];
    await service.bus.listen(['#.container.build.output'], ({ body }) => {
      if (Array.isArray(body['lines'])) lines.push(...body['lines'].map(String));
    });
    const printed = (line: string) =>
      until(`the step prints ${line}`, () => lines.some((one) => one.trim() === line), 30_000);
    const pid = service.pid;
    assert.ok(pid !== null);
    const commit = await service.push('jumps', files);
    await printed('begun');

    await clock.set(pid, HOUR_MS);
    const between = await service.push('between', {
      Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY Dockerfile /\n',
    });
    await service.said(between, 'completed');
    await printed('half');
    await clock.set(pid, -HOUR_MS);

    for (const each of [commit, between]) {
      await service.said(each, 'completed');
      const said = await service.about(each);
      assert.deepEqual(
        said.map(({ topic }) => topic.split('.').at(-1)),
        ['requested', 'started', 'completed'],
      );
    }
    assert.doesNotMatch(service.stderr, /was lost|left to others/);
  });
});
