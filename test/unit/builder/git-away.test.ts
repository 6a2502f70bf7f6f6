import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { ServiceError } from '../../../src/kernel/service-error.js';
import type { Build, BuildCanceledV1, BuildCompletedV1, BuildFailedV1 } from '../../../src/messages/index.js';
import { builderWorld, type World } from '../../support/builder-world.js';
import { type BuildParts, cancelCommand, requested, sampleBuild, sampleCommit } from '../../support/samples.js';
import { latch, until } from '../../support/until.js';

const DOCKERFILE = 'FROM scratch\nLABEL version="2.4"\nCOPY . /\n';
const HERE = 'https://src.example.org';
const ELSEWHERE = 'https://elsewhere.example.org';

describe('a git host that is away', () => {
  let world: World;

  afterEach(async () => {
    await world.close();
  });

  /** Has git say this of repositories that begin so, until it is called. */
  function breakGit(url: string, fault: () => Promise<never>): () => void {
    const fetch = world.git.fetch.bind(world.git);
    world.git.fetch = (source) => (source.url.startsWith(url) ? fault() : fetch(source));
    return () => {
      world.git.fetch = fetch;
    };
  }

  const away = (url: string) => breakGit(url, () => Promise.reject(fault(true)));
  const fault = (passes: boolean) =>
    new ServiceError('source_unavailable', 'The git host can’t be reached.', { away: passes });

  async function push(component: string, host = HERE, parts: BuildParts = {}): Promise<Build> {
    const repository = `${host}/container/${component}.git`;
    const build = sampleBuild({ component, ...parts, source: { repository, commit: sampleCommit(component) } });
    world.git.push(repository, build.source.commit, DOCKERFILE);
    await world.bus.publish(requested(build));
    return build;
  }

  function saidOf<T>(build: Build, what: string): (T & { build: Build })[] {
    return world
      .said()
      .filter((one) => one.what === what)
      .map(({ message }) => message.body as unknown as T & { build: Build })
      .filter((body) => body.build.id === build.id);
  }

  const endOf = <T>(build: Build, what: string): Promise<T> =>
    until(`${what} of ${build.component}`, () => saidOf<T>(build, what)[0]);

  it('is waited for in the queue: other hosts’ builds go on, and no attempt is spent', async () => {
    world = await builderWorld();
    const mend = away(HERE);
    // More than there are slots.
    const waiting = [await push('httpd'), await push('nginx'), await push('redis')];
    await until('all have met it', () => world.builder.sources().builds === 3);

    const other = await push('app', ELSEWHERE);

    await endOf(other, 'completed');
    assert.deepEqual(world.builder.sources(), { builds: 3, hosts: ['src.example.org'] });
    await until('nothing is in hand', () => world.builder.busy() === 0);
    mend();
    for (const build of waiting) {
      await endOf<BuildCompletedV1>(build, 'completed');
      assert.deepEqual(
        saidOf(build, 'started').map((body) => body.build.attempt),
        [1],
      );
    }
    assert.deepEqual(world.builder.sources(), { builds: 0, hosts: [] });
    assert.equal(world.built.length, 4);
  });

  it('fails a build when its patience is over, and builds the next one when it is back', async () => {
    world = await builderWorld({ sourcePatienceMs: 500 });
    const mend = away(HERE);
    const build = await push('httpd');

    const { failure } = await endOf<BuildFailedV1>(build, 'failed');

    assert.deepEqual([failure.code, failure.step, failure.transient], ['source_unavailable', 'source', true]);
    assert.equal(failure.message, 'The git host can’t be reached.');
    assert.deepEqual(saidOf(build, 'started'), []);
    assert.equal(await world.bus.holder(`build.${build.id}`), null);
    mend();
    await endOf(await push('nginx'), 'completed');
  });

  it('is not one that refuses: that fails at once', async () => {
    world = await builderWorld();
    breakGit(HERE, () => Promise.reject(fault(false)));

    const { failure } = await endOf<BuildFailedV1>(await push('httpd'), 'failed');

    assert.equal(failure.code, 'source_unavailable');
    assert.equal(world.builder.sources().builds, 0);
  });

  it('sends a build in hand back into the queue, to be built once', async () => {
    world = await builderWorld();
    let mend = (): void => undefined;
    world.onBuild = async () => {
      mend = away(HERE);
      world.onBuild = async () => undefined;
      throw new ServiceError('disk_full', 'There is no room left.', { transient: true });
    };
    const build = await push('httpd');
    await until('it waits', () => world.builder.sources().builds === 1 && world.builder.busy() === 0);
    assert.equal(await world.bus.holder(`build.${build.id}`), null);

    mend();

    const done = await endOf<BuildCompletedV1>(build, 'completed');
    assert.equal(done.build.attempt, 2);
    assert.deepEqual(saidOf(build, 'failed'), []);
    assert.equal(saidOf(build, 'completed').length, 1);
  });

  it('does not keep a build that waits for it from being called off', async () => {
    world = await builderWorld();
    away(HERE);
    const build = await push('httpd');
    await until('it waits', () => world.builder.sources().builds === 1);

    await world.bus.publish(cancelCommand(build.id));

    const { reason } = await endOf<BuildCanceledV1>(build, 'canceled');
    assert.equal(reason.code, 'requested');
  });

  it('makes a slow repository of the same host wait too, and takes a late answer', async () => {
    world = await builderWorld();
    away(`${HERE}/container/httpd`);
    const answer = latch();
    const fetch = world.git.fetch.bind(world.git);
    world.git.fetch = async (source) => {
      if (source.url.includes('nginx')) await answer.opened;
      return fetch(source);
    };
    await push('httpd');
    await until('one waits', () => world.builder.sources().builds === 1);
    const slow = await push('nginx');
    await until('both wait', () => world.builder.sources().builds === 2);
    assert.deepEqual(saidOf(slow, 'started'), []);

    answer.open();

    await endOf(slow, 'completed');
  });
});
