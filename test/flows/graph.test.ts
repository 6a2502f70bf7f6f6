import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { ServiceFolder } from '../support/service.js';
import { firstSkip, requireBusybox, requireEngine, requireRegistry } from '../support/services.js';

const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];

describe('graph', { skip: firstSkip(engine, registry, busybox) }, () => {
  const space = `flow-graph-${process.pid}`;
  let service: ServiceFolder;

  before(async () => {
    service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space });
  });
  after(async () => {
    await service?.close();
  });

  it('says so while nothing has been built', async () => {
    const shown = await service.cli('graph');
    assert.deepEqual([shown.code, shown.stdout], [0, '']);
    assert.match(shown.stderr, /no component has been built yet/);
  });

  it('has what was built, and what is out of date once a base has changed', async () => {
    await service.start();
    const program = await readFile(busybox.url);
    const build = async (name: string, from: string, note: string): Promise<void> => {
      const dockerfile = `FROM ${from}\nLABEL version="1"\nCOPY note /\n`;
      const files = { Dockerfile: dockerfile, note, ...(from === 'scratch' ? { busybox: program } : {}) };
      await service.said(await service.push(name, files), 'completed');
    };
    const on = (name: string): string => `registry.example.org/${space}/${name}:latest`;
    await build('base', 'scratch', 'one');
    await build('middle', on('base'), 'one');
    await build('top', on('middle'), 'one');
    const fresh = await service.cli('graph', '--stale');
    assert.deepEqual([fresh.code, fresh.stdout], [0, '']);
    assert.match(fresh.stderr, /nothing is out of date/);

    await build('base', 'scratch', 'two');

    const tree = await service.cli('graph');
    assert.equal(tree.code, 0, tree.stderr);
    const [base = '', middle = '', top = '', ...rest] = tree.stdout.trimEnd().split('\n');
    assert.deepEqual(rest, []);
    assert.match(base, /^f41\/base {2}base-1-2\.f41$/);
    assert.match(
      middle,
      /^└─ f41\/middle {2}middle-1-1\.f41 {2}out of date since \d+ s: f41\/base is base-1-2\.f41 now$/,
    );
    assert.match(top, /^ {3}└─ f41\/top {2}top-1-1\.f41 {2}out of date since \d+ s: stands on f41\/middle$/);
    const stale = await service.cli('graph', '--stale', '--json');
    const nodes = stale.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      nodes.map(({ component, stale: { itself, through } }) => [component, itself, through]),
      [
        ['middle', true, ['f41/base']],
        ['top', false, ['f41/middle']],
      ],
    );
    const dot = await service.cli('graph', 'middle', '--dot');
    assert.match(dot.stdout, /^digraph images \{\n(.*\n)+ *"f41\/middle" -> "f41\/base" \[style=bold\];\n(.*\n)*\}\n$/);
    assert.equal((await service.cli('graph', '--target', 'f99')).stdout, '');
  });

  it('is out of date no more when it was built on the new base', async () => {
    const asked = await service.cli('build', 'middle');
    assert.equal(asked.code, 0, asked.stderr);
    const { stdout } = await service.cli('graph', '--stale');
    assert.match(
      stdout,
      /^IMAGE +NVR +SINCE +WHY\nf41\/top +top-1-1\.f41 +\d+ s ago +f41\/middle is middle-1-1\.[0-9]+\.f41 now\n$/,
    );
  });
});
