import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { buildByHand, readAsOf, readDependents, readFailed } from '../../../src/rebuilds/by-hand.js';
import {
  type Basis,
  type Failed,
  type HandPlan,
  type ImageName,
  planAsOf,
  planDependents,
  planFailed,
  planNamed,
} from '../../../src/rebuilds/decide/by-hand.js';
import { BuildHistory, historyName } from '../../support/build-history.js';
import { inWorld } from '../../support/ledger-world.js';
import {
  completed,
  failed,
  requested,
  sampleBuild,
  sampleCommit,
  sampleDigest,
  withNvr,
} from '../../support/samples.js';

const nobody = (): boolean => false;
const asked = ({ asks }: HandPlan): readonly string[] => asks.map(({ basis }) => basis.component);
const codes = ({ nots }: HandPlan): readonly string[] => nots.map(({ component, code }) => `${component} ${code}`);
const on = (component: string): ImageName => ({ component, reference: null });
const NONE: ReadonlySet<string> = new Set();

describe('a rebuild by name', () => {
  it('is of the image’s source; what is left out only by a build of its own, and once though named twice', () => {
    const history = new BuildHistory();
    const [app, old] = [history.build('app'), history.build('old')];
    const scratch = history.build('try', [], { kind: 'scratch' });
    const byComponent = (basis: Basis): { basis: Basis; byComponent: true } => ({ basis, byComponent: true });
    const isOut = ({ component }: { component: string }): boolean => component === 'old';
    const plan = planNamed(
      [byComponent(app), byComponent(app), byComponent(old), { basis: scratch, byComponent: false }],
      isOut,
    );
    assert.deepEqual(asked(plan), ['app']);
    assert.deepEqual(codes(plan), ['old left_out', 'try not_official']);
    assert.deepEqual(asked(planNamed([{ basis: old, byComponent: false }], isOut)), ['old']);
  });

  it('is another build with each request, the same in each process for one', () => {
    const basis = new BuildHistory().build('app');
    const ask = { basis, kind: 'official', pins: null } as const;
    const by = { agent: 'ann', reason: null };
    const one = buildByHand(ask, { request: 'r1', ...by });
    assert.equal(one.id, buildByHand(ask, { request: 'r1', ...by }).id);
    assert.notEqual(one.id, buildByHand(ask, { request: 'r2', ...by }).id);
    assert.deepEqual(
      [one.cause.type, one.cause.key, one.cause.agent, one.source],
      ['person', 'r1', 'ann', basis.source],
    );
  });
});

describe('what failed', () => {
  const history = new BuildHistory();
  const basis = history.build('app', [], { state: 'failed' });
  const { commit } = basis.source;
  const plan = (one: Partial<Failed>, head: Parameters<typeof planFailed>[1], isOut = nobody): HandPlan =>
    planFailed([{ failed: basis, newer: null, ...one }], head, isOut);
  const atHead = () => ({ commit });

  it('is asked for once more while its commit is the head, and says else why not', () => {
    assert.deepEqual(asked(plan({}, atHead)), ['app']);
    const newer = (state: 'requested' | 'started' | 'completed') => ({ id: 'n', nvr: null, state });
    assert.deepEqual(codes(plan({ newer: newer('completed') }, atHead)), ['app built_since']);
    assert.deepEqual(codes(plan({ newer: newer('started') }, atHead)), ['app under_way']);
    const moved = plan({}, () => ({ commit: sampleCommit('other') }));
    assert.deepEqual(codes(moved), ['app not_head']);
    assert.match(
      moved.nots[0]?.reason ?? '',
      /f41 has [0-9a-f]{12} now; `layerwright build app --target f41` builds that/,
    );
    assert.deepEqual(codes(plan({}, () => ({ commit: null }))), ['app not_head']);
    assert.deepEqual(codes(plan({}, () => ({ refused: 'no rule' }))), ['app source_refused']);
    assert.deepEqual(codes(plan({}, atHead, () => true)), ['app left_out']);
  });

  it(
    'is read off the ledger: the last of each component that failed, within the time, and what came later',
    inWorld(async ({ bus, open }) => {
      const of = (component: string, text: string): ReturnType<typeof sampleBuild> =>
        sampleBuild({ component, source: { commit: sampleCommit(text) } });
      const [first, second, mended] = [of('app', '1'), of('app', '2'), of('web', '1')];
      for (const build of [first, second, mended])
        for (const message of [requested(build), failed(build)]) await bus.publish(message);
      const again = of('web', '2');
      for (const message of [requested(again), completed(withNvr(again))]) await bus.publish(message);
      const ledger = await open();
      await ledger.caughtUp();
      const found = readFailed(ledger, ledger.streams(), null);
      assert.deepEqual(
        found.map((one) => [one.failed.id, one.newer?.id ?? null]),
        [
          [second.id, null],
          [mended.id, again.id],
        ],
      );
      assert.deepEqual(readFailed(ledger, ledger.streams(), new Date(Date.now() + 60_000).toISOString()), []);
    }),
  );
});

