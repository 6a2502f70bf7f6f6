import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { suite, test } from 'node:test';
import { attemptTag, uniqueTag } from '../../../src/builder/decide/naming.js';
import type { HouseParts } from '../../../src/keeper/areas.js';
import { keepHouse, openAreas, type Round } from '../../../src/keeper/index.js';
import { digestOf } from '../../../src/kernel/digest.js';
import { type Ledger, openLedger } from '../../../src/ledger/index.js';
import type { Build } from '../../../src/messages/index.js';
import { MEDIA_TYPE, openRegistry, type Registry } from '../../../src/registry/index.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { withReleasers } from '../../../src/runtime/releasers.js';
import { fakeBus } from '../../support/fake-bus.js';
import { RegistryGate } from '../../support/registry-gate.js';
import {
  completed,
  failed,
  PREFIX,
  requested,
  sampleBuild,
  sampleCommit,
  started,
  withNvr,
} from '../../support/samples.js';
import { requireRegistry } from '../../support/services.js';

const real = requireRegistry();
const DAY = 86_400_000;
const EMPTY_STORE = {
  folder: 'none',
  nameOf: (url: string) => url,
  files: () => Promise.resolve([]),
  remove: () => Promise.resolve(true),
};

interface World {
  readonly registry: Registry;
  readonly ledger: Ledger;
  readonly space: string;
  /** Puts the clock of the log so many days before now. */
  daysAgo(days: number): void;
  /** A build on the log with its image and a log in the registry; `floating` tags beside its own. */
  build(
    component: string,
    nth: number,
    how?: Partial<How>,
  ): Promise<{ readonly build: Build; readonly digest: string }>;
  keep(options?: {
    readonly dryRun?: boolean;
    readonly registry?: Registry;
    readonly stopAfter?: number;
  }): Promise<Kept>;
  tags(component: string): Promise<readonly string[]>;
}

type Kept = Round & { readonly names: readonly string[] };

interface How {
  readonly end: 'completed' | 'failed' | 'none';
  readonly kind: 'official' | 'scratch';
  readonly floating: readonly string[];
  readonly on: string | null;
}

function inWorld(body: (world: World) => Promise<void>): () => Promise<void> {
  return () =>
    withReleasers(async (releasers) => {
      const space = `keeper-${process.pid}-${randomUUID().slice(0, 8)}`;
      let ago = 0;
      const bus = fakeBus({ now: () => new Date(Date.now() - ago) });
      releasers.push('the bus', () => bus.close());
      const ledger = await openLedger({ bus, prefix: PREFIX, path: null });
      releasers.push('the ledger', () => ledger.close());
      const registry = openRegistry({ name: 'candidate', url: real.url, credentials: { kind: 'none' } });
      releasers.push('the registry', () => registry.close());
      const parts = (at: Registry): HouseParts => ({
        ledger,
        engines: [],
        mirrors: EMPTY_STORE,
        logs: EMPTY_STORE,
        registries: new Map([['candidate', at]]),
        clock: systemClock,
        settings: {
          everyMs: DAY,
          builds: 1,
          ageMs: 30 * DAY,
          mirrorBytes: 0,
          logBytes: 0,
          graceMs: 0,
          engines: {},
          targets: { f41: { candidate: 'candidate', repository: `${space}/{component}` } },
        },
      });
      await body({
        registry,
        ledger,
        space,
        daysAgo: (days) => {
          ago = days * DAY;
        },
        build: async (component, nth, how = {}) => {
          const { end = 'completed', kind = 'official', floating = [], on = null } = how;
          const plain = sampleBuild({ component, kind, source: { commit: sampleCommit(`${component} ${nth}`) } });
          const build = withNvr(plain, '1.0', `${nth}.f41`);
          const repository = `${space}/${component}`;
          const tags = [attemptTag(build.id, 1), ...(end === 'completed' ? [uniqueTag(build.id)] : [])];
          const digest = await push(registry, repository, [...tags, ...floating], `image of ${build.id}`);
          await push(registry, repository, [`log-${build.id}.1`], `log of ${build.id}`);
          await bus.publish(requested(build));
          await bus.publish(started(build));
          const image = {
            digest,
            media_type: MEDIA_TYPE.ociManifest,
            content: null,
            references: [],
            platforms: [{ platform: 'linux/amd64', digest, size: 1 }],
          };
          const parents = on === null ? [] : [{ written: 'x', resolved: 'x', digest: on, build: null }];
          if (end === 'completed') await bus.publish(completed(build, { image, parents }));
          if (end === 'failed') await bus.publish(failed(build));
          return { build, digest };
        },
        keep: async ({ dryRun = false, registry: at = registry, stopAfter = Number.POSITIVE_INFINITY } = {}) => {
          const stop = new AbortController();
          const names: string[] = [];
          const round = await keepHouse(await openAreas(parts(at), ['tags']), {
            dryRun,
            signal: stop.signal,
            isOurs: () => Promise.resolve(true),
            onItem: ({ name }, outcome) => {
              if (outcome === null || outcome === 'gone') names.push(...name.split(' '));
              if (names.length >= stopAfter) stop.abort();
            },
          });
          return { ...round, names };
        },
        tags: (component) => registry.tags(`${space}/${component}`),
      });
    });
}

