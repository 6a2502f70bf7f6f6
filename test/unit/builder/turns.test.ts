import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { BuildCanceledV1 } from '../../../src/messages/index.js';
import { type Build, CATALOG } from '../../../src/messages/index.js';
import { builderWorld, SAMPLE_TARGET, type World } from '../../support/builder-world.js';
import {
  type BuildParts,
  cancelCommand,
  nextAttempt,
  requested,
  requestedCascade,
  sampleBuild,
  sampleCommit,
} from '../../support/samples.js';
import { until } from '../../support/until.js';

const DOCKERFILE = 'FROM scratch\nLABEL version="2.4"\nCOPY . /\n';
const PARENT = 'candidate.example.org/f41/base:latest';

describe('the turns of requests', () => {
  let world: World;
  /** Of builds in the engine, by component and the beginning of the commit: ends them. */
  const ends = new Map<string, () => void>();
  /** As they came into the engine. */
  const begun: string[] = [];

  const open = async (...input: Parameters<typeof builderWorld>): Promise<void> => {
    world = await builderWorld(...input);
    ends.clear();
    begun.length = 0;
    world.onBuild = ({ labels }, signal) =>
      new Promise<void>((resolve, reject) => {
        const name = nameOf(labels['io.layerwright.component'] ?? '', labels['vcs-ref'] ?? '');
        begun.push(name);
        ends.set(name, resolve);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
  };
  afterEach(async () => {
    world.onBuild = async () => undefined;
    for (const end of ends.values()) end();
    await world.close();
  });

  const nameOf = (component: string, commit: string): string => `${component} ${commit.slice(0, 7)}`;
  const nameOfBuild = ({ component, source }: Build): string => nameOf(component, source.commit);
  const commit = (build: Build, dockerfile = DOCKERFILE): Build => {
    world.git.push(build.source.repository, build.source.commit, dockerfile);
    return build;
  };
  const push = async (component: string, parts: BuildParts = {}): Promise<Build> => {
    const build = commit(sampleBuild({ component, ...parts }));
    await world.bus.publish(requested(build));
    return build;
  };
  const rebuild = async (component: string, parts: BuildParts = {}): Promise<Build> => {
    const build = commit(
      sampleBuild({ component, cause: { type: 'rebuild', key: `rebuild of ${component}` }, ...parts }),
    );
    await world.bus.publish(requestedCascade(build));
    return build;
  };
  const builds = (...of: readonly Build[]): Promise<unknown> =>
    until(`${of.map(nameOfBuild).join(', ')} in the engine`, () => of.every((build) => ends.has(nameOfBuild(build))));
  const end = async (build: Build): Promise<void> => {
    await builds(build);
    ends.get(nameOfBuild(build))?.();
    await until(`${nameOfBuild(build)} has ended`, () => world.ledger.build(build.id)?.ended);
  };
  const canceled = (build: Build): Promise<BuildCanceledV1> =>
    until(`${nameOfBuild(build)} is canceled`, () =>
      world.bus.published
        .filter(({ topic }) => topic.endsWith(CATALOG['build.canceled.v1'].topic))
        .map(({ body }) => body as unknown as BuildCanceledV1)
        .find((body) => body.build.id === build.id),
    );

  it('give a slot that comes free to a person, whatever waited before; and rebuilds have all slots when nobody else wants them', async () => {
    await open();
    const [first, second, third] = [await rebuild('one'), await rebuild('two'), await rebuild('three')];
    await builds(first, second);
    const pushed = await push('httpd');
    await end(first);
    await builds(pushed);
    assert.equal(await world.bus.waiting('builder.cascade'), 1);
    await end(second);
    await builds(third);
  });

  it('leave on the bus what no slot is free for: another process can take it', async () => {
    await open();
    const running = [await push('one'), await push('two')];
    await builds(...running);
    for (const component of ['three', 'four']) await push(component);
    await rebuild('five');
    assert.deepEqual([await world.bus.waiting('builder'), await world.bus.waiting('builder.cascade')], [2, 1]);
  });

  it('give a rebuild its turn after four builds of people, however many wait', async () => {
    await open({}, 1);
    const running = await push('first');
    await builds(running);
    const rebuilt = await rebuild('rebuilt');
    const pushed: Build[] = [];
    for (const component of ['a', 'b', 'c', 'd', 'e', 'f']) pushed.push(await push(component));
    await end(running);
    for (let at = 0; at < 6; at += 1) {
      await until('the next is in the engine', () => begun.length === at + 2);
      const last = begun.at(-1);
      const build = [rebuilt, ...pushed].find((one) => nameOfBuild(one) === last);
      assert.ok(build);
      await end(build);
    }
    await until('the last is in the engine', () => begun.length === 8);
    assert.deepEqual(
      begun.slice(1).map((name) => name.split(' ')[0]),
      ['a', 'b', 'c', 'd', 'rebuilt', 'e', 'f'],
    );
  });

  it('are not kept for long for people whose requests do not come', async () => {
    await open({}, 1);
    world.bus.waiting = async (group) => (group === 'builder' ? 1 : 0);
    const [first, second] = [await rebuild('one'), await rebuild('two')];
    await end(first);
    await builds(second);
  });

  it('need no answer of the bus', async () => {
    await open({}, 1);
    world.bus.waiting = () => Promise.reject(new Error('not now'));
    const [first, second] = [await rebuild('one'), await rebuild('two')];
    await end(first);
    await builds(second);
  });

  it('run no more builds of a target than it may have, and those of others beside them', async () => {
    const f42 = { ...SAMPLE_TARGET, name: 'f42', repository: 'f42/{component}' };
    await open({ targets: { f41: { ...SAMPLE_TARGET, slots: 1 }, f42 } }, 3);
    const first = await push('one');
    await builds(first);
    const [second] = [await push('two'), await push('three')];
    const other = await push('four', { target: 'f42' });
    await builds(other);
    await end(other);
    assert.deepEqual(begun, [nameOfBuild(first), nameOfBuild(other)]);
    assert.ok(second);
    await end(first);
    await builds(second);
    assert.equal(begun.length, 3);
  });

  it('make one build of ten pushes while one builds, of the newest, which the others name', async () => {
    await open();
    const of = (number: number): BuildParts => ({ source: { commit: sampleCommit(`commit ${number}`) } });
    const running = await push('httpd', of(0));
    await builds(running);
    const pushes = Array.from({ length: 10 }, (_, number) =>
      commit(sampleBuild({ component: 'httpd', ...of(number + 1) })),
    );
    const newest = pushes.at(-1);
    assert.ok(newest);
    // Not in the order of the commits.
    for (const build of pushes.toReversed()) await world.bus.publish(requested(build));
    await until('they wait', async () => (await world.bus.waiting('builder')) === 10);
    assert.deepEqual(begun, [nameOfBuild(running)]);
    await end(running);
    await end(newest);
    for (const build of pushes.slice(0, -1)) {
      const { reason, successor } = await canceled(build);
      assert.deepEqual([reason.code, successor], ['superseded', newest.id]);
    }
    assert.deepEqual(begun, [nameOfBuild(running), nameOfBuild(newest)]);
    const [old] = pushes;
    assert.ok(old);
    assert.deepEqual([world.ledger.build(old.id)?.state, world.ledger.build(old.id)?.ended], ['canceled', false]);
  });

  it('run a build that was called off for a newer one at a higher attempt, when that one is called off itself', async () => {
    await open({}, 1);
    const holder = await push('holder');
    await builds(holder);
    const old = commit(sampleBuild({ source: { commit: sampleCommit('old') } }));
    await world.bus.publish(requested(old));
    const newer = await push('httpd', { source: { commit: sampleCommit('new') } });
    await end(holder);
    assert.equal((await canceled(old)).successor, newer.id);
    await builds(newer);
    await world.bus.publish(cancelCommand(newer.id));
    assert.equal((await canceled(newer)).successor, null);
    await world.bus.publish(requested(nextAttempt(old)));
    await end(old);
  });

  it('do not wait for a build whose process has died', async () => {
    await open();
    const running = await push('httpd', { source: { commit: sampleCommit('old') } });
    await builds(running);
    world.bus.break();
    world.bus.mend();
    await builds(await push('httpd', { source: { commit: sampleCommit('new') } }));
  });

  describe('of a rebuild that waits', () => {
    /** A rebuild of `httpd` that was asked for while all slots were taken, and a push that has completed since. */
    const overtaken = async (parent: string): Promise<{ rebuilt: Build; pushed: Build }> => {
      await open({}, 1);
      const old = world.registry.putImage('f41/base', 'latest', {}, 'base 1');
      const now = world.registry.putImage('f41/base', 'latest', {}, 'base 2');
      const rebuilt = commit(
        sampleBuild({
          component: 'httpd',
          source: { commit: sampleCommit('old') },
          cause: {
            type: 'rebuild',
            key: 'rebuild 1',
            parents: [{ name: PARENT, digest: parent === 'new' ? now : old }],
          },
        }),
        `FROM ${PARENT}\nLABEL version="2.4"\n`,
      );
      const holder = await push('holder');
      await builds(holder);
      await world.bus.publish(requestedCascade(rebuilt));
      const pushed = commit(
        sampleBuild({ component: 'httpd', source: { commit: sampleCommit('new') } }),
        `FROM ${PARENT}\nLABEL version="2.4"\n`,
      );
      await world.bus.publish(requested(pushed));
      await end(holder);
      await end(pushed);
      return { rebuilt, pushed };
    };

    it('is the push’s, when that stands on the rebuild’s parents', async () => {
      const { rebuilt, pushed } = await overtaken('new');
      const { reason, successor } = await canceled(rebuilt);
      assert.deepEqual([reason.code, successor], ['superseded', pushed.id]);
      assert.match(reason.message, /^A newer build, httpd-2\.4-2\.f41, stands on the same parents already\.$/);
      assert.equal(begun.length, 2);
    });

    it('stays its own, when the push stands on others', async () => {
      const { rebuilt } = await overtaken('old');
      await end(rebuilt);
    });
  });
});
