import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Digest } from '../../../src/kernel/digest.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { openLedger } from '../../../src/ledger/index.js';
import { type Build, type Message, type MessageBodies, parseOurs } from '../../../src/messages/index.js';
import { silentLogger } from '../../../src/observability/index.js';
import { openPlanner, type Planner } from '../../../src/planner/index.js';
import { type PolledRegistry, pollPlace } from '../../../src/planner/poll-registry.js';
import { PLANNER_DEFAULTS } from '../../../src/planner/settings.js';
import { Watcher } from '../../../src/planner/watch.js';
import type { Outside, Sighting } from '../../../src/rebuilds/index.js';
import { MEDIA_TYPE } from '../../../src/registry/index.js';
import { withReleasers } from '../../../src/runtime/releasers.js';
import { fakeBus } from '../../support/fake-bus.js';
import {
  completed,
  failed,
  PREFIX,
  requested,
  SAMPLE_PROCESS,
  sampleBuild,
  sampleDigest,
  sampleImage,
  withNvr,
} from '../../support/samples.js';
import { until } from '../../support/until.js';

const HOST = 'registry.example.org';
const DEBIAN = `${HOST}/library/debian:12`;
const MINUTE = 60_000;

/** A registry in memory that counts what it is asked. */
class TestRegistry implements PolledRegistry {
  readonly name = 'candidate';
  readonly host = HOST;
  readonly images = new Map<string, { readonly digest: Digest; readonly mediaType: string }>();
  readonly indexes = new Map<string, Buffer>();
  readonly seen: string[] = [];
  fault: ServiceError | null = null;

  tag(name: string, digest: Digest, mediaType: string = MEDIA_TYPE.ociManifest): void {
    this.images.set(name, { digest, mediaType });
  }

  /** An index of images by platform; gives its digest. */
  index(platforms: Readonly<Record<string, string>>): Digest {
    const manifests = Object.entries(platforms).map(([platform, image]) => {
      const [os, architecture, variant] = platform.split('/');
      return { digest: sampleDigest(image), platform: { os, architecture, ...(variant ? { variant } : {}) } };
    });
    const text = JSON.stringify({ manifests });
    const digest = sampleDigest(text);
    this.indexes.set(digest, Buffer.from(text));
    return digest;
  }

  async head(repository: string, reference: string) {
    this.seen.push(`HEAD ${repository}:${reference}`);
    if (this.fault !== null) throw this.fault;
    const found = this.images.get(`${repository}:${reference}`);
    return found === undefined ? null : { ...found, size: 1 };
  }

  async getManifest(repository: string, reference: string) {
    this.seen.push(`GET ${repository}@${reference.slice(7, 13)}`);
    const bytes = this.indexes.get(reference);
    return bytes === undefined ? null : { digest: reference as Digest, mediaType: MEDIA_TYPE.ociIndex, bytes };
  }
}

interface World {
  readonly registry: TestRegistry;
  readonly outside: Map<string, Outside>;
  /** What the watcher has said, the newest of each name. */
  readonly sightings: Map<string, Sighting | null>;
  readonly warnings: string[];
  news: number;
  lastSeq: number;
  /** Lets time pass; resolves when the watcher has looked at it. It begins with the first call. */
  pass(ms: number): Promise<void>;
}

/** A watcher at work over names that something stands on. */
function watching(names: Readonly<Record<string, readonly Digest[]>>, body: (world: World) => Promise<void>) {
  return async (): Promise<void> => {
    const registry = new TestRegistry();
    const outside = new Map<string, Outside>();
    for (const [name, digests] of Object.entries(names))
      outside.set(name, { digests: new Set(digests), platforms: new Set(['linux/amd64']) });
    let [now, looks] = [1_000_000, 0];
    const world: World = {
      registry,
      outside,
      sightings: new Map(),
      warnings: [],
      news: 0,
      lastSeq: 7,
      pass: async (ms) => {
        now += ms;
        running ??= watcher.run(stop.signal);
        const before = looks;
        await until('two more looks', () => looks >= before + 3);
      },
    };
    const stand = {
      outside: () => {
        looks += 1;
        return outside;
      },
      lastSeq: () => world.lastSeq,
      see: (name: string, sighting: Sighting | null) => world.sightings.set(name, sighting),
    };
    const log = {
      ...silentLogger,
      info: () => undefined,
      debug: () => undefined,
      warn: (_: unknown, text: string) => world.warnings.push(text),
    } as unknown as typeof silentLogger;
    const clock = { now: () => new Date(now), monotonic: () => now };
    const settings = { ...PLANNER_DEFAULTS, lookEveryMs: 1, pollMs: 15 * MINUTE, pollsPerMinute: 30 };
    const watcher = new Watcher({ registries: [registry], settings, clock, log }, stand, () => {
      world.news += 1;
    });
    const stop = new AbortController();
    let running: Promise<void> | null = null;
    try {
      await body(world);
    } finally {
      stop.abort();
      await running;
    }
  };
}

