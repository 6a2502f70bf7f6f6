import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { BuildCompletedV1, BuildFailedV1 } from '../../src/messages/index.js';
import { openRegistry, type Registry } from '../../src/registry/index.js';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';
import { until } from '../support/until.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];

describe('prune', { skip: firstSkip(engine, registry, busybox) }, () => {
  const space = `flow-prune-${process.pid}`;
  let service: ServiceFolder;
  let client: Registry;
  /** Ids of builds, oldest first: one that failed, then two that completed. */
  const builds: string[] = [];

  before(async () => {
    client = openRegistry({ name: 'test', url: registry.url, credentials: { kind: 'none' } });
    service = await ServiceFolder.prepare({ engine: engine.url, registry: registry.url, space });
    await appendFile(service.config, 'keep: { every: 1h, builds: 1, age: 1ms, mirror_bytes: 1k, log_bytes: 1k }\n');
    await service.openBus();
    await service.start();
    const program = await readFile(busybox.url);
    const dockerfile = 'FROM scratch\nLABEL version="1.0"\nCOPY busybox /bin/busybox\n';
    const failing = await service.push('app', {
      Dockerfile: `${dockerfile}RUN ["/bin/busybox", "false"]\n`,
      busybox: program,
    });
    builds.push(((await service.said(failing, 'failed')).body as unknown as BuildFailedV1).build.id);
    for (const note of ['one', 'two']) {
      const commit = await service.push('app', { Dockerfile: dockerfile, note });
      builds.push(((await service.said(commit, 'completed')).body as unknown as BuildCompletedV1).build.id);
    }
    await until('no build is in hand', async () => {
      const holders = await Promise.all(builds.map((id) => service.bus.holder(`build.${id}`)));
      return holders.every((holder) => holder === null);
    });
  });

  after(async () => {
    await service?.close();
    await client?.close();
  });

  const tags = (): Promise<readonly string[]> => client.tags(`${space}/app`);
  const lines = (text: string): readonly Record<string, unknown>[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));

  it('--dry-run shows what would go, with bytes and why, and touches nothing', async () => {
    const before = await tags();
    const shown = await service.cli('prune', '--dry-run');
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /^what +name +where +bytes +last used +why\n/);
    assert.match(shown.stdout, new RegExp(`\nlog +log-${builds[0]?.slice(0, 8)}`));
    assert.match(shown.stdout, / old build\n/);
    assert.match(shown.stdout, /\n2 things would go, \d/);
    assert.match(shown.stderr, /can not take away a tag alone/);
    assert.deepEqual(await tags(), before);
  });

  it('--json is a line for each thing, and a sum', async () => {
    const shown = await service.cli('prune', '--dry-run', '--json', '--only', 'tags');
    const told = lines(shown.stdout);
    assert.deepEqual(
      told.slice(0, -1).map(({ area, what, name, reason, outcome }) => [area, what, name, reason, outcome]),
      [builds[0], builds[1]].map((id) => ['tags', 'log', `log-${id}.1`, 'retired', 'would_go']),
    );
    const { sum } = told.at(-1) as { sum: { gone: number; dry_run: boolean; bytes: number } };
    assert.deepEqual([sum.gone, sum.dry_run, sum.bytes > 0], [2, true, true]);
    const local = await service.cli('prune', '--dry-run', '--json', '--only', 'logs', '--only', 'mirrors');
    assert.equal(lines(local.stdout).length, 1, 'what was used a moment ago does not go');
  });

  it('two at once both end well and take each thing once; the service builds on', async () => {
    const commit = await service.push('app', { note: 'three' });
    const both = await Promise.all([service.cli('prune', '--json'), service.cli('prune', '--json')]);
    for (const { code, stderr } of both) assert.equal(code, 0, stderr);
    const gone = both.flatMap(({ stdout }) => lines(stdout)).filter(({ outcome }) => outcome === 'gone');
    const names = gone.map(({ name }) => String(name));
    assert.deepEqual(names, [...new Set(names)]);
    for (const id of [builds[0], builds[1]]) assert.ok(names.includes(`log-${id}.1`));
    await service.said(commit, 'completed');
    const left = await tags();
    for (const tag of ['latest', '1.0', '1.0-2.f41', '1.0-3.f41', `build-${builds[2]}`])
      assert.ok(left.includes(tag), tag);
    for (const id of [builds[0], builds[1]]) assert.ok(!left.includes(`log-${id}.1`));
  });

  it('ends with 69 when a place is away, keeps house elsewhere, and with 2 for an area that is none', async () => {
    const gone = await service.cli('prune', '--only', 'tapes');
    assert.equal(gone.code, 2);
    assert.match(gone.stderr, /images, mirrors, logs, tags/);
    const help = await service.cli('prune', '--help');
    assert.equal(help.code, 0);
    assert.match(help.stdout, /Examples:\n {2}layerwright prune --dry-run/);
    await service.stop();
    const text = await readFile(service.config, 'utf8');
    await writeFile(service.config, text.replace(engine.url, 'unix:///nowhere/docker.sock'));
    const away = await service.cli('prune', '--json');
    assert.equal(away.code, 69);
    const { sum } = lines(away.stdout).at(-1) as { sum: { faults: readonly { place: string }[] } };
    assert.deepEqual(
      sum.faults.map(({ place }) => place),
      ['engine unix:///nowhere/docker.sock'],
    );
  });
});
