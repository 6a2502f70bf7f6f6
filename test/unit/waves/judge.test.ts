import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { messageId } from '../../../src/kernel/ids.js';
import { type Build, CATALOG, compose } from '../../../src/messages/index.js';
import { Random } from '../../simulation/random.js';
import { PREFIX, sampleBuild } from '../../support/samples.js';
import type { Spec, Specs } from '../../waves/images.js';
import { judgeConverged, judgeOneChange, judgeWaves } from '../../waves/judge.js';
import { World } from '../../waves/world.js';

/** The components that stand on others, by name. */
function specsOf(parents: Readonly<Record<string, readonly string[]>>): Specs {
  return new Map(
    Object.entries(parents).map(([component, on]): [string, Spec] => [
      component,
      {
        ...{ component, level: on.length === 0 ? 0 : 1, isBrittle: false, isOut: false },
        parents: on.map((parent) => ({ component: parent, tag: 'latest' })),
      },
    ]),
  );
}

const DIAMOND = specsOf({ base: [], left: ['base'], right: ['base'], top: ['left', 'right'] });

async function worldOf(specs: Specs, lengthOf = (): number => 60_000): Promise<World> {
  return World.begin(specs, { random: new Random(1), slots: 2, lengthOf });
}

async function push(world: World, component: string): Promise<void> {
  await world.tell(component, world.outside.commit(component));
}

/** Asks for one more build of a member, as the wave that it was of. */
function askAgain(world: World, component: string): void {
  const row = [...world.ledger.rows.values()].findLast((one) => one.component === component);
  assert.ok(row);
  const build: Build = sampleBuild({ component, source: row.source, cause: { ...row.cause, key: 'another' } });
  const name = 'build.requested.cascade.v1';
  const id = messageId(build.id, CATALOG[name].topic, 1);
  world.publish(compose({ prefix: PREFIX, name, id, body: { build }, now: world.wall() }));
}

function kindsOf(found: readonly { readonly kind: string }[]): readonly string[] {
  return [...new Set(found.map(({ kind }) => kind))].sort();
}

describe('the judge of waves', () => {
  it('finds nothing where one change has had its wave', async () => {
    const world = await worldOf(DIAMOND);
    await push(world, 'base');
    await world.rest();
    assert.deepEqual([judgeWaves(world), judgeOneChange(world, 'base', DIAMOND.size)], [[], []]);
    assert.equal(world.executions.length, 4);
  });

  it('finds what was built twice in a wave, and for nothing', async () => {
    const world = await worldOf(DIAMOND);
    await push(world, 'base');
    await world.rest();
    askAgain(world, 'top');
    await world.rest();
    assert.deepEqual(kindsOf(judgeWaves(world)), ['for_nothing', 'twice']);
    assert.deepEqual(kindsOf(judgeOneChange(world, 'base', DIAMOND.size)), ['twice']);
  });

  it('finds what was asked for before its parents were done', async () => {
    const world = await worldOf(DIAMOND);
    await push(world, 'base');
    await world.rest();
    const [wave] = world.ledger.waves({ open: false });
    assert.ok(wave);
    const left = world.ledger.builds({ component: 'left', target: 'f41', wave: wave.id })[0];
    const top = world.ledger.builds({ component: 'top', target: 'f41', wave: wave.id })[0];
    assert.ok(left && top && left.messages.every(({ seq }) => seq < top.requestedSeq));
    // The same log, but that the request of the upper one comes first.
    const other = await worldOf(DIAMOND);
    other.close();
    other.outside.commit('base');
    for (const made of world.executions) other.outside.put(madeIn(world, made.id));
    const isRequest = ({ message }: (typeof world.log)[number]): boolean =>
      message.topic.endsWith('requested.cascade') && (message.body as { build?: Build }).build?.id === top.id;
    const moved = world.log.filter(isRequest);
    const before = world.log.findIndex(({ message }) => message.topic.endsWith('wave.opened'));
    const log = [
      ...world.log.slice(0, before + 1),
      ...moved,
      ...world.log.slice(before + 1).filter((one) => !isRequest(one)),
    ];
    for (const entry of log.slice(DIAMOND.size)) other.ledger.take(entry);
    assert.deepEqual(kindsOf(judgeWaves(other)), ['order']);
  });

  it('finds what nobody asked for, and what was not reconciled', async () => {
    const [sound, lossy] = [await worldOf(DIAMOND), await worldOf(DIAMOND)];
    await push(sound, 'base');
    lossy.outside.commit('base');
    for (const world of [sound, lossy]) await world.rest();
    assert.deepEqual(kindsOf(judgeConverged(lossy, sound)), ['differs']);
    await lossy.tell('base', lossy.outside.head('base') ?? lossy.outside.commit('base'));
    await lossy.rest();
    assert.deepEqual(judgeConverged(lossy, sound), []);
  });

  it('finds what is out of date and was left so', async () => {
    const world = await worldOf(DIAMOND);
    world.close();
    await push(world, 'base');
    await world.rest();
    assert.deepEqual(kindsOf(judgeWaves(world)), ['missed']);
  });
});

function madeIn(world: World, build: string) {
  const made = world.outside.byDigest(world.ledger.build(build)?.image?.digest ?? '');
  assert.ok(made);
  return made;
}
