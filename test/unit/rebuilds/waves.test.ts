import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { derivedId } from '../../../src/kernel/ids.js';
import type { BuildRow, WaveRow } from '../../../src/ledger/index.js';
import { encode } from '../../../src/messages/codec.js';
import { LiveGraph } from '../../../src/rebuilds/decide/graph.js';
import { keyOf, type Sighting } from '../../../src/rebuilds/decide/node.js';
import type { WaveView } from '../../../src/rebuilds/decide/standing.js';
import { type WavePlan, WavePlanner } from '../../../src/rebuilds/decide/waves.js';
import type { WaveSettings } from '../../../src/rebuilds/settings.js';
import { BuildHistory } from '../../support/build-history.js';
import { sampleBuild, sampleDigest, waveClosed, waveOpened } from '../../support/samples.js';

const MINUTE = 60_000;
const SETTINGS: WaveSettings = { quietMs: MINUTE, deadlineMs: 10 * MINUTE };

interface Asked {
  readonly key: string;
  readonly wave: string;
  readonly parents: readonly string[];
  readonly pins: readonly { readonly name: string; readonly digest: string }[];
  row: Pick<BuildRow, 'id' | 'state' | 'ended'>;
}

/** A log, as far as waves go, and builders that end what is asked for in any order. */
class World {
  readonly history = new BuildHistory();
  readonly waves: {
    row: WaveRow;
    results: Map<string, string> | null;
    builds?: readonly (readonly [string, string | null])[];
  }[] = [];
  /** In the order in which they were asked for. */
  readonly asked: Asked[] = [];
  readonly busy = new Set<string>();
  out: readonly string[] = [];
  scheduleMs: number | null = null;
  settings: WaveSettings = SETTINGS;
  /** Such as one process has from look to look; a new one at each look must come to the same plan. */
  #planner: WavePlanner | null = null;
  readonly #live = new LiveGraph();
  #fed = 0;
  /** Keys of what was asked for, or has ended, since the last look. */
  readonly #touched = new Set<string>();
  #seq = 100_000;
  nowMs = Date.UTC(2027, 0, 1);