const [ONE, TWO] = [sampleDigest('one'), sampleDigest('two')];
const AWAY = new ServiceError('registry_unavailable', 'The registry candidate asks us to slow down.', {
  transient: true,
  restMs: 20 * MINUTE,
});

describe('what no message tells of an image', () => {
  it(
    'is seen by asking for its digest, again and again',
    watching({ [DEBIAN]: [ONE] }, async (world) => {
      const { registry, sightings, pass } = world;
      registry.tag('library/debian:12', ONE);
      await pass(0);
      const first = sightings.get(DEBIAN);
      assert.deepEqual([first?.digest, first?.seq, world.news], [ONE, 7, 0]);
      registry.tag('library/debian:12', TWO);
      await pass(10 * MINUTE);
      assert.deepEqual(registry.seen, ['HEAD library/debian:12']);
      await pass(7 * MINUTE);
      const second = sightings.get(DEBIAN);
      assert.deepEqual([registry.seen.length, second?.digest, world.news], [2, TWO, 1]);
      await pass(17 * MINUTE);
      assert.equal(sightings.get(DEBIAN)?.seenAt, second?.seenAt, 'since it was seen first');
      assert.notEqual(second?.seenAt, first?.seenAt);
    }),
  );

  it(
    'is no news when an index was made anew for platforms that nobody builds for; each is read once',
    watching({ [DEBIAN]: [] }, async ({ registry, outside, sightings, pass }) => {
      const before = registry.index({ 'linux/amd64': 'amd', 'linux/s390x': 'old' });
      const after = registry.index({ 'linux/amd64': 'amd', 'linux/s390x': 'new' });
      outside.set(DEBIAN, { digests: new Set([before]), platforms: new Set(['linux/amd64']) });
      registry.tag('library/debian:12', after, MEDIA_TYPE.ociIndex);
      await pass(17 * MINUTE);
      await pass(17 * MINUTE);
      assert.ok(sightings.get(DEBIAN)?.same.includes(before));
      assert.ok(
        sightings.get(DEBIAN)?.same.includes(sampleDigest('amd')),
        'who stands on one platform’s image does too',
      );
      assert.equal(registry.seen.filter((one) => one.startsWith('GET')).length, 2);
      const other = registry.index({ 'linux/amd64': 'other', 'linux/s390x': 'new' });
      registry.tag('library/debian:12', other, MEDIA_TYPE.ociIndex);
      await pass(17 * MINUTE);
      assert.deepEqual([sightings.get(DEBIAN)?.digest, sightings.get(DEBIAN)?.same.includes(before)], [other, false]);
    }),
  );

  it(
    'is asked for no sooner than a registry that is away allows, which is told once',
    watching({ [DEBIAN]: [ONE], [`${HOST}/library/alpine:3`]: [ONE] }, async ({ registry, pass, warnings }) => {
      registry.tag('library/debian:12', ONE);
      await pass(0);
      registry.fault = AWAY;
      const before = registry.seen.length;
      await pass(17 * MINUTE);
      await pass(19 * MINUTE);
      assert.equal(registry.seen.length, before + 1, 'the other name rests with it');
      await pass(2 * MINUTE);
      assert.equal(registry.seen.length, before + 2);
      assert.deepEqual(warnings, ['a registry can’t be asked for images that are not ours']);
      registry.fault = null;
      await pass(40 * MINUTE);
      assert.ok(registry.seen.length >= before + 4, 'all are asked for again');
    }),
  );

  it(
    'is unknown where the registry has the image no more',
    watching({ [DEBIAN]: [ONE] }, async ({ registry, sightings, pass }) => {
      registry.tag('library/debian:12', TWO);
      await pass(0);
      registry.images.clear();
      await pass(17 * MINUTE);
      assert.equal(sightings.get(DEBIAN), null);
    }),
  );

  it('is not asked for where it never changes, or no registry of the configuration has it', () => {
    const registries = [new TestRegistry()];
    assert.match(String(pollPlace(`${HOST}/a@${ONE}`, registries)), /never changes/);
    assert.match(String(pollPlace('quay.io/a/b:1', registries)), /no registry with the host quay\.io/);
    assert.match(String(pollPlace('no name', registries)), /no name/);
    const place = pollPlace(DEBIAN, registries);
    assert.ok(typeof place !== 'string');
    assert.deepEqual([place.repository, place.tag], ['library/debian', '12']);
  });
});

