import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Claim } from '../../../src/bus/index.js';
import { digestOf } from '../../../src/kernel/digest.js';
import { failure } from '../../../src/kernel/failure.js';
import { buildId, endMessageId } from '../../../src/kernel/ids.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import type {
  Build,
  BuildCanceledV1,
  BuildCompletedV1,
  BuildFailedV1,
  BuildRequestedV1,
  BuildSkippedV1,
} from '../../../src/messages/index.js';
import { builderWorld, type World } from '../../support/builder-world.js';
import {
  type BuildParts,
  cancelCommand,
  completed,
  nextAttempt,
  requested,
  sampleBuild,
  sampleCommit,
  started,
  withNvr,
} from '../../support/samples.js';
import { latch, until } from '../../support/until.js';

const DOCKERFILE = 'FROM scratch\nLABEL version="2.4"\nCOPY . /\n';
const ENDS = ['completed', 'failed', 'canceled', 'skipped'];

describe('the builder', () => {
  let world: World;

  beforeEach(async () => {
    world = await builderWorld();
  });

  afterEach(async () => {
    await world.close();
    assert.equal(await world.bus.holder('build.any'), null);
  });

  /** Pushes a commit of a component and asks for its build. */
  async function push(parts: BuildParts = {}, dockerfile = DOCKERFILE): Promise<Build> {
    const build = sampleBuild(parts);
    world.git.push(build.source.repository, build.source.commit, dockerfile);
    await world.bus.publish(requested(build));
    return build;
  }

  function saidOf<T>(build: Build, what: string): T[] {
    return world
      .said()
      .filter((one) => one.what === what)
      .map(({ message }) => message.body as unknown as T & { build: Build })
      .filter((body) => body.build.id === build.id);
  }

  function endOf<T>(build: Build, what: string): Promise<T> {
    return until(`${what} of ${build.component}`, () => {
      const other = ENDS.find((end) => end !== what && saidOf(build, end).length > 0);
      if (other !== undefined) throw new Error(`${other} instead of ${what}: ${JSON.stringify(saidOf(build, other))}`);
      return saidOf<T>(build, what)[0];
    });
  }

  it('makes an image of a request, tags it and says so', async () => {
    const build = await push();

    const { build: done, image } = await endOf<BuildCompletedV1>(build, 'completed');

    assert.equal(done.nvr, 'httpd-2.4-1.f41');
    for (const tag of ['2.4-1.f41', '2.4', 'latest', `build-${build.id}`])
      assert.equal(world.registry.at('f41/httpd', tag), image.digest, tag);
    assert.deepEqual(
      world.said().map(({ what }) => what),
      ['requested', 'started', 'completed'],
    );
    await until('the claim is free', async () => (await world.bus.holder(`build.${build.id}`)) === null);
  });

  it('builds a request that comes twice once', async () => {
    const build = await push();
    await endOf(build, 'completed');
    await world.bus.publish(requested(build), { again: 'replay' });
    await until(
      'the lane is empty',
      async () => (await world.bus.waiting('builder')) === 0 && world.builder.busy() === 0,
    );

    assert.equal(world.built.length, 1);
    assert.equal(saidOf(build, 'completed').length, 1);
  });

  it('puts tags right when a completed head is asked for again', async () => {
    const build = await push();
    const { image } = await endOf<BuildCompletedV1>(build, 'completed');
    await world.registry.deleteTag('f41/httpd', 'latest');

    await world.bus.publish(requested(build), { again: 'replay' });

    await until('the tag is back', () => world.registry.at('f41/httpd', 'latest') === image.digest);
    assert.equal(world.built.length, 1);
  });

  it('says why a build failed, with the last lines, and moves no tag', async () => {
    world.onBuild = async () => {
      throw new ServiceError('build_failed', 'Step 2 of 3, `RUN make`, ended with exit code 2.', { detail: 'no rule' });
    };
    const build = await push();

    const { failure: why, log } = await endOf<BuildFailedV1>(build, 'failed');

    assert.equal(why.code, 'build_failed');
    assert.equal(why.message, 'Step 2 of 3, `RUN make`, ended with exit code 2.');
    assert.equal(why.detail, 'no rule');
    assert.equal(log, digestOf('log'));
    assert.deepEqual(await world.registry.tags('f41/httpd'), []);
  });

  it('fails a build whose parent nobody makes', async () => {
    const build = await push({}, 'FROM candidate.example.org/f41/nothing:1\nLABEL version=1\n');

    const { failure: why } = await endOf<BuildFailedV1>(build, 'failed');

    assert.equal(why.code, 'parent_missing');
    assert.match(why.message, /candidate\.example\.org\/f41\/nothing:1 is not in the registry candidate/);
  });

  it('waits for a parent that is a component of its target, and begins when asked again', async () => {
    world.onBuild = async ({ reference }) => {
      if (reference.includes('/base:')) throw new ServiceError('build_failed', 'Not yet.');
    };
    const base = await push({ component: 'base' });
    await endOf(base, 'failed');
    const build = await push({}, 'FROM candidate.example.org/f41/base:latest\nLABEL version=1\n');

    const { waiting_for, reason } = await endOf<BuildSkippedV1>(build, 'skipped');

    assert.deepEqual(waiting_for, ['base']);
    assert.match(reason.message, /base must be built for f41 first/);
    world.registry.putImage('f41/base', 'latest', {}, 'base');
    await world.bus.publish(requested(nextAttempt(build)));
    const done = await until('completed', () => saidOf<BuildCompletedV1>(build, 'completed')[0]);
    assert.equal(done.parents[0]?.digest, world.registry.at('f41/base', 'latest'));
  });

  it('calls off a build that waits, and one that runs', async () => {
    const gate = latch();
    world.onBuild = (_build, signal) =>
      Promise.race([
        gate.opened,
        new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ]);
    const running = await push();
    await until('it runs', () => world.built.length === 1);
    await world.bus.publish(cancelCommand(running.id, 'ralph', 'wrong branch'));

    const { reason, successor } = await endOf<BuildCanceledV1>(running, 'canceled');

    assert.equal(reason.code, 'requested');
    assert.match(reason.message, /by ralph: wrong branch/);
    assert.equal(successor, null);
    gate.open();
    const waiting = sampleBuild({ component: 'app' });
    world.git.push(waiting.source.repository, waiting.source.commit, DOCKERFILE);
    await world.bus.publish(cancelCommand(waiting.id));
    await world.bus.publish(requested(waiting));
    await endOf(waiting, 'canceled');
    assert.equal(world.built.length, 1);
  });

  it('supersedes a build that a newer commit overtook, and names the successor', async () => {
    const old = sampleBuild({ source: { commit: sampleCommit('old') } });
    world.git.push(old.source.repository, old.source.commit, DOCKERFILE);
    const newer = await push({ source: { commit: sampleCommit('new') } });
    await endOf(newer, 'completed');

    await world.bus.publish(requested(old));

    const { reason, successor } = await endOf<BuildCanceledV1>(old, 'canceled');
    assert.equal(reason.code, 'superseded');
    assert.equal(successor, newer.id);
  });

  it('never moves a floating tag back to an older commit', async () => {
    const gate = latch();
    world.onBuild = ({ labels }) => (labels['vcs-ref'] === sampleCommit('old') ? gate.opened : Promise.resolve());
    const old = await push({ source: { commit: sampleCommit('old') } });
    await until('the old one runs', () => world.built.length === 1);
    // A person's: what is pushed would wait for the old one.
    const newer = await push({ source: { commit: sampleCommit('new') }, cause: { type: 'person', key: 'now' } });
    const { image } = await endOf<BuildCompletedV1>(newer, 'completed');

    gate.open();
    const done = await endOf<BuildCompletedV1>(old, 'completed');

    assert.equal(world.registry.at('f41/httpd', 'latest'), image.digest);
    assert.equal(world.registry.at('f41/httpd', '2.4-1.f41'), done.image.digest);
    assert.ok(!done.image.references.some((reference) => reference.endsWith(':latest')));
  });

  it('refuses a request whose id is not the one its inputs give', async () => {
    const build = sampleBuild();
    const forged = { ...build, source: { ...build.source, branch: 'f41', commit: sampleCommit('another') } };

    await world.bus.publish(requested(forged));

    const dead = await until('a dead letter', () => world.bus.entries('dead')[0]);
    assert.equal(dead.message.body['code'], 'request_forged');
    assert.equal(world.built.length, 0);
  });

  it('fails a build of a target that it does not know', async () => {
    const build = await push({ target: 'f99' });

    const { failure: why } = await endOf<BuildFailedV1>(build, 'failed');

    assert.equal(why.code, 'config_invalid');
    assert.match(why.message, /target f99/);
  });

  it('waits while the engine is away, and completes once when it is back', async () => {
    let first = true;
    world.onBuild = async () => {
      if (!first) return;
      first = false;
      world.engineAway = 'the socket is gone';
      throw new ServiceError('engine_unavailable', 'the socket is gone', { transient: true });
    };
    const build = await push();
    await until('the builder says what is away', () =>
      world.builder.dependencies().some(({ ok, reason }) => !ok && reason === 'the socket is gone'),
    );
    const other = await push({ component: 'app' });

    world.engineAway = null;

    await endOf(build, 'completed');
    await endOf(other, 'completed');
    assert.equal(saidOf(build, 'started').length, 1);
  });

  it('gives up on a passing fault after its tries, and says how', async () => {
    world.onBuild = async () => {
      throw new ServiceError('disk_full', 'The engine has no room left on its disk.', { transient: true });
    };
    const build = await push();

    const { failure: why } = await endOf<BuildFailedV1>(build, 'failed');

    assert.equal(why.code, 'disk_full');
    assert.equal(world.built.length, 2);
  });

  /** Its engine's step runs until the gate opens; meanwhile the bus has broken and is back. */
  const pushWhoseClaimIsLost = async () => {
    const gate = latch();
    world.onBuild = () => gate.opened;
    const build = await push();
    await until('it runs', () => world.built.length === 1);
    world.bus.break();
    world.bus.mend();
    return { build, gate };
  };

  it('says nothing more of a build whose claim is lost', async () => {
    const { build, gate } = await pushWhoseClaimIsLost();
    gate.open();

    await until('it is let go', () => world.builder.busy() === 0);
    assert.deepEqual(
      ENDS.flatMap((end) => saidOf(build, end)),
      [],
    );
    assert.deepEqual(
      (await world.registry.tags('f41/httpd')).filter((tag) => !tag.includes('.1')),
      [],
    );
  });

  // Found by chaos: seed 4, embedded, six pushes, two faults. Nobody comes after a build that has ended.
  it('takes its image out of the engine when another process ended the build after the claim was lost', async () => {
    const { build, gate } = await pushWhoseClaimIsLost();
    await world.bus.publish(completed(withNvr(build)));
    world.onBuild = async () => undefined;
    gate.open();

    await until('it is let go', () => world.builder.busy() === 0);
    assert.deepEqual([...world.images.keys()], []);
  });

  // Found by chaos: seed 1, embedded, twenty pushes, ten faults.
  it('waits for an engine that is away when its build has ended, and takes its image out then', async () => {
    const put = world.registry.putManifest.bind(world.registry);
    world.registry.putManifest = (repository, tag, ...rest) => {
      if (tag === 'latest') world.engineAway = 'nothing listens there';
      return put(repository, tag, ...rest);
    };
    const build = await push({ cause: { type: 'person' } });
    await endOf<BuildCompletedV1>(build, 'completed');
    assert.equal(world.images.size, 1);
    const tags = 'tags.candidate.f41/httpd.f41';
    await until('others may have the tags', async () => (await world.bus.holder(tags)) === null);

    world.engineAway = null;

    await until('it is let go', () => world.builder.busy() === 0);
    assert.deepEqual([...world.images.keys()], []);
  });

  it('hands a running build to the next process when it stops', async () => {
    world.onBuild = (_build, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const build = await push();
    await until('it runs', () => world.built.length === 1);

    await world.builder.stop();

    const again = saidOf<BuildRequestedV1>(build, 'requested');
    assert.deepEqual(
      again.map((body) => body.build.attempt),
      [1, 2],
    );
    assert.equal(await world.bus.holder(`build.${build.id}`), null);
  });

  it('builds the next while pushed ones come to their end, and stops when they have', async () => {
    const held: Claim[] = [];
    const pushed: Build[] = [];
    for (const component of ['one', 'two']) {
      const claim = await world.bus.claim(`tags.candidate.f41/${component}.f41`, 'who moves tags');
      assert.ok(claim);
      held.push(claim);
      pushed.push(await push({ component }));
    }
    await until('both slots have built', () => world.built.length === 2);

    await endOf(await push({ component: 'three' }), 'completed');

    const ends = pushed.flatMap((build) => saidOf(build, 'completed'));
    assert.deepEqual(ends, []);
    const stopped = world.builder.stop();
    for (const claim of held) await claim.release();
    await stopped;
    assert.equal(world.builder.busy(), 0);
    for (const build of pushed) assert.equal(saidOf(build, 'completed').length, 1);
  });

  it('goes on with the image that an earlier attempt committed', async () => {
    const build = sampleBuild();
    world.git.push(build.source.repository, build.source.commit, DOCKERFILE);
    const digest = world.registry.putImage(
      'f41/httpd',
      `build-${build.id}`,
      { version: '2.4', release: '1.f41' },
      'earlier',
    );
    await world.bus.publish(started(build));

    await world.bus.publish(requested(nextAttempt(build)));

    const { image, build: done } = await endOf<BuildCompletedV1>(build, 'completed');
    assert.equal(image.digest, digest);
    assert.equal(done.nvr, 'httpd-2.4-1.f41');
    assert.equal(world.built.length, 0);
  });

  it('acknowledges a request that is begun already, and leaves it to the sweeper', async () => {
    const build = sampleBuild();
    world.git.push(build.source.repository, build.source.commit, DOCKERFILE);
    await world.bus.publish(started(build));

    await world.bus.publish(requested(build));

    await until('the lane is empty', async () => (await world.bus.waiting('builder')) === 0);
    await until('nothing is in hand', () => world.builder.busy() === 0);
    assert.equal(world.built.length, 0);
    assert.deepEqual(
      ENDS.flatMap((end) => saidOf(build, end)),
      [],
    );
  });

  it('gives two commits that compute one NVR two names', async () => {
    const first = await push({ source: { commit: sampleCommit('one') } });
    await endOf(first, 'completed');
    const amended = sampleBuild({ source: { commit: sampleCommit('amended') } });
    world.git.histories.delete(amended.source.repository);
    world.git.push(amended.source.repository, amended.source.commit, DOCKERFILE);
    await world.bus.publish(requested(amended));

    const { build: done } = await endOf<BuildCompletedV1>(amended, 'completed');

    assert.equal(done.nvr, `httpd-2.4-1.f41.g${sampleCommit('amended').slice(0, 7)}`);
  });

  it('gives all that was asked for of one commit in one second a name of its own', async () => {
    await world.close();
    world = await builderWorld({}, 2, () => new Date('2026-11-23T17:15:00.000Z'));
    const replayed = ['one', 'two', 'three', 'four'].map((key) => sampleBuild({ cause: { type: 'replay', key } }));
    const commit = sampleBuild().source.commit.slice(0, 7);
    world.git.push(sampleBuild().source.repository, sampleBuild().source.commit, DOCKERFILE);
    for (const build of replayed) await world.bus.publish(requested(build));

    const nvrs = new Map<string, string>();
    for (const build of replayed)
      nvrs.set(build.id.slice(0, 8), (await endOf<BuildCompletedV1>(build, 'completed')).build.nvr ?? '');

    const plain = 'httpd-2.4-1.20261123171500.f41';
    const apart = [plain, `${plain}.g${commit}`, ...[...nvrs.keys()].map((id) => `${plain}.g${commit}.${id}`)];
    assert.equal(new Set(nvrs.values()).size, 4);
    assert.deepEqual(
      [...nvrs.values()].filter((nvr) => !apart.includes(nvr)),
      [],
    );
  });

  it('takes another name when a living build holds its own, and pushes nothing under that', async () => {
    const tag = '2.4-1.f41';
    const other = await world.bus.claim(`nvr.candidate.f41/httpd:${tag}`, 'another build');
    assert.ok(other);
    const build = await push();

    const { build: done } = await endOf<BuildCompletedV1>(build, 'completed');

    assert.equal(done.nvr, `httpd-2.4-1.f41.g${build.source.commit.slice(0, 7)}`);
    assert.equal(world.registry.at('f41/httpd', tag), undefined);
    assert.ok(await other.verify());
    await other.release();
  });

  /** Who had the claim of a tag whenever the registry was asked for the tag. */
  function holdersAtLooks(tag: string): readonly (string | null)[] {
    const holders: (string | null)[] = [];
    const head = world.registry.head.bind(world.registry);
    world.registry.head = async (repository, reference) => {
      if (reference === tag) holders.push(await world.bus.holder(`nvr.candidate.f41/httpd:${tag}`));
      return head(repository, reference);
    };
    return holders;
  }

  it('asks who has its name under the claim of it, and not before', async () => {
    const holders = holdersAtLooks('2.4-1.f41');
    const build = await push();

    await endOf(build, 'completed');

    assert.deepEqual(holders, [build.id]);
  });

  it('asks once more who has its name when a try to tag has failed', async () => {
    const tag = '2.4-1.f41';
    const holders = holdersAtLooks(tag);
    const put = world.registry.putManifest.bind(world.registry);
    let failures = 1;
    world.registry.putManifest = async (repository, reference, ...rest) => {
      if (reference === tag && failures-- > 0)
        throw new ServiceError('registry_unavailable', 'It reset the connection.', { transient: true });
      return put(repository, reference, ...rest);
    };
    const build = await push();

    await endOf(build, 'completed');

    assert.deepEqual(holders, [build.id, build.id]);
  });

  it('asks once more who has its name when an earlier attempt was at the build', async () => {
    const holders = holdersAtLooks('2.4-1.f41');
    const build = sampleBuild();
    world.git.push(build.source.repository, build.source.commit, DOCKERFILE);
    await world.bus.publish(started(build));
    await world.bus.publish(requested(nextAttempt(build)));

    await endOf(build, 'completed');

    assert.deepEqual(holders, [build.id, build.id]);
  });

  it('takes another name when the log does not know who tagged its own, at the only try that it has', async () => {
    await world.close();
    world = await builderWorld({ maxTries: 1 });
    const tag = '2.4-1.f41';
    const others = world.registry.putImage('f41/httpd', tag, {}, 'of another build');
    const build = await push();

    const { build: done } = await endOf<BuildCompletedV1>(build, 'completed');

    assert.equal(done.nvr, `httpd-2.4-1.f41.g${build.source.commit.slice(0, 7)}`);
    assert.equal(world.registry.at('f41/httpd', tag), others);
    assert.equal(await world.bus.holder(`nvr.candidate.f41/httpd:${tag}`), null);
  });

  it('holds its name against nobody, itself least, when the registry fails while it is named', async () => {
    const head = world.registry.head.bind(world.registry);
    let failures = 1;
    world.registry.head = async (repository, reference) => {
      if (failures-- > 0)
        throw new ServiceError('registry_unavailable', 'It reset the connection.', { transient: true });
      return head(repository, reference);
    };
    const build = await push();

    const { build: done } = await endOf<BuildCompletedV1>(build, 'completed');

    assert.equal(done.nvr, 'httpd-2.4-1.f41');
  });

  it('pushes again what is built, and does not build it again', async () => {
    let failures = 1;
    world.onPush = async () => {
      if (failures-- > 0) throw new ServiceError('registry_unavailable', 'EOF', { transient: true });
    };
    const build = await push();

    await endOf(build, 'completed');

    assert.equal(world.built.length, 1);
  });

  it('keeps the image that a lost answer had committed, and puts no second one over it', async () => {
    const put = world.registry.putManifest.bind(world.registry);
    const committed: string[] = [];
    world.registry.putManifest = async (repository, reference, mediaType, bytes) => {
      const digest = await put(repository, reference, mediaType, bytes);
      if (!/^build-[0-9a-f-]+$/.test(reference)) return digest;
      committed.push(digest);
      throw new ServiceError('registry_unavailable', 'the answer was lost', { transient: true });
    };
    let pushes = 0;
    world.layerOf = () => `packed for the ${++pushes}th time`;
    const build = await push();

    const { image } = await endOf<BuildCompletedV1>(build, 'completed');

    assert.equal(pushes, 2);
    assert.deepEqual(committed, [image.digest]);
  });

  it('says that the registry is full, where the engine knows only that a push failed', async () => {
    world.onPush = async () => {
      throw new ServiceError('registry_unavailable', 'unexpected HTTP status 500', { transient: true });
    };
    world.registry.putBlob = async () => {
      throw new ServiceError('disk_full', 'The registry candidate has no room left.', { transient: true });
    };
    const build = await push();

    const { failure: why } = await endOf<BuildFailedV1>(build, 'failed');

    assert.deepEqual(
      [why.code, why.step, why.message],
      ['disk_full', 'push', 'The registry candidate has no room left.'],
    );
    assert.equal(world.built.length, 1);
  });

  it('tries a request again when the bus could not be asked, however final that sounds', async () => {
    const claim = world.bus.claim.bind(world.bus);
    let failures = 1;
    world.bus.claim = async (key, by) => {
      if (key.startsWith('build.') && failures-- > 0)
        throw new ServiceError('bus_unavailable', 'the server fails: an error that nobody knows');
      return claim(key, by);
    };
    const build = await push();

    await endOf(build, 'completed');

    assert.deepEqual(saidOf(build, 'failed'), []);
  });

  it('builds a request that it has before the log has it', async () => {
    const build = sampleBuild();
    world.git.push(build.source.repository, build.source.commit, DOCKERFILE);
    world.bus.handAhead(requested(build));

    await endOf(build, 'completed');

    assert.deepEqual(world.bus.entries('dead'), []);
  });

  it('gives up a request that the log never has', async () => {
    const build = sampleBuild();
    world.bus.handAhead(requested(build), { arrives: false });

    const [dead] = await until('it is dead', () => {
      const entries = world.bus.entries('dead');
      return entries.length > 0 ? entries : null;
    });

    assert.equal(dead?.message.body['code'], 'request_unknown');
    assert.deepEqual(world.built, []);
  });

  it('ends a build with an internal failure when its request could not be handled', async () => {
    const build = sampleBuild();
    world.git.fetch = () => Promise.reject(new TypeError('a fault of ours'));
    world.registry.getManifest = () => Promise.reject(new TypeError('a fault of ours'));
    await world.bus.publish(requested(build));

    const { failure: why } = await endOf<BuildFailedV1>(build, 'failed');

    assert.equal(why.code, 'internal');
    assert.ok(world.said().some(({ message }) => message.id === endMessageId(build.id)));
    assert.deepEqual(why.transient, failure('internal', '', '').transient);
  });

  it('keeps a scratch build off every tag but its own', async () => {
    const key = 'request-1';
    const scratch = sampleBuild({ kind: 'scratch', cause: { type: 'person', key } });
    assert.equal(scratch.id, buildId({ ...scratch, commit: scratch.source.commit, buildArgs: {}, causeKey: key }));
    world.git.push(scratch.source.repository, scratch.source.commit, DOCKERFILE);
    await world.bus.publish(requested(scratch));

    await endOf(scratch, 'completed');

    assert.deepEqual(await world.registry.tags('f41/httpd'), [`build-${scratch.id}`, `build-${scratch.id}.1`]);
  });
});
