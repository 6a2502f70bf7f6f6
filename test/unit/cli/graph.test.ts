import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { painter } from '../../../src/cli/render/colour.js';
import { around, cycleNote, dotOf, nodeJson, staleTable } from '../../../src/cli/render/graph.js';
import { graphTree } from '../../../src/cli/render/graph-tree.js';
import type { Graph } from '../../../src/rebuilds/index.js';
import { BuildHistory } from '../../support/build-history.js';
import { sampleDigest } from '../../support/samples.js';

const NOW = new Date('2026-11-28T09:00:00Z');
/** Ten minutes before the first build ends. */
const BEGAN = Date.UTC(2026, 10, 28) - 600_000;
/** Builds in order, as `component: what it stands on`; `!` before the component: it failed. One ends ten minutes after the other. */
function graphFrom(lines: readonly string[]): Graph {
  const history = new BuildHistory(BEGAN, 600_000);
  for (const line of lines) {
    const [, bad = '', component = '', on = ''] = /^(!?)([^ ]+) ?(.*)$/.exec(line) ?? [];
    const parents = on.split(' ').filter((parent) => parent !== '');
    history.build(component, parents, bad === '' ? {} : { state: 'failed' });
  }
  return history.graph();
}

const HISTORY = [
  'base docker.io/library/debian:12',
  'python base',
  'node base',
  'app python node',
  'web node',
  'tool',
  '!python base',
  'base docker.io/library/debian:12',
];
const plain = painter(false);

describe('a graph for people', () => {
  it('is a tree: each image above what it stands on, once, and what is out of date says since when and why', () => {
    const graph = graphFrom(HISTORY);
    assert.deepEqual(graphTree(graph, around(graph, null), NOW, plain).split('\n'), [
      'docker.io/library/debian:12 (not ours)',
      '└─ f41/base  base-1-8.f41',
      '   ├─ f41/node  node-1-3.f41  out of date since 7 h: f41/base is base-1-8.f41 now',
      '   │  ├─ f41/app  app-1-4.f41  out of date since 7 h: stands on f41/node, f41/python',
      '   │  └─ f41/web  web-1-5.f41  out of date since 7 h: stands on f41/node',
      '   └─ f41/python  python-1-2.f41  out of date since 7 h: f41/base is base-1-8.f41 now  its last build failed',
      '      └─ f41/app (as above)',
      'f41/tool  tool-1-6.f41',
    ]);
  });

  it('of one component has what it stands on and what stands on it', () => {
    const graph = graphFrom(HISTORY);
    assert.deepEqual(graphTree(graph, around(graph, 'web'), NOW, plain).split('\n'), [
      'docker.io/library/debian:12 (not ours)',
      '└─ f41/base  base-1-8.f41',
      '   └─ f41/node  node-1-3.f41  out of date since 7 h: f41/base is base-1-8.f41 now',
      '      └─ f41/web  web-1-5.f41  out of date since 7 h: stands on f41/node',
    ]);
    assert.deepEqual(around(graph, 'python'), ['f41/app', 'f41/base', 'f41/python']);
    assert.deepEqual(around(graph, 'nobody'), []);
  });

  it('shows what stands on each other once, and says so', () => {
    const graph = graphFrom(['a', 'b a', 'a b', 'c c:1', 'c c']);
    assert.deepEqual(graphTree(graph, around(graph, null), NOW, plain).split('\n'), [
      'f41/c  c-1-5.f41  out of date since 8 h: f41/c is c-1-5.f41 now',
      'f41/a  a-1-3.f41  out of date since 8 h: stands on f41/b',
      '└─ f41/b  b-1-2.f41  out of date since 8 h: f41/a is a-1-3.f41 now',
      '   └─ f41/a (as above)',
    ]);
    assert.match(cycleNote(['f41/a', 'f41/b']), /f41\/a, f41\/b stand on each other/);
    assert.match(cycleNote(['f41/c']), /f41\/c stands on itself/);
  });

  it('as a table has what is out of date, the oldest first, in the width that there is', async () => {
    const graph = graphFrom([...HISTORY, 'node base', 'node base']);
    const shown = await staleTable(graph, [...graph.stale.keys()], NOW, 60);
    assert.deepEqual(
      shown.split('\n').map((line) => line.split(/ {2,}/).slice(0, 3)),
      [
        ['IMAGE', 'NVR', 'SINCE'],
        ['f41/app', 'app-1-4.f41', '7 h ago'],
        ['f41/python', 'python-1-2.f41', '7 h ago'],
        ['f41/web', 'web-1-5.f41', '7 h ago'],
      ],
    );
    for (const line of shown.split('\n')) assert.ok(line.length <= 60, line);
  });

  it('is a drawing that Graphviz takes, whatever names are in it', () => {
    const graph = graphFrom(['base', 'ap"p\\ base', 'base']);
    assert.deepEqual(dotOf(graph, around(graph, null)).split('\n'), [
      'digraph images {',
      '  rankdir=RL;',
      '  node [shape=box];',
      '  "f41/ap\\"p\\\\" [label="f41/ap\\"p\\\\\\nap\\"p\\\\-1-2.f41", style=filled];',
      '  "f41/ap\\"p\\\\" -> "f41/base" [style=bold];',
      '  "f41/base" [label="f41/base\\nbase-1-3.f41"];',
      '}',
    ]);
  });

  it('never lets a name steer the terminal', () => {
    const graph = graphFrom(['base', 'e\u001b[2Jvil base', 'base']);
    assert.ok(!graphTree(graph, around(graph, null), NOW, plain).includes('\u001b'));
    assert.ok(!dotOf(graph, around(graph, null)).includes('\u001b'));
  });

  it('is a line of JSON for each image', () => {
    const graph = graphFrom(HISTORY);
    const python = JSON.parse(JSON.stringify(nodeJson(graph, 'f41/python')));
    assert.equal(python.nvr, 'python-1-2.f41');
    assert.deepEqual(python.last, { build: 'python-7', state: 'failed', ended_at: '2026-11-28T01:00:00.000Z' });
    assert.deepEqual(python.stale, { since: '2026-11-28T01:10:00.000Z', itself: true, through: ['f41/base'] });
    assert.equal(python.parents[0].now.nvr, 'base-1-8.f41');
    assert.equal(python.parents[0].stands_on, sampleDigest('base-1'));
    assert.equal(python.cycle, null);
  });
});
