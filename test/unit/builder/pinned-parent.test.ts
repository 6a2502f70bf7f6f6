import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BuildCompletedV1, BuildFailedV1 } from '../../../src/messages/index.js';
import { builderWorld, type World } from '../../support/builder-world.js';
import { type BuildParts, requested, sampleBuild, sampleDigest } from '../../support/samples.js';
import { until } from '../../support/until.js';

const NAME = 'candidate.example.org/f41/base:latest';
const DOCKERFILE = `FROM ${NAME}\nLABEL version=1\n`;

describe('a parent that the request pins', () => {
  let world: World;
  beforeEach(async () => {
    world = await builderWorld();
  });
  afterEach(() => world.close());

  async function endOf<T>(digest: string, what: string): Promise<T> {
    const parts: BuildParts = {
      kind: 'scratch',
      cause: { type: 'person', key: 'as of then', message: null, parents: [{ name: NAME, digest }] },
    };
    const build = sampleBuild(parts);
    world.git.push(build.source.repository, build.source.commit, DOCKERFILE);
    await world.bus.publish(requested(build));
    const said = (): T | undefined =>
      world.said().find((one) => one.what === what)?.message.body as unknown as T | undefined;
    return until(what, said);
  }

  it('is stood on by a scratch build, whatever the name stands for now', async () => {
    world.registry.putImage('f41/base', 'old', {}, 'base of then');
    const then = world.registry.at('f41/base', 'old') ?? '';
    world.registry.putImage('f41/base', 'latest', {}, 'base of now');
    const { parents } = await endOf<BuildCompletedV1>(then, 'completed');
    assert.deepEqual(
      parents.map(({ resolved, digest }) => [resolved, digest]),
      [[NAME, then]],
    );
  });

  it('fails the build in words when the registry has it no more, though the name is there', async () => {
    world.registry.putImage('f41/base', 'latest', {}, 'base of now');
    const gone = sampleDigest('gone');
    const { failure } = await endOf<BuildFailedV1>(gone, 'failed');
    assert.equal(failure.code, 'parent_missing');
    assert.ok(failure.message.includes(gone), failure.message);
  });
});
