import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { derivedId } from '../../../src/kernel/ids.js';
import type { BuildRow, WaveRow } from '../../../src/ledger/index.js';
import { encode } from '../../../src/messages/codec.js';
import { keyOf } from '../../../src/rebuilds/decide/graph.js';
import { planWaves, type WavePlan } from '../../../src/rebuilds/decide/waves.js';
import { BuildHistory } from '../../support/build-history.js';
import { sampleBuild, waveClosed } from '../../support/samples.js';

const MINUTE = 60_000;
const SETTINGS = { quietMs: MINUTE, deadlineMs: 10 * MINUTE };

interface Asked {
  readonly key: string;
  readonly wave: string;
  readonly parents: readonly string[];
  row: Pick<BuildRow, 'id' | 'state' | 'ended'>;
}

/** A log, as far as waves go, and builders that end what is asked for in any order. */
class World {
  readonly history = new BuildHistory();
  readonly waves: { row: WaveRow; results: Map<string, string> | null }[] = [];
  /** In the order in which they were asked for. */
  readonly asked: Asked[] = [];
  readonly busy = new Set<string>();
  out: readonly string[] = [];
  #seen: ReadonlyMap<string, number> = new Map();
  #seq = 100_000;
  nowMs = Date.UTC(2027, 0, 1);

  plan(): WavePlan {
    const plan = planWaves(
      {
        graph: this.history.graph(),
        open: this.waves.filter(({ results }) => results === null).map(({ row }) => row),
        isOut: ({ component }) => this.out.includes(component),
        isBusy: (key) => this.busy.has(key) || this.running().some((one) => one.key === key),
        build: (id) => this.asked.find(({ row }) => row.id === id)?.row ?? null,
        askedIn: (wave, key) => this.asked.find((one) => one.wave === wave && one.key === key)?.row ?? null,
      },
      this.#seen,
      { wall: this.nowMs, monotonic: this.nowMs },
      SETTINGS,
    );
    this.#seen = plan.seen;
    return plan;
  }

  running(): readonly Asked[] {
    return this.asked.filter(({ row }) => row.state === 'requested');
  }

  /** Does what a planner would, as often as there is something to do without anybody else. */
  settle(): void {
    for (let plan = this.plan(); this.#do(plan); plan = this.plan());
  }

  #do({ asks, stops, closings, openings }: WavePlan): boolean {
    for (const { wave, rebuild } of asks) this.#note(wave, rebuild, 'requested');
    for (const { wave, rebuild } of stops) this.#note(wave, rebuild, 'skipped');
    for (const { wave, results } of closings) {
      const known = this.waves.find(({ row }) => row.id === wave.id);
      assert.ok(known && known.results === null, 'a wave is closed once');
      known.results = new Map(results.map(({ member, outcome }) => [member, outcome]));
    }
    for (const { wave, changes, members, cycles } of openings) {
      const id = derivedId('wave', wave.message, wave.rebuild);
      assert.ok(!this.waves.some(({ row }) => row.id === id), 'a wave is opened once');
      this.#seq += 1;
      const openedAt = new Date(this.nowMs).toISOString();
      const row = { id, ...wave, openedBy: id, openedSeq: this.#seq, openedAt, changes, members, cycles };
      this.waves.push({ row: { ...row, closedAt: null, results: [] }, results: null });
    }
    return asks.length + stops.length + closings.length + openings.length > 0;
  }

  #note(wave: WaveRow, rebuild: WavePlan['asks'][number]['rebuild'], state: 'requested' | 'skipped'): void {
    const key = keyOf(rebuild.basis);
    assert.ok(!this.asked.some(({ row }) => row.id === rebuild.id), 'a rebuild is asked for once');
    assert.ok(!this.asked.some((one) => one.wave === wave.id && one.key === key), 'once a wave');
    const parents = rebuild.basis.parents.map(({ resolved }) => resolved.split('/').at(-1)?.split(':')[0] ?? '');
    this.asked.push({ key, wave: wave.id, parents, row: { id: rebuild.id, state, ended: false } });
  }

  /** A builder ends a build that runs, on what its parents' names stand for now. */
  end(at: number, failed = false): void {
    const running = this.running();
    const one = running[at % running.length];
    assert.ok(one);
    const component = one.key.slice(one.key.indexOf('/') + 1);
    this.history.build(component, one.parents, failed ? { state: 'failed' } : {});
    one.row = { ...one.row, state: failed ? 'failed' : 'completed', ended: true };
  }

  keysAsked(): readonly string[] {
    return this.asked.filter(({ row }) => row.state !== 'skipped').map(({ key }) => key);
  }
}

/** A history in which each component stands on those named, every one built once. */
function worldOf(parents: Readonly<Record<string, readonly string[]>>): World {
  const world = new World();
  for (const [component, on] of Object.entries(parents)) world.history.build(component, on);
  return world;
}

