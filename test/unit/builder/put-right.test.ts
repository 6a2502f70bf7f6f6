import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Build } from '../../../src/messages/index.js';
import { builderWorld, type World } from '../../support/builder-world.js';
import { failed, requested, sampleBuild, sampleCommit, withNvr } from '../../support/samples.js';
import { until } from '../../support/until.js';

const DOCKERFILE = 'FROM scratch\nLABEL version="2.4"\nCOPY . /\n';
const REPOSITORY = 'f41/httpd';

describe('a build that has ended and is asked for once more', () => {
  let world: World;
  let asks = 0;

  beforeEach(async () => {
    world = await builderWorld();
  });
  afterEach(() => world.close());

  function push(text: string): Build {
    const build = sampleBuild({ source: { commit: sampleCommit(text) } });
    world.git.push(build.source.repository, build.source.commit, DOCKERFILE);
    return build;
  }

  async function built(text: string): Promise<Build> {
    const build = push(text);
    await world.bus.publish(requested(build));
    await until(`${text} is completed`, () => world.ledger.build(build.id)?.state === 'completed');
    await idle();
    return build;
  }

  async function askAgain(build: Build): Promise<void> {
    asks += 1;
    await world.bus.publish(requested(build), { again: `again ${asks}` });
    await idle();
  }

  /** Resolves when no request waits and none is in hand. */
  async function idle(): Promise<void> {
    await until('the builder is idle', async () => {
      const waiting = (await world.bus.waiting('builder')) > 0;
      return !waiting && world.builder.busy() === 0 && (await heldBuilds()) === 0;
    });
  }

  async function heldBuilds(): Promise<number> {
    const ids = new Set(world.ledger.builds({ limit: 100 }).map(({ id }) => id));
    const holders = await Promise.all([...ids].map((id) => world.bus.holder(`build.${id}`)));
    return holders.filter((holder) => holder !== null).length;
  }

  const at = (tag: string): string | undefined => world.registry.at(REPOSITORY, tag);
  const endings = (): number => world.said().filter(({ what }) => what === 'completed').length;

  it('gets its names put right; nothing is said, built or logged anew', async () => {
    const build = await built('one');
    const digest = at('latest');
    await world.registry.deleteTag(REPOSITORY, 'latest');
    world.registry.putImage(REPOSITORY, '2.4', {}, 'by a stranger');

    await askAgain(build);

    await until('the names', () => at('latest') === digest && at('2.4') === digest);
    assert.equal(at('2.4-1.f41'), digest);
    assert.deepEqual([world.built.length, world.logs.length, endings()], [1, 1, 1]);
  });

  it('gets them put right though a newer commit has no image', async () => {
    const build = await built('one');
    const digest = at('latest');
    await world.bus.publish(failed(withNvr(push('broken'))));
    await world.registry.deleteTag(REPOSITORY, 'latest');

    await askAgain(build);

    await until('the name', () => at('latest') === digest);
    assert.equal(endings(), 1);
  });

  it('gets its unique name back too, as long as its image is there', async () => {
    const build = await built('one');
    const digest = at('latest');
    for (const tag of ['latest', `build-${build.id}`]) await world.registry.deleteTag(REPOSITORY, tag);

    await askAgain(build);

    await until('the names', () => at('latest') === digest);
    assert.equal(at(`build-${build.id}`), digest);
  });

  it('is left alone when its names are a later build’s', async () => {
    const older = await built('one');
    const newer = await built('two');
    const digest = at('latest');
    await world.registry.deleteTag(REPOSITORY, 'latest');

    await askAgain(older);
    assert.equal(at('latest'), undefined);

    await askAgain(newer);
    await until('the name', () => at('latest') === digest);
  });

  it('is no trouble when its image is gone', async () => {
    const build = await built('one');
    await world.registry.deleteManifest(REPOSITORY, at('latest') as never);

    await askAgain(build);

    assert.equal(at('latest'), undefined);
    assert.deepEqual([world.built.length, endings()], [1, 1]);
    await built('two');
  });
});