function bodyOf<Name extends keyof MessageBodies>(message: Message, name: Name): MessageBodies[Name] | null {
  const ours = parseOurs(PREFIX, message);
  return ours?.ok && ours.value.name === name ? (ours.value.body as MessageBodies[Name]) : null;
}

it('a planner rebuilds what stands on an image that has changed, once for each digest, whoever takes over', () =>
  withReleasers(async (releasers) => {
    const app = sampleBuild({ component: 'app' });
    const made = (build: Build, debian: Digest): Message =>
      completed(withNvr(build, '1', build.id.slice(0, 6)), {
        image: { ...sampleImage(build), references: ['candidate.example.org/f41/app:latest'] },
        parents: [{ written: 'debian:12', resolved: DEBIAN, digest: debian, build: null }],
      });
    const registry = new TestRegistry();
    registry.tag('library/debian:12', ONE);
    const bus = fakeBus();
    releasers.push('the bus', () => bus.close());
    await bus.publish(requested(app));
    await bus.publish(made(app, ONE));
    const settings = { lookEveryMs: 5, claimEveryMs: 5, quietMs: 1, deadlineMs: 2, pollMs: 10, pollsPerMinute: 6_000 };
    const open = async (id: string): Promise<Planner> => {
      const peer = bus.peer();
      const ledger = await openLedger({ bus: peer, prefix: PREFIX, path: null });
      const planner = await openPlanner({
        bus: peer,
        ledger,
        prefix: PREFIX,
        process: { ...SAMPLE_PROCESS, id },
        settings,
        registries: [registry],
      });
      releasers.push(id, async () => {
        await planner.stop();
        await ledger.close();
        await peer.close();
      });
      return planner;
    };
    const asked = (): readonly Build[] =>
      bus.published.flatMap((message) => bodyOf(message, 'build.requested.cascade.v1')?.build ?? []);
    const looked = (): Promise<unknown> => {
      const seen = registry.seen.length;
      return until('some more questions', () => registry.seen.length > seen + 5);
    };
    const first = await open('first');
    await looked();
    assert.deepEqual(asked(), []);

    registry.tag('library/debian:12', TWO);
    const [rebuild] = await until('the rebuild', () => (asked().length > 0 ? asked() : null));
    assert.ok(rebuild);
    assert.deepEqual(rebuild.cause.parents, [{ name: DEBIAN, digest: TWO }]);
    assert.match(rebuild.cause.reason ?? '', /debian:12/);
    const opened = bus.published.flatMap((message) => bodyOf(message, 'wave.opened.v1') ?? []);
    assert.deepEqual(
      opened.map(({ outside, members }) => [outside?.map(({ digest }) => digest), members]),
      [[[TWO], ['f41/app']]],
    );
    await bus.publish(failed(withNvr(rebuild, '1', 'x')));
    await until('the end of the wave', () => bus.published.some((message) => bodyOf(message, 'wave.closed.v1')));
    await first.stop();
    const second = await open('second');
    await until('the second to work', () => second.active);
    await looked();
    assert.equal(asked().length, 1, 'what failed is not tried again');

    const three = sampleDigest('three');
    registry.tag('library/debian:12', three);
    const [, next] = await until('the next rebuild', () => (asked().length > 1 ? asked() : null));
    assert.ok(next);
    await bus.publish(made(next, three));
    await looked();
    assert.equal(asked().length, 2, 'it stands on the new one');
    assert.equal(bus.published.filter((message) => bodyOf(message, 'wave.opened.v1')).length, 2);
  }));