describe('a wave', () => {
  it('is opened when nothing has changed for the quiet time, with all that stands on what has changed', () => {
    const world = worldOf({ base: [], other: [], left: ['base'], right: ['base'], top: ['left', 'right'] });
    assert.deepEqual([world.plan().openings, world.plan().waitMs], [[], null]);
    const changed = world.history.build('base');
    world.nowMs = Date.parse(changed.endedAt ?? '') + 20_000;
    const early = world.plan();
    assert.deepEqual([early.openings, early.waitMs], [[], 40_000]);
    world.nowMs += 40_000;
    const [opening, ...more] = world.plan().openings;
    assert.deepEqual(more, []);
    assert.deepEqual(opening?.members.toSorted(), ['f41/left', 'f41/right', 'f41/top']);
    assert.equal(opening?.members.at(-1), 'f41/top');
    assert.deepEqual(
      opening?.changes.map(({ build }) => build),
      [changed.id],
    );
    assert.equal(opening?.wave.message, changed.messages[0]?.id);
  });

  it('does not wait longer than the deadline for changes that never stop', () => {
    const world = worldOf({ base: [], app: ['base'], more: [], top: ['more', 'app'] });
    const first = world.history.build('base');
    world.nowMs = Date.parse(first.endedAt ?? '') + SETTINGS.deadlineMs - 30_000;
    const late = world.history.build('more', [], { endedAt: new Date(world.nowMs).toISOString() });
    const message = {
      ...late.messages[0],
      storedAt: new Date(world.nowMs).toISOString(),
    } as BuildRow['messages'][number];
    world.history.builds.splice(world.history.builds.indexOf(late), 1, { ...late, messages: [message] });
    assert.equal(world.plan().waitMs, 30_000);
    world.nowMs += 30_000;
    assert.equal(world.plan().openings.length, 1);
  });

  it('asks for nothing that stands on what is still to come, and for the longest way first', () => {
    const world = worldOf({ base: [], short: ['base'], long: ['base'], longer: ['long'], top: ['longer', 'short'] });
    world.history.build('base');
    world.settle();
    assert.deepEqual(world.keysAsked(), ['f41/long', 'f41/short']);
    world.end(1);
    world.settle();
    assert.equal(world.asked.length, 2);
    world.end(0);
    world.settle();
    assert.deepEqual(world.keysAsked().slice(2), ['f41/longer']);
  });

  it('stops above what failed and says through whom; the next change tries again', () => {
    const world = worldOf({ base: [], a: ['base'], b: ['base'], top: ['a', 'b'], above: ['top'] });
    world.history.build('base');
    world.settle();
    world.end(
      world.running().findIndex(({ key }) => key === 'f41/a'),
      true,
    );
    world.settle();
    world.end(0);
    world.settle();
    const [wave] = world.waves;
    assert.deepEqual(Object.fromEntries(wave?.results ?? []), {
      'f41/a': 'failed',
      'f41/b': 'completed',
      'f41/top': 'stopped',
      'f41/above': 'stopped',
    });
    assert.deepEqual([world.running(), world.waves.length], [[], 1]);
    world.history.build('base');
    world.settle();
    assert.deepEqual(
      world
        .running()
        .map(({ key }) => key)
        .sort(),
      ['f41/a', 'f41/b'],
    );
  });

  it('waits for a push of a member, and rebuilds it no more when that stands on the new image', () => {
    const world = worldOf({ base: [], app: ['base'], top: ['app'] });
    world.history.build('base');
    world.busy.add('f41/app');
    world.settle();
    assert.deepEqual([world.waves.length, world.asked.length], [0, 0]);
    world.history.build('app', ['base']);
    world.busy.clear();
    world.settle();
    assert.deepEqual(world.keysAsked(), ['f41/top']);
  });

  it('waits for a push that comes in the middle of it, too', () => {
    const world = worldOf({ base: [], app: ['base'], top: ['app'] });
    world.history.build('base');
    world.settle();
    world.busy.add('f41/top');
    world.end(0);
    world.settle();
    assert.deepEqual(world.keysAsked(), ['f41/app']);
    world.busy.clear();
    world.settle();
    assert.deepEqual(world.keysAsked(), ['f41/app', 'f41/top']);
  });

  it('may be the second over one component, but not the third: what is deep down gets its turn', () => {
    const world = worldOf({ base: [], app: ['base'], middle: ['app'], top: ['middle'] });
    for (let change = 0; change < 3; change += 1) {
      world.history.build('base');
      world.settle();
      const app = world.running().findIndex(({ key }) => key === 'f41/app');
      if (app !== -1) world.end(app);
    }
    assert.deepEqual(
      world.waves.map(({ results }) => results),
      [null, null],
    );
    for (world.settle(); world.running().length > 0; world.settle()) world.end(0);
    assert.deepEqual([world.waves.length, [...world.history.graph().stale]], [3, []]);
  });

  it('leaves out what is retired, and what stands on itself, of which it tells', () => {
    const world = worldOf({ base: [], a: [], b: ['a', 'base'], app: ['base'], old: ['base'] });
    world.history.build('a', ['b']);
    world.out = ['old'];
    world.history.build('base');
    world.settle();
    assert.deepEqual(world.waves[0]?.row.members, ['f41/app']);
    assert.deepEqual(world.keysAsked(), ['f41/app']);
  });

  it('is one for all that stands on one image', () => {
    const world = worldOf({ base: [], a: ['base'], b: ['base'] });
    world.history.build('base');
    world.settle();
    assert.deepEqual(
      world.waves.map(({ row }) => row.members.toSorted()),
      [['f41/a', 'f41/b']],
    );
  });

  it('is another one for what does not hang together', () => {
    const world = worldOf({ one: [], two: [], a: ['one'], b: ['two'] });
    world.history.build('one');
    world.history.build('two');
    world.settle();
    assert.deepEqual(world.waves.map(({ row }) => row.members).toSorted(), [['f41/a'], ['f41/b']]);
  });

  it('is as large as the message that closes it can carry; the rest is the next one', () => {
    const names = Array.from({ length: 3_000 }, (_, at) => `a-component-with-a-long-name/of-two-parts/number-${at}`);
    const world = worldOf({ base: [], ...Object.fromEntries(names.map((name) => [name, ['base']])) });
    world.history.build('base');
    const [first] = world.plan().openings;
    assert.ok(first);
    const results = first.members.map((member) => ({
      member,
      outcome: 'stopped' as const,
      build: sampleBuild().id,
      through: Array.from({ length: 3 }, () => member),
    }));
    assert.ok(encode(waveClosed(results)).byteLength > 700_000);
    assert.ok(first.members.length < names.length);
    world.settle();
    assert.equal(world.asked.length, names.length);
    assert.ok(world.waves.length > 1);
  });

  const graphs = fc.integer({ min: 2, max: 12 }).chain((size) =>
    fc.record({
      parents: fc.tuple(
        ...Array.from({ length: size }, (_, at) =>
          at === 0
            ? fc.constant([])
            : fc.subarray(
                Array.from({ length: at }, (__, one) => `n${one}`),
                { maxLength: Math.min(at, 3) },
              ),
        ),
      ),
      changes: fc.array(fc.nat({ max: size - 1 }), { minLength: 1, maxLength: 3 }),
      ends: fc.infiniteStream(fc.nat({ max: 1_000 })),
      failures: fc.double({ min: 0, max: 0.3, noNaN: true }),
    }),
  );

  it('comes to an end with each dependent built once in it, after its parents, and nothing out of date but for failures', () => {
    fc.assert(
      fc.property(graphs, ({ parents, changes, ends, failures }) => {
        const world = worldOf(Object.fromEntries(parents.map((on, at) => [`n${at}`, on])));
        const numbers = ends[Symbol.iterator]();
        const next = (): number => numbers.next().value ?? 0;
        let failed = false;
        for (const change of changes) {
          // A push of a component, also in the middle of a wave.
          world.history.build(`n${change}`, parents[change] ?? []);
          world.settle();
          for (let steps = next() % 4; steps > 0 && world.running().length > 0; steps -= 1) {
            world.end(next());
            world.settle();
          }
        }
        for (let rounds = 0; world.running().length > 0; rounds += 1) {
          assert.ok(rounds < 500, 'it comes to no end');
          const fails = next() < failures * 1_000;
          failed ||= fails;
          world.end(next(), fails);
          world.settle();
        }
        for (const { results, row } of world.waves) {
          assert.ok(results !== null, 'every wave is closed');
          assert.deepEqual([...results.keys()].toSorted(), row.members.toSorted());
        }
        if (!failed) assert.deepEqual([...world.history.graph().stale.keys()], []);
      }),
      { numRuns: 500 },
    );
  });

  it('builds exactly what stands on the one thing that has changed, once', () => {
    fc.assert(
      fc.property(graphs, ({ parents, changes: [change = 0], ends }) => {
        const world = worldOf(Object.fromEntries(parents.map((on, at) => [`n${at}`, on])));
        const numbers = ends[Symbol.iterator]();
        world.history.build(`n${change}`, parents[change] ?? []);
        world.settle();
        while (world.running().length > 0) {
          world.end(numbers.next().value ?? 0);
          world.settle();
        }
        const above = new Set([change]);
        for (const [at, on] of parents.entries()) if (on.some((one) => above.has(Number(one.slice(1))))) above.add(at);
        above.delete(change);
        assert.deepEqual(world.keysAsked().toSorted(), [...above].map((at) => `f41/n${at}`).toSorted());
        const order = world.keysAsked();
        for (const at of above)
          for (const parent of parents[at] ?? [])
            if (above.has(Number(parent.slice(1))))
              assert.ok(order.indexOf(`f41/${parent}`) < order.indexOf(`f41/n${at}`), `${parent} before n${at}`);
      }),
      { numRuns: 500 },
    );
  });
});