  plan(): WavePlan {
    for (const build of this.history.builds.slice(this.#fed)) this.#live.add(build);
    this.#fed = this.history.builds.length;
    const changed = new Set([...this.#touched, ...this.busy, ...this.#live.takeChanged()]);
    this.#touched.clear();
    const view = {
      open: this.waves.filter(({ results }) => results === null).map(({ row }) => row),
      isOut: ({ component }: { readonly component: string }) => this.out.includes(component),
      isBusy: (key: string) => this.busy.has(key) || this.running().some((one) => one.key === key),
      build: (id: string) => this.asked.find(({ row }) => row.id === id)?.row ?? null,
      askedIn: (wave: string, key: string) =>
        this.asked.find((one) => one.wave === wave && one.key === key)?.row ?? null,
      isKnown: (wave: string) => this.waves.some(({ row }) => row.id === wave),
      scheduleMs: () => this.scheduleMs,
    } satisfies Omit<WaveView, 'graph'>;
    const now = { wall: this.nowMs, monotonic: this.nowMs };
    this.#planner ??= new WavePlanner(this.settings);
    const plan = this.#planner.plan({ ...view, graph: this.#live.graph() }, changed, now);
    // That takes its time.
    if (this.history.builds.length > 500) return plan;
    const graph = this.history.graph();
    const anew = new WavePlanner(this.settings).plan({ ...view, graph }, graph.nodes.keys(), now);
    assert.deepEqual(inOneOrder(plan), inOneOrder(anew));
    // It may look once in vain for what has become young again.
    assert.ok((plan.waitMs ?? Infinity) <= (anew.waitMs ?? Infinity));
    if (this.scheduleMs === null) assert.equal(plan.waitMs, anew.waitMs);
    return plan;
  }

  see(name: string, sighting: Sighting | null): void {
    if (sighting === null) this.history.sightings.delete(name);
    else this.history.sightings.set(name, sighting);
    this.#live.see(name, sighting);
  }

  /** A push of a component is asked for, and has come to its end. */
  begin(key: string): void {
    this.busy.add(key);
    this.#touched.add(key);
  }

  finish(key: string): void {
    this.busy.delete(key);
    this.#touched.add(key);
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
      known.builds = results.map(({ member, build }) => [member, build]);
    }
    for (const opening of openings) this.open(opening);
    return asks.length + stops.length + closings.length + openings.length > 0;
  }

  open({ wave, changes, outside = [], due = [], members, cycles }: WavePlan['openings'][number]): void {
    const { id } = wave;
    assert.equal(id, derivedId('wave', wave.message, wave.rebuild));
    assert.ok(!this.waves.some(({ row }) => row.id === id), 'a wave is opened once');
    this.#seq += 1;
    const openedAt = new Date(this.nowMs).toISOString();
    const openedBy = derivedId('message', id, 'opened');
    const row = { ...wave, openedBy, openedSeq: this.#seq, openedAt, changes, outside, due, members, cycles };
    this.waves.push({ row: { ...row, closedAt: null, results: [] }, results: null });
  }

  #note(wave: WaveRow, rebuild: WavePlan['asks'][number]['rebuild'], state: 'requested' | 'skipped'): void {
    const key = keyOf(rebuild.basis);
    assert.ok(!this.asked.some(({ row }) => row.id === rebuild.id), 'a rebuild is asked for once');
    assert.ok(!this.asked.some((one) => one.wave === wave.id && one.key === key), 'once a wave');
    const parents = rebuild.basis.parents.map(({ resolved }) =>
      resolved.startsWith('candidate.') ? (resolved.split('/').at(-1)?.split(':')[0] ?? '') : resolved,
    );
    this.#touched.add(key);
    this.asked.push({ key, wave: wave.id, parents, pins: rebuild.pins, row: { id: rebuild.id, state, ended: false } });
  }

  /** A builder calls off what waits: another build stands on the same already. That is no end. */
  supersede(key: string): void {
    const one = this.running().find((asked) => asked.key === key);
    assert.ok(one);
    this.#touched.add(key);
    one.row = { ...one.row, state: 'canceled', ended: false };
  }

  /** As `end`, and now by the clock. */
  endAtNow(at: number, failed = false): void {
    this.end(at, failed, { endedAt: new Date(this.nowMs).toISOString() });
  }

  /** A builder ends a build that runs, on what its parents' names stand for now. */
  end(at: number, failed = false, parts: Parameters<BuildHistory['build']>[2] = {}): void {
    const running = this.running();
    const one = running[at % running.length];
    assert.ok(one);
    const component = one.key.slice(one.key.indexOf('/') + 1);
    this.history.build(component, one.parents, failed ? { ...parts, state: 'failed' } : parts);
    one.row = { ...one.row, state: failed ? 'failed' : 'completed', ended: true };
    this.#touched.add(one.key);
  }

  keysAsked(): readonly string[] {
    return this.asked.filter(({ row }) => row.state !== 'skipped').map(({ key }) => key);
  }
}

/** What counts of a plan: the members of a wave may come in any order in which parents are first. */
const inOneOrder = ({ asks, stops, openings, closings }: WavePlan) => ({
  asks: asks.map(({ wave, rebuild }) => [wave.id, rebuild.id]),
  stops: stops.map(({ wave, rebuild, through }) => [wave.id, rebuild.id, through]).sort(),
  openings: openings
    .map(({ changes, members, ...rest }) => ({
      ...rest,
      changes: changes.map(({ build }) => build).sort(),
      members: members.toSorted(),
    }))
    .sort((a, b) => (a.wave.id < b.wave.id ? -1 : 1)),
  closings: closings.map(({ wave, results }) => [wave.id, results]),
});

/** A history in which each component stands on those named, every one built once. */
function worldOf(parents: Readonly<Record<string, readonly string[]>>): World {
  const world = new World();
  for (const [component, on] of Object.entries(parents)) world.history.build(component, on);
  return world;
}

/** Keys of what stands on one of the components `n0`, `n1`, …, each of which stands on earlier ones. */
function aboveOf(parents: readonly (readonly string[])[], change: number): readonly string[] {
  const above = new Set([change]);
  for (const [at, on] of parents.entries()) if (on.some((one) => above.has(Number(one.slice(1))))) above.add(at);
  above.delete(change);
  return [...above].map((at) => `f41/n${at}`).toSorted();
}

/** Of an image that is made of this text; after all builds, long ago. */
function sighting(text: string): Sighting {
  return { digest: sampleDigest(text), same: [], seenAt: '2026-11-30T00:00:00.000Z', seq: 1_000_000 };
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

  it('takes a rebuild in whose place a push was built for no failure, though its base has changed again since', () => {
    const world = worldOf({ base: [], app: ['base'], top: ['app'] });
    world.history.build('base');
    world.settle();
    world.supersede('f41/app');
    world.history.build('app', ['base']);
    world.history.build('base');
    world.settle();
    assert.deepEqual(
      world.asked.map(({ key, row: { state } }) => [key, state]),
      [
        ['f41/app', 'canceled'],
        ['f41/app', 'requested'],
      ],
    );
    world.end(0);
    world.settle();
    assert.deepEqual(
      world.running().map(({ key }) => key),
      ['f41/top'],
    );
  });

  it('is over when what it does not build has been told, so that its end names those builds', () => {
    const world = worldOf({ base: [], a: ['base'], top: ['base', 'a'] });
    world.history.build('base');
    world.settle();
    world.end(0, true);
    const { stops, closings } = world.plan();
    assert.deepEqual([stops.map(({ through }) => through), closings], [[['f41/a']], []]);
    world.settle();
    const told = new Map(world.waves[0]?.builds);
    assert.equal(told.get('f41/top'), world.asked.find(({ key }) => key === 'f41/top')?.row.id);
  });

  it('waits for a push of a member, and rebuilds it no more when that stands on the new image', () => {
    const world = worldOf({ base: [], app: ['base'], top: ['app'] });
    world.history.build('base');
    world.begin('f41/app');
    world.settle();
    assert.deepEqual([world.waves.length, world.asked.length], [0, 0]);
    world.history.build('app', ['base']);
    world.finish('f41/app');
    world.settle();
    assert.deepEqual(world.keysAsked(), ['f41/top']);
  });

  it('waits for a push that comes in the middle of it, too', () => {
    const world = worldOf({ base: [], app: ['base'], top: ['app'] });
    world.history.build('base');
    world.settle();
    world.begin('f41/top');
    world.end(0);
    world.settle();
    assert.deepEqual(world.keysAsked(), ['f41/app']);
    world.finish('f41/top');
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
    const first = world.plan().openings.at(-1);
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

  it('cut in several keeps its order: nobody is built before a parent of another part, or a second time for one change', () => {
    fc.assert(
      fc.property(
        graphs,
        fc.integer({ min: 140, max: 800 }),
        ({ parents, changes: [change = 0], ends }, resultBytes) => {
          const world = worldOf(Object.fromEntries(parents.map((on, at) => [`n${at}`, on])));
          world.settings = { ...SETTINGS, resultBytes };
          const numbers = ends[Symbol.iterator]();
          world.history.build(`n${change}`, parents[change] ?? []);
          world.settle();
          assert.ok(resultBytes >= 308 || world.waves.every(({ row }) => row.members.length === 1), 'it is cut');
          // A look a minute is enough for what waits for its quiet time.
          for (; world.running().length > 0; world.nowMs += MINUTE) {
            world.end(numbers.next().value ?? 0);
            world.settle();
          }
          const order = world.keysAsked();
          assert.equal(new Set(order).size, order.length, 'once each');
          assert.deepEqual(order.toSorted(), aboveOf(parents, change));
          for (const key of order)
            for (const parent of parents[Number(key.slice('f41/n'.length))] ?? [])
              if (order.includes(`f41/${parent}`)) assert.ok(order.indexOf(`f41/${parent}`) < order.indexOf(key));
          assert.ok(world.waves.every(({ results }) => results !== null));
        },
      ),
      { numRuns: 500 },
    );
  });

  for (const count of [1, 2, 3])
    it(`cut in several and opened as far as ${count}, when its planner dies, is opened whole by the next: once each, in order`, () => {
      const world = worldOf({
        base: [],
        lang: ['base'],
        stack: ['lang'],
        app: ['base', 'stack'],
        top: ['app', 'base'],
      });
      world.settings = { ...SETTINGS, resultBytes: 200 };
      world.history.build('base');
      const { openings } = world.plan();
      assert.equal(openings.length, 4);
      for (const opening of openings.slice(0, count)) world.open(opening);
      world.settle();
      while (world.running().length > 0) {
        world.end(0);
        world.settle();
      }
      assert.deepEqual(world.keysAsked(), ['f41/lang', 'f41/stack', 'f41/app', 'f41/top']);
    });

  it('cut in several stops above what failed, whichever part that is', () => {
    const world = worldOf({ base: [], a: ['base'], other: ['base'], b: ['a', 'base'], c: ['b', 'base', 'other'] });
    world.settings = { ...SETTINGS, resultBytes: 200 };
    world.history.build('base');
    world.settle();
    assert.equal(world.waves.length, 4);
    const [upper, lower] = world.waves;
    assert.equal(upper?.row.message, lower?.row.openedBy, 'each names the one below it, which is opened after it');
    world.end(
      world.running().findIndex(({ key }) => key === 'f41/a'),
      true,
    );
    world.settle();
    while (world.running().length > 0) {
      world.end(0);
      world.settle();
    }
    assert.deepEqual(world.keysAsked().toSorted(), ['f41/a', 'f41/other']);
    assert.deepEqual(Object.fromEntries(world.waves.flatMap(({ results }) => [...(results ?? [])])), {
      'f41/a': 'failed',
      'f41/b': 'stopped',
      'f41/c': 'stopped',
      'f41/other': 'completed',
    });
  });

  it('that ended without having asked is followed by one of another name', () => {
    const world = worldOf({ base: ['debian:12'], app: ['base'] });
    world.see('debian:12', sighting('two'));
    const [wave] = world.plan().openings;
    assert.ok(wave);
    // Another planner has opened it; the image was taken back before anything was asked for.
    world.open(wave);
    world.see('debian:12', sighting('debian:12'));
    world.settle();
    assert.deepEqual(world.asked, []);
    assert.deepEqual(
      world.waves.map(({ results }) => [...(results?.values() ?? [])]),
      [['unchanged', 'unchanged']],
    );
    world.see('debian:12', sighting('two'));
    world.settle();
    assert.deepEqual([world.waves.length, world.keysAsked()], [2, ['f41/base']]);
  });

  const DAY = 86_400_000;

  describe('over what is not ours', () => {
    it('rebuilds what stands on it, on what was seen, and says so', () => {
      const world = worldOf({ base: ['debian:12'], app: ['base'], other: ['debian:12'], rest: ['debian:11'] });
      world.see('debian:12', sighting('debian:12'));
      assert.deepEqual(world.plan().openings, []);
      world.see('debian:12', sighting('two'));
      const [opening, ...more] = world.plan().openings;
      assert.ok(opening);
      assert.deepEqual(more, [], 'all that stands on it is one wave');
      const { changes, outside, due, members } = opening;
      assert.deepEqual(
        [changes, outside, due],
        [[], [{ name: 'debian:12', digest: sampleDigest('two'), seen_at: sighting('two').seenAt }], undefined],
      );
      assert.deepEqual(members.toSorted(), ['f41/app', 'f41/base', 'f41/other']);
      assert.ok(encode(waveOpened(['f41/app'], opening.wave, opening)).byteLength > 0);
      world.settle();
      assert.deepEqual(world.keysAsked().toSorted(), ['f41/base', 'f41/other']);
      const pins = world.asked.map(({ pins }) => pins);
      assert.deepEqual(pins, [
        [{ name: 'debian:12', digest: sampleDigest('two') }],
        [{ name: 'debian:12', digest: sampleDigest('two') }],
      ]);
    });

    it('waits for more of it for the quiet time', () => {
      const world = worldOf({ base: ['debian:12'] });
      world.see('debian:12', { ...sighting('two'), seenAt: new Date(world.nowMs).toISOString() });
      assert.deepEqual([world.plan().openings.length, world.plan().waitMs], [0, MINUTE]);
      world.nowMs += MINUTE;
      assert.equal(world.plan().openings.length, 1);
    });

    it('tries one digest once, whoever has seen it when', () => {
      const world = worldOf({ base: ['debian:12'] });
      world.see('debian:12', sighting('two'));
      world.settle();
      world.end(0, true);
      world.settle();
      assert.equal(world.asked.length, 1);
      // Another planner takes over, and sees it later.
      world.see('debian:12', null);
      world.settle();
      world.see('debian:12', { ...sighting('two'), seenAt: new Date(world.nowMs).toISOString() });
      world.nowMs += DAY;
      world.settle();
      assert.equal(world.asked.length, 1);
      world.see('debian:12', sighting('three'));
      world.settle();
      assert.equal(world.asked.length, 2);
    });
  });

  describe('by schedule', () => {
    it('rebuilds what is too old, and then what stands on it; each once', () => {
      const world = worldOf({ base: [], app: ['base'], other: [] });
      world.scheduleMs = 7 * DAY;
      world.nowMs = Date.parse(world.history.builds[0]?.endedAt ?? '') + 7 * DAY - 1;
      const before = world.plan();
      assert.deepEqual(before.openings, []);
      assert.ok(before.waitMs !== null && before.waitMs <= 0.7 * DAY + 1);
      world.nowMs += 0.8 * DAY;
      const { openings } = world.plan();
      assert.deepEqual(openings.flatMap(({ due }) => due ?? []).toSorted(), ['f41/app', 'f41/base', 'f41/other']);
      world.settle();
      assert.deepEqual(world.keysAsked().toSorted(), ['f41/base', 'f41/other']);
      world.endAtNow(0);
      world.endAtNow(0);
      world.settle();
      world.endAtNow(0);
      world.settle();
      assert.deepEqual([world.running(), world.asked.length], [[], 3]);
      assert.ok(
        world.waves.every(({ results }) => [...(results?.values() ?? ['open'])].every((one) => one === 'completed')),
      );
    });

    it('tries again what failed, once a schedule', () => {
      const world = worldOf({ base: [] });
      world.scheduleMs = DAY;
      world.nowMs = Date.parse(world.history.builds[0]?.endedAt ?? '');
      for (let hour = 0; hour < 24 * 5; hour += 1) {
        world.nowMs += DAY / 24;
        world.settle();
        if (world.running().length > 0) world.endAtNow(0, true);
        world.settle();
      }
      assert.equal(world.asked.length, 4);
    });

    it('leaves out what is out, and what has no image', () => {
      const world = worldOf({ old: [] });
      world.history.build('never', [], { state: 'failed' });
      world.scheduleMs = DAY;
      world.out = ['old'];
      assert.deepEqual([world.plan().openings, world.plan().waitMs], [[], null]);
    });

    it('never storms, however the clock is set: one try of each image for each schedule that has passed', () => {
      const jumps = fc.array(fc.record({ ms: fc.integer({ min: -30 * DAY, max: 30 * DAY }), fails: fc.boolean() }), {
        maxLength: 20,
      });
      fc.assert(
        fc.property(jumps, (steps) => {
          const world = worldOf({ base: [], app: ['base'], other: [] });
          world.scheduleMs = 7 * DAY;
          world.nowMs = Date.parse(world.history.builds[0]?.endedAt ?? '');
          for (const { ms, fails } of steps) {
            world.nowMs += ms;
            const before = world.asked.length;
            world.settle();
            while (world.running().length > 0) {
              world.endAtNow(0, fails);
              world.settle();
            }
            const asked = world.asked.slice(before).map(({ key }) => key);
            assert.equal(new Set(asked).size, asked.length, 'once each, whatever the time');
            assert.deepEqual([world.plan().openings, world.plan().asks], [[], []]);
          }
        }),
      );
    });
  });

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
        const order = world.keysAsked();
        assert.deepEqual(order.toSorted(), aboveOf(parents, change));
        for (const key of order)
          for (const parent of parents[Number(key.slice('f41/n'.length))] ?? [])
            if (order.includes(`f41/${parent}`))
              assert.ok(order.indexOf(`f41/${parent}`) < order.indexOf(key), `${parent} before ${key}`);
      }),
      { numRuns: 500 },
    );
  });
});
