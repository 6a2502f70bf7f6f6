import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { cyclesOf } from '../../../src/rebuilds/decide/cycles.js';
import { holdTheSame } from '../../../src/rebuilds/decide/edges.js';
import { type Graph, graphOf, LiveGraph } from '../../../src/rebuilds/decide/graph.js';
import { type EndedBuild, keyOf, type Sighting } from '../../../src/rebuilds/decide/node.js';
import { BuildHistory, historyName } from '../../support/build-history.js';
import { sampleDigest } from '../../support/samples.js';

const nameOf = historyName;

const staleIn = (graph: Graph): readonly string[] => [...graph.stale.keys()];

/** As data alone, in one order. */
const plain = ({ nodes, parents, dependents, stale, cycles }: Graph) => ({
  nodes: sorted(nodes),
  parents: sorted(parents),
  dependents: sorted(dependents),
  stale: sorted(stale),
  cycles,
});
const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe('the graph of who stands on whom', () => {
  it('has a component once, with the parents of its last build and who stands on it', () => {
    const world = new BuildHistory();
    world.build('base', ['docker.io/library/debian:12']);
    world.build('python', ['base']);
    world.build('app', ['python', 'base']);
    world.build('app', ['python']);
    const { nodes, dependents, cycles, stale } = world.graph();
    assert.deepEqual([...nodes.keys()], ['f41/app', 'f41/base', 'f41/python']);
    assert.deepEqual(
      nodes.get('f41/app')?.parents.map(({ written }) => written),
      ['python'],
    );
    assert.equal(nodes.get('f41/base')?.parents[0]?.from, null);
    assert.deepEqual(dependents.get('f41/base'), ['f41/python']);
    assert.deepEqual([...cycles, ...stale], []);
  });

  it('is out of date above a parent that has changed, since that was, and no more when it was built on it', () => {
    const world = new BuildHistory();
    world.build('base');
    world.build('python', ['base']);
    world.build('app', ['python']);
    world.build('other', ['debian:12']);
    const changed = world.build('base');
    const { stale } = world.graph();
    assert.deepEqual(stale.get('f41/python'), { since: changed.endedAt, itself: true, through: ['f41/base'] });
    assert.deepEqual(stale.get('f41/app'), { since: changed.endedAt, itself: false, through: ['f41/python'] });
    assert.equal(stale.size, 2);
    world.build('python', ['base']);
    assert.deepEqual(staleIn(world.graph()), ['f41/app']);
    world.build('app', ['python']);
    assert.deepEqual(staleIn(world.graph()), []);
  });

  it('is out of date since the first of its reasons, by whatever way that comes', () => {
    const world = new BuildHistory();
    for (const name of ['old', 'new']) world.build(name);
    world.build('long-1', ['old']);
    world.build('long-2', ['long-1']);
    world.build('app', ['new', 'long-2']);
    world.build('top', ['app']);
    const first = world.build('old');
    const second = world.build('new');
    const { stale } = world.graph();
    assert.equal(stale.get('f41/app')?.itself, true);
    assert.deepEqual(stale.get('f41/app')?.through, ['f41/long-2', 'f41/new']);
    for (const key of ['f41/long-2', 'f41/app', 'f41/top']) assert.equal(stale.get(key)?.since, first.endedAt, key);
    assert.notEqual(second.endedAt, first.endedAt);
  });

  it('is not out of date where the parent holds the same', () => {
    const content = sampleDigest('content');
    const image = (digest: string, more: object) => ({
      image: {
        ...(new BuildHistory().build('x').image as NonNullable<EndedBuild['image']>),
        digest,
        ...more,
      } as EndedBuild['image'],
    });
    for (const [one, two] of [
      [{ content }, { content }],
      [
        { platforms: [{ platform: 'a', digest: content, size: 1 }] },
        { platforms: [{ platform: 'a', digest: content, size: 1 }] },
      ],
    ] as const) {
      const world = new BuildHistory();
      const references = { references: [nameOf('base')] };
      world.build('base', [], image(sampleDigest('1'), { ...references, ...one }));
      world.build('app', ['base']);
      world.build('base', [], image(sampleDigest('2'), { ...references, ...two }));
      assert.deepEqual(staleIn(world.graph()), []);
    }
    const [a, b] = [new BuildHistory().build('a').image, new BuildHistory().build('b').image];
    assert.ok(a && b && !holdTheSame(a, b));
  });

  it('goes by the name that was looked up: another version of the parent is none of it', () => {
    const world = new BuildHistory();
    const version = (tag: string) => ({
      image: { ...(world.build('x').image as NonNullable<EndedBuild['image']>), references: [nameOf('base', tag)] },
    });
    const one = version('1');
    world.build('base', [], one);
    const parents = [{ written: 'base:1', resolved: nameOf('base', '1'), digest: one.image.digest, build: null }];
    world.build('app', [], { parents });
    world.build('base', [], version('2'));
    assert.deepEqual(staleIn(world.graph()), []);
    assert.deepEqual(world.graph().dependents.get('f41/base'), ['f41/app']);
    world.build('base', [], version('1'));
    assert.deepEqual(staleIn(world.graph()), ['f41/app']);
  });

  it('has the parents of a failed build, and is as old as the image that is there', () => {
    const world = new BuildHistory();
    world.build('base');
    world.build('python', ['base']);
    world.build('new');
    world.build('base');
    world.build('python', ['base', 'new'], { state: 'failed' });
    const { nodes, stale } = world.graph();
    const python = nodes.get('f41/python');
    assert.deepEqual(
      python?.parents.map(({ written, standsOn }) => [written, standsOn !== null]),
      [
        ['base', true],
        ['new', false],
      ],
    );
    assert.equal(python?.last.state, 'failed');
    assert.deepEqual([...stale.keys()], ['f41/python']);
    // It failed before its parents were known.
    world.build('python', [], { state: 'failed' });
    assert.deepEqual(staleIn(world.graph()), ['f41/python']);
  });

  it('takes scratch builds for no node and nobody’s parent', () => {
    const world = new BuildHistory();
    world.build('base');
    world.build('app', ['base']);
    world.build('base', [], { kind: 'scratch' });
    world.build('trial', ['base'], { kind: 'scratch' });
    const { nodes, stale } = world.graph();
    assert.deepEqual([[...nodes.keys()], [...stale]], [['f41/app', 'f41/base'], []]);
  });

  it('names what stands on itself or on each other, and comes to an end with it', () => {
    const world = new BuildHistory();
    world.build('a');
    world.build('b', ['a']);
    world.build('a', ['b']);
    world.build('self');
    world.build('self', ['self']);
    world.build('top', ['a']);
    const { cycles, stale } = world.graph();
    assert.deepEqual(cycles, [['f41/a', 'f41/b'], ['f41/self']]);
    assert.deepEqual([...stale.keys()], ['f41/a', 'f41/b', 'f41/self', 'f41/top']);
  });

  describe('with images that are not ours', () => {
    const DEBIAN = 'registry.example.org/debian:12';
    const [one, two] = [sampleDigest(DEBIAN), sampleDigest('two')];
    const seen = (digest: string, more: Partial<Sighting> = {}): Sighting => ({
      digest,
      same: [],
      seenAt: '2026-12-01T00:00:00.000Z',
      seq: 1_000,
      ...more,
    });
    const worldOf = (sighting: Sighting): BuildHistory => {
      const world = new BuildHistory();
      world.build('base', [DEBIAN]);
      world.build('app', ['base']);
      world.sightings.set(DEBIAN, sighting);
      return world;
    };

    it('is out of date above one that was seen to be another, since then', () => {
      const { stale, nodes } = worldOf(seen(two)).graph();
      assert.deepEqual(stale.get('f41/base'), { since: '2026-12-01T00:00:00.000Z', itself: true, through: [DEBIAN] });
      assert.deepEqual(stale.get('f41/app')?.through, ['f41/base']);
      assert.equal(nodes.get('f41/base')?.parents[0]?.seen?.digest, two);
      assert.deepEqual(staleIn(worldOf(seen(one)).graph()), []);
    });

    it('is not where that stands for the same image: a platform’s, or an index that was made anew', () => {
      assert.deepEqual(staleIn(worldOf(seen(two, { same: [sampleDigest('x'), one] })).graph()), []);
    });

    it('is not when the build ended after the question: it may have looked later', () => {
      const world = worldOf(seen(two, { seq: 0 }));
      assert.deepEqual(staleIn(world.graph()), []);
      world.sightings.set(DEBIAN, seen(two, { seq: 1 }));
      assert.deepEqual(staleIn(world.graph()), ['f41/app', 'f41/base']);
    });

    it('goes by the log where a build of ours makes the name', () => {
      const world = worldOf(seen(one));
      world.sightings.set(historyName('base'), seen(two));
      assert.deepEqual(staleIn(world.graph()), []);
    });

    it('knows what its last rebuild was to stand on, where nobody has asked since', () => {
      const world = worldOf(seen(one));
      const live = new LiveGraph(() => new Map([[DEBIAN, seen(two)]]));
      for (const build of world.builds) live.add(build);
      const changes = () =>
        live
          .graph()
          .nodes.get('f41/both')
          ?.parents.filter(({ changed }) => changed);
      assert.deepEqual(staleIn(live.graph()), [], 'by itself that makes nothing out of date');
      live.add(world.build('both', ['base', DEBIAN]));
      live.add(world.build('base', [DEBIAN]));
      assert.deepEqual(
        changes()?.map(({ resolved }) => resolved),
        [historyName('base'), DEBIAN],
      );
      live.see(DEBIAN, seen(one));
      assert.equal(changes()?.length, 1);
    });
  });

  const components = ['a', 'b', 'c', 'd', 'e', 'f'];
  const histories = fc.array(
    fc.record({
      component: fc.constantFrom(...components),
      on: fc.uniqueArray(fc.constantFrom(...components, 'debian:12'), { maxLength: 3 }),
      failed: fc.boolean(),
    }),
    { maxLength: 30 },
  );
  const play = (history: readonly { component: string; on: readonly string[]; failed: boolean }[]): BuildHistory => {
    const world = new BuildHistory();
    for (const { component, on, failed } of history) world.build(component, on, failed ? { state: 'failed' } : {});
    return world;
  };

  it('is the same in whatever order the builds are read', () => {
    fc.assert(
      fc.property(histories, fc.integer(), (history, seed) => {
        const { builds } = play(history);
        const shuffled = [...builds].sort((a, b) =>
          sampleDigest(`${seed}${a.id}`) < sampleDigest(`${seed}${b.id}`) ? -1 : 1,
        );
        assert.deepEqual(plain(graphOf(shuffled)), plain(graphOf(builds)));
      }),
    );
  });

  it('is the same when it was drawn after each build, and when nothing but what it needs was kept', () => {
    fc.assert(
      fc.property(histories, fc.array(fc.nat({ max: 3 }), { minLength: 1 }), (history, steps) => {
        const live = new LiveGraph();
        const world = new BuildHistory();
        for (const [at, { component, on, failed }] of history.entries()) {
          live.add(world.build(component, on, failed ? { state: 'failed' } : {}));
          if ((steps[at % steps.length] ?? 0) > 1) continue;
          live.takeChanged();
          assert.deepEqual(plain(live.graph()), plain(world.graph()));
        }
        const graph = live.graph();
        assert.deepEqual(plain(graph), plain(world.graph()));
        for (const [key, parents] of graph.parents) {
          if (graph.cycles.some((cycle) => cycle.includes(key))) continue;
          for (const parent of parents) {
            assert.ok(graph.rankOf(parent) < graph.rankOf(key), `${parent} below ${key}`);
            assert.ok(graph.cycles.flat().includes(parent) || graph.heightOf(parent) > graph.heightOf(key));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('takes a build that comes after what stands on it', () => {
    const world = new BuildHistory();
    const parts = { image: { ...(new BuildHistory().build('x').image as NonNullable<EndedBuild['image']>) } };
    const held = (digest: string) => ({
      image: { ...parts.image, digest, content: sampleDigest('content'), platforms: [], references: [nameOf('base')] },
    });
    const old = world.build('base', [], held(sampleDigest('1')));
    const app = world.build('app', ['base']);
    const anew = world.build('base', [], held(sampleDigest('2')));
    const live = new LiveGraph();
    for (const build of [app, anew]) live.add(build);
    assert.deepEqual(staleIn(live.graph()), ['f41/app'], 'it can’t be known that it holds the same');
    live.add(old);
    assert.deepEqual(staleIn(live.graph()), []);
  });

  it('tells which nodes are others than before, and no more', () => {
    const live = new LiveGraph();
    const world = new BuildHistory();
    for (const [name, on] of [['base'], ['a', 'base'], ['b', 'a'], ['c']] as const)
      live.add(world.build(name, on === undefined ? [] : [on]));
    assert.deepEqual([...live.takeChanged()].sort(), ['f41/a', 'f41/b', 'f41/base', 'f41/c']);
    assert.equal(live.takeChanged().size, 0);
    live.add(world.build('base'));
    assert.deepEqual([...live.takeChanged()].sort(), ['f41/a', 'f41/base']);
    assert.ok(live.has(world.builds[0]?.id ?? ''), 'who stands on it may still ask for what it was');
    live.add(world.build('a', ['base']));
    live.takeChanged();
    assert.equal(live.has(world.builds[0]?.id ?? ''), false);
  });

  it('is out of date exactly where some image below is not the one that its name has now', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const world = play(history);
        const graph = world.graph();
        // Straight from the words: the image's parents by digest, and all that can be reached over edges.
        const direct = [...graph.nodes].filter(([, { image, parents }]) =>
          parents.some(({ resolved }) => {
            const held = image?.parents.find((parent) => parent.resolved === resolved);
            const now = components
              .map((name) => world.last(name))
              .find((last) => last?.image?.references.includes(resolved));
            return held !== undefined && now !== undefined && now.image?.digest !== held.digest;
          }),
        );
        const all = new Set(direct.map(([key]) => key));
        for (let before = -1; before !== all.size; ) {
          before = all.size;
          for (const [key, node] of graph.nodes)
            if (node.parents.some(({ from }) => from !== null && all.has(keyOf(from)))) all.add(key);
        }
        assert.deepEqual(staleIn(graph), [...all].sort());
        for (const [key, { itself }] of graph.stale)
          assert.equal(
            itself,
            direct.some(([one]) => one === key),
          );
      }),
    );
  });
});

describe('cycles', () => {
  it('are what can reach each other, and what points to itself', () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const graphs = fc.array(fc.uniqueArray(fc.constantFrom(...keys, 'unknown'), { maxLength: 3 }), {
      minLength: keys.length,
      maxLength: keys.length,
    });
    fc.assert(
      fc.property(graphs, (all) => {
        const ways = new Map(keys.map((key, at) => [key, all[at] ?? []]));
        const reach = (from: string): Set<string> => {
          const seen = new Set<string>();
          const queue = [...(ways.get(from) ?? [])];
          for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
            if (seen.has(key) || !ways.has(key)) continue;
            seen.add(key);
            queue.push(...(ways.get(key) ?? []));
          }
          return seen;
        };
        const groups = new Map<string, string[]>();
        for (const key of keys) {
          const mutual = keys.filter((other) => reach(key).has(other) && reach(other).has(key));
          if (mutual.includes(key)) groups.set(mutual.join(), mutual);
        }
        assert.deepEqual(
          cyclesOf(ways),
          [...groups.values()].sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
        );
      }),
    );
  });

  it('are found at the end of a chain of any length', () => {
    const ways = new Map(Array.from({ length: 200_000 }, (_, at) => [String(at), [String(at + 1)]]));
    ways.set('200000', ['199999']);
    assert.deepEqual(cyclesOf(ways), [['199999', '200000']]);
  });
});