async function push(registry: Registry, repository: string, tags: readonly string[], text: string): Promise<string> {
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', text }));
  const digest = await registry.putBlob(repository, config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: config.length },
      layers: [],
    }),
  );
  for (const tag of tags) await registry.putManifest(repository, tag, MEDIA_TYPE.ociManifest, manifest);
  return digestOf(manifest);
}

const ownTags = ({ id }: Build): readonly string[] => [attemptTag(id, 1), uniqueTag(id), `log-${id}.1`];

suite('old tags of a real registry', { skip: real.skip }, () => {
  test(
    'go with their images; the newest, what runs, what is young and what people named stay',
    inWorld(async ({ build, daysAgo, keep, tags }) => {
      daysAgo(50);
      const old = await build('httpd', 1, { kind: 'scratch' });
      const broken = await build('httpd', 2, { end: 'failed' });
      const runs = await build('httpd', 3, { end: 'none' });
      const named = await build('httpd', 4, { floating: ['1.0-4.f41'] });
      daysAgo(20);
      const young = await build('httpd', 5, { kind: 'scratch' });
      const newest = await build('httpd', 6, { floating: ['1.0-6.f41', '1.0', 'latest'] });

      const shown = await keep({ dryRun: true });
      const round = await keep();

      const gone = [
        ...ownTags(old.build),
        attemptTag(broken.build.id, 1),
        `log-${broken.build.id}.1`,
        `log-${named.build.id}.1`,
      ];
      assert.deepEqual([...round.names].sort(), [...gone].sort());
      assert.deepEqual([...shown.names].sort(), [...round.names].sort(), 'what was shown is what went');
      assert.ok(round.bytes > 0 && round.bytes === shown.bytes);
      assert.deepEqual(round.notes, [
        'The registry candidate can not take away a tag alone: old tags stay where another tag needs their image.',
      ]);
      assert.deepEqual(
        [...(await tags('httpd'))],
        [
          attemptTag(runs.build.id, 1),
          `log-${runs.build.id}.1`,
          attemptTag(named.build.id, 1),
          uniqueTag(named.build.id),
          '1.0-4.f41',
          ...ownTags(young.build),
          ...ownTags(newest.build),
          '1.0-6.f41',
          '1.0',
          'latest',
        ].sort(),
      );
      const again = await keep();
      assert.deepEqual([again.gone, again.faults, again.finished], [0, [], true]);
    }),
  );

  test(
    'stay while the newest build of another component stands on them, and on what they stand on',
    inWorld(async ({ build, daysAgo, keep, tags }) => {
      daysAgo(60);
      const root = await build('root', 1, { kind: 'scratch' });
      const base = await build('base', 1, { kind: 'scratch', on: root.digest });
      const loose = await build('base', 2, { kind: 'scratch' });
      await build('root', 2, { kind: 'scratch' });
      await build('base', 3);
      await build('child', 1, { on: base.digest });

      await keep();

      assert.deepEqual(
        (await tags('base')).filter((tag) => tag.includes(loose.build.id)),
        [],
      );
      for (const { build: kept } of [root, base])
        assert.deepEqual(
          (await tags(kept.component)).filter((tag) => tag.includes(kept.id)),
          [...ownTags(kept)].sort(),
        );
    }),
  );

  test(
    'that a round which broke off has left go in the next, and two rounds at once do no more than one',
    inWorld(async ({ build, daysAgo, keep, tags }) => {
      daysAgo(60);
      for (let nth = 1; nth <= 4; nth += 1) await build('app', nth, { kind: 'scratch' });
      const newest = await build('app', 5);

      const broken = await keep({ stopAfter: 1 });
      assert.equal(broken.finished, false);
      assert.equal(broken.gone, 1);
      const rounds = await Promise.all([keep(), keep()]);

      assert.deepEqual(
        rounds.flatMap(({ faults }) => faults),
        [],
      );
      assert.deepEqual(await tags('app'), [...ownTags(newest.build)].sort());
    }),
  );

  test(
    'stay where the registry deletes nothing, which is said once and is no fault; one that fails is a fault, and the others go',
    inWorld(async ({ build, daysAgo, keep, space, tags, registry }) => {
      daysAgo(60);
      for (const component of ['one', 'two']) {
        await build(component, 1, { kind: 'scratch' });
        await build(component, 2);
      }
      const before = await tags('one');
      const gate = await RegistryGate.open(real.url);
      const gated = openRegistry({ name: 'candidate', url: gate.url, credentials: { kind: 'none' } });
      try {
        gate.refusals.set('/v2/', { status: 405, body: '{}', methods: ['DELETE'] });
        const round = await keep({ registry: gated });
        assert.deepEqual([round.gone, round.faults], [0, []]);
        assert.equal(round.notes.length, 1);
        assert.match(round.notes[0] ?? '', /deletes nothing .*REGISTRY_STORAGE_DELETE_ENABLED=true/);
        assert.deepEqual(await registry.tags(`${space}/one`), before);

        gate.refusals.clear();
        gate.refusals.set(`/${space}/one/`, { status: 500, body: '{}', methods: ['DELETE'] });
        const half = await keep({ registry: gated });
        assert.deepEqual(
          half.faults.map(({ place }) => place),
          [`registry candidate ${space}/one`],
        );
        assert.ok(half.gone > 0);
        assert.deepEqual(await tags('one'), before);
        assert.ok((await tags('two')).length < before.length);
      } finally {
        await gated.close();
        await gate.close();
      }
    }),
  );
});