describe('what stands on an image', () => {
  const history = new BuildHistory();
  history.build('base');
  history.build('left', ['base']);
  history.build('right', ['base']);
  history.build('top', ['left', 'right', 'base']);
  history.build('far', ['left']);
  history.build('alone', ['docker.io/library/debian:12']);

  it('is asked for where it stands directly on it; a diamond’s top follows in the wave, so that it is built once', () => {
    const plan = planDependents(history.graph(), on('base'), nobody, NONE);
    assert.deepEqual([...asked(plan)].sort(), ['left', 'right']);
    assert.deepEqual(codes(plan), ['top follows']);
    assert.deepEqual(asked(planDependents(history.graph(), on('nobody'), nobody, NONE)), []);
  });

  it('may be named by a reference as written or looked up, by its end, or by a digest', () => {
    const graph = history.graph();
    const by = (reference: string): readonly string[] =>
      asked(planDependents(graph, { component: null, reference }, nobody, NONE));
    assert.deepEqual(by('docker.io/library/debian:12'), ['alone']);
    assert.deepEqual(by('library/debian:12'), ['alone']);
    assert.deepEqual(by('ebian:12'), []);
    assert.deepEqual([...by(historyName('base'))].sort(), ['left', 'right']);
    assert.deepEqual(by(sampleDigest('docker.io/library/debian:12')), ['alone']);
  });

  it('is not asked for where it is left out, asked for already, or stands on itself', () => {
    const graph = history.graph();
    const plan = planDependents(graph, on('base'), ({ component }) => component === 'left', new Set(['f41/right']));
    assert.deepEqual(asked(plan), []);
    assert.deepEqual([...codes(plan)].sort(), ['left left_out', 'right under_way', 'top follows']);
    const round = new BuildHistory();
    round.build('base');
    round.build('one', ['base']);
    round.build('two', ['one']);
    round.build('one', ['base', 'two']);
    assert.deepEqual(codes(planDependents(round.graph(), on('base'), nobody, NONE)), ['one cycle']);
  });

  it('never asks for two of which one stands on the other, and says of each direct one what it does', () => {
    const names = Array.from({ length: 8 }, (_, index) => `c${index}`);
    const build = fc.tuple(fc.constantFrom(...names), fc.array(fc.constantFrom('base', ...names), { maxLength: 4 }));
    fc.assert(
      fc.property(fc.array(build, { maxLength: 30 }), (builds) => {
        const world = new BuildHistory();
        world.build('base');
        for (const [name, parents] of builds)
          world.build(
            name,
            parents.filter((parent) => world.last(parent)),
          );
        const graph = world.graph();
        const plan = planDependents(graph, on('base'), nobody, NONE);
        const direct = [...graph.nodes].filter(([, { parents }]) =>
          parents.some(({ from }) => from?.component === 'base'),
        );
        assert.equal(plan.asks.length + plan.nots.length, direct.length);
        for (const { basis } of plan.asks) {
          const seen = new Set<string>();
          const left = [...(graph.parents.get(`f41/${basis.component}`) ?? [])];
          for (let key = left.pop(); key !== undefined; key = left.pop()) {
            if (seen.has(key)) continue;
            seen.add(key);
            assert.ok(!asked(plan).includes(key.slice(4)), `${basis.component} stands on ${key}`);
            left.push(...(graph.parents.get(key) ?? []));
          }
        }
      }),
    );
  });

  it(
    'is read off the ledger, and what is asked for and not begun with it',
    inWorld(async ({ bus, open }) => {
      const app = sampleBuild({ component: 'app' });
      for (const message of [requested(app), completed(withNvr(app))]) await bus.publish(message);
      const ledger = await open();
      await ledger.caughtUp();
      const image = { component: null, reference: 'f41/base:latest' };
      assert.deepEqual(asked(readDependents(ledger, image, nobody, nobody)), ['app']);
      assert.deepEqual(asked(readDependents(ledger, image, () => true, nobody)), []);
      await bus.publish(requested(sampleBuild({ component: 'app', source: { commit: sampleCommit('next') } })));
      await ledger.caughtUp();
      assert.deepEqual(codes(readDependents(ledger, image, nobody, nobody)), ['app under_way']);
    }),
  );
});

describe('a rebuild as of a time', () => {
  it('is a scratch build pinned to who had the names then, and to what it stood on where nobody of ours had', () => {
    const history = new BuildHistory();
    history.build('base');
    const app = history.build('app', ['base', 'debian:12']);
    const base = history.build('base');
    const stream = { component: 'app', target: 'f41' };
    const plan = planAsOf([{ stream, basis: app }], (name) => (name === historyName('base') ? base : null));
    assert.deepEqual(
      plan.asks.map(({ kind, pins }) => [kind, pins]),
      [
        [
          'scratch',
          [
            { name: historyName('base'), digest: base.image?.digest },
            { name: 'debian:12', digest: sampleDigest('debian:12') },
          ].sort((a, b) => (a.name < b.name ? -1 : 1)),
        ],
      ],
    );
    assert.deepEqual(codes(planAsOf([{ stream, basis: null }], () => null)), ['app nothing_then']);
  });

  it(
    'is read off the ledger as it was then',
    inWorld(async ({ bus, open }) => {
      const app = sampleBuild({ component: 'app' });
      for (const message of [requested(app), completed(withNvr(app))]) await bus.publish(message);
      const ledger = await open();
      await ledger.caughtUp();
      const stream = { component: 'app', target: 'f41' };
      const later = new Date(Date.now() + 60_000).toISOString();
      assert.deepEqual(readAsOf(ledger, [stream], later).asks[0]?.pins, [
        { name: 'candidate.example.org/f41/base:latest', digest: sampleDigest('base') },
      ]);
      assert.deepEqual(codes(readAsOf(ledger, [stream], '2020-01-01T00:00:00.000Z')), ['app nothing_then']);
    }),
  );
});
