import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../../../src/kernel/service-error.js';
import { openLedger } from '../../../../src/ledger/index.js';
import type { Build, Message } from '../../../../src/messages/index.js';
import { silentLogger } from '../../../../src/observability/index.js';
import { type Finding, noMemory, reconcile, type Tally } from '../../../../src/planner/index.js';
import { keepReconciling } from '../../../../src/planner/reconcile/index.js';
import { readGraph } from '../../../../src/rebuilds/index.js';
import { type Clock, systemClock } from '../../../../src/runtime/clock.js';
import { withReleasers } from '../../../../src/runtime/releasers.js';
import { type FakeBus, fakeBus } from '../../../support/fake-bus.js';
import {
  completed,
  failed,
  PREFIX,
  requested,
  sampleBuild,
  sampleCommit,
  sampleDigest,
  sampleImage,
  skipped,
  started,
  withNvr,
} from '../../../support/samples.js';
import { until } from '../../../support/until.js';
import { HTTPD, MONOREPO, portsOf } from './rules.js';

const HOST = 'candidate.example.org';
const OTHER = 'https://elsewhere.example.org/container/other.git';

interface World {
  readonly bus: FakeBus;
  /** What git hosts have: heads by URL, or why they do not answer. */
  readonly heads: Map<string, Record<string, string> | Error>;
  /** Paths that differ between any two commits. */
  changed: readonly string[] | null;
  /** What the registry has, by `repository:reference`. */
  readonly images: Map<string, string>;
  registryFault: Error | null;
  /** Questions to the outside so far. */
  readonly asked: { git: string[]; registry: string[]; registryAt: number[] };
  /** Done when a mirror is fetched. */
  onFetch: () => Promise<void>;
  clock: Clock;
  isOut: (component: string) => boolean;
  pass(options?: { dryRun?: boolean; components?: readonly string[] }): Promise<{ tally: Tally; findings: Finding[] }>;
  /** Passes on a timer until the signal ends. */
  keep(everyMs: number, stop: AbortSignal): Promise<void>;
  /** Published since the messages of the beginning. */
  sent(): readonly Message[];
}

/** A bus that has some messages, a git host and a registry in memory. */
function inWorld(messages: readonly Message[], body: (world: World) => Promise<void>): () => Promise<void> {
  return () =>
    withReleasers(async (releasers) => {
      const bus = fakeBus();
      releasers.push('the bus', () => bus.close());
      for (const message of messages) await bus.publish(message);
      const ledger = await openLedger({ bus, prefix: PREFIX, path: null });
      releasers.push('the ledger', () => ledger.close());
      const before = bus.published.length;
      const memory = noMemory();
      const git = {
        lsRemote: async (url: string) => {
          world.asked.git.push(url);
          const found = world.heads.get(url) ?? {};
          if (found instanceof Error) throw found;
          return new Map(Object.entries(found));
        },
        fetch: async () => {
          await world.onFetch();
          return { changedPaths: async () => world.changed } as never;
        },
      };
      const registry = {
        name: 'candidate',
        host: HOST,
        head: async (repository: string, reference: string) => {
          world.asked.registry.push(`${repository}:${reference}`);
          world.asked.registryAt.push(performance.now());
          if (world.registryFault !== null) throw world.registryFault;
          const digest = world.images.get(`${repository}:${reference}`);
          return digest === undefined ? null : ({ digest, mediaType: '', size: 1 } as never);
        },
      };
      const parts = () => ({
        bus,
        ledger,
        prefix: PREFIX,
        clock: world.clock,
        isOut: ({ component }: { readonly component: string }) => world.isOut(component),
        ports: portsOf(git, [registry]),
      });
      const world: World = {
        bus,
        heads: new Map(),
        changed: [],
        images: new Map(),
        registryFault: null,
        asked: { git: [], registry: [], registryAt: [] },
        onFetch: async () => undefined,
        clock: systemClock,
        isOut: () => false,
        pass: async ({ dryRun = false, components } = {}) => {
          const findings: Finding[] = [];
          const tally = await reconcile(parts(), {
            scope: { components: components ?? null, target: null },
            dryRun,
            memory,
            signal: new AbortController().signal,
            graph: () => readGraph(ledger),
            onFinding: (finding) => findings.push(finding),
          });
          return { tally, findings };
        },
        keep: (everyMs, stop) =>
          keepReconciling({ ...parts(), log: silentLogger }, everyMs, () => readGraph(ledger), stop),
        sent: () => bus.published.slice(before),
      };
      await body(world);
    });
}

/** A build of httpd that is completed, and all names of its image in the registry. */
const build = withNvr(sampleBuild());
const image = {
  ...sampleImage(build),
  references: [`${HOST}/f41/httpd:2.4-17.f41`, `${HOST}/f41/httpd:latest`, `${HOST}/f41/httpd:build-${build.id}`],
};
const BUILT = [requested(build), started(build), completed(build, { image, parents: [] })];
const NEXT = sampleCommit('the next one');

function registered(world: World): void {
  for (const reference of ['2.4-17.f41', 'latest', image.digest])
    world.images.set(`f41/httpd:${reference}`, image.digest);
}

function buildIn(message: Message | undefined): Build {
  return message?.body['build'] as unknown as Build;
}

test(
  'a head whose push nobody heard is asked for once, as the same build, in the lane of cascades',
  inWorld(BUILT, async (world) => {
    registered(world);
    world.heads.set(HTTPD, { f41: NEXT, main: sampleCommit('of no target') });
    const { tally, findings } = await world.pass();
    const [message, ...more] = world.sent();
    assert.deepEqual(more, []);
    assert.equal(message?.topic, `${PREFIX}.container.build.requested.cascade`);
    assert.equal(buildIn(message).id, sampleBuild({ source: { commit: NEXT } }).id);
    assert.equal(buildIn(message).cause.type, 'reconcile');
    // The other repository is one that the configuration names.
    assert.deepEqual([tally.repositories, tally.heads, tally.missed, tally.faults], [2, 1, 1, 0]);
    assert.deepEqual(
      findings.map((each) => [each.kind, 'action' in each && each.action]),
      [['head', 'asked']],
    );
    assert.equal((await world.pass()).tally.missed, 0);
    assert.equal(world.sent().length, 1);
  }),
);

test(
  'a head whose push comes while it is looked at is not asked for',
  inWorld([requested(sampleBuild({ component: 'tools', source: { repository: MONOREPO } }))], async (world) => {
    world.heads.set(MONOREPO, { f41: NEXT });
    world.changed = ['lib/a.c'];
    const push = sampleBuild({ component: 'tools', source: { repository: MONOREPO, commit: NEXT } });
    world.onFetch = () => world.bus.publish(requested(push));
    assert.equal((await world.pass({ components: ['tools'] })).tally.missed, 0);
    assert.equal(world.sent().length, 1, 'the push alone');
  }),
);

test(
  'a head is left alone when a build of it is known, whatever became of it',
  inWorld(
    [
      ...BUILT,
      requested(sampleBuild({ source: { commit: sampleCommit('failed') } })),
      failed(withNvr(sampleBuild({ source: { commit: sampleCommit('failed') } }))),
      skipped(sampleBuild({ source: { commit: sampleCommit('skipped') } }), { waitingFor: [] }),
      // A person's build of it is another one, and builds the same.
      requested(sampleBuild({ source: { commit: sampleCommit('by hand') }, cause: { type: 'person', key: 'x' } })),
    ],
    async (world) => {
      registered(world);
      for (const commit of ['failed', 'skipped', 'by hand', 'httpd']) {
        world.heads.set(HTTPD, { f41: sampleCommit(commit) });
        assert.equal((await world.pass()).tally.missed, 0, commit);
      }
      // A scratch build of it is none.
      await world.bus.publish(requested(sampleBuild({ kind: 'scratch', source: { commit: NEXT } })));
      world.heads.set(HTTPD, { f41: NEXT });
      assert.equal((await world.pass()).tally.missed, 1);
    },
  ),
);

test(
  '--dry-run tells of the same and asks for nothing',
  inWorld(BUILT, async (world) => {
    registered(world);
    world.images.set('f41/httpd:latest', sampleDigest('another'));
    world.heads.set(HTTPD, { f41: NEXT });
    const { findings } = await world.pass({ dryRun: true });
    assert.deepEqual(world.sent(), []);
    assert.deepEqual(
      findings.map((each) => [each.kind, 'action' in each && each.action]),
      [
        ['head', 'would_ask'],
        ['names', 'would_ask'],
      ],
    );
    const done = await world.pass();
    assert.deepEqual(
      done.findings.map(({ kind }) => kind),
      ['head', 'names'],
    );
  }),
);

test(
  'an image of a repository of several is asked for when what lies between touches it; git is asked once',
  inWorld([requested(sampleBuild({ component: 'tools', source: { repository: MONOREPO } }))], async (world) => {
    world.heads.set(MONOREPO, { f41: NEXT });
    world.changed = ['images/shell/Dockerfile'];
    const first = await world.pass({ components: ['tools'] });
    assert.equal(first.tally.missed, 0);
    world.changed = ['lib/a.c'];
    assert.equal((await world.pass({ components: ['tools'] })).tally.missed, 0, 'two commits do not change');
    world.heads.set(MONOREPO, { f41: sampleCommit('yet another') });
    assert.equal((await world.pass({ components: ['tools'] })).tally.missed, 1);
    // The other image of it was never heard of, and the configuration names its repository.
    assert.equal((await world.pass()).tally.missed, 1);
    assert.deepEqual(
      world.sent().map((message) => buildIn(message).component),
      ['tools', 'shell'],
    );
  }),
);

test(
  'a git host that is away is told of once and left alone; all else is looked at',
  inWorld(
    [
      ...BUILT,
      ...Array.from({ length: 30 }, (_, index) =>
        requested(
          sampleBuild({
            component: `away-${index}`,
            source: { repository: `https://away.example.org/container/away-${index}.git` },
          }),
        ),
      ),
      requested(sampleBuild({ component: 'gone', source: { repository: OTHER } })),
    ],
    async (world) => {
      registered(world);
      world.heads.set(HTTPD, { f41: NEXT });
      for (let index = 0; index < 30; index += 1)
        world.heads.set(
          `https://away.example.org/container/away-${index}.git`,
          new ServiceError('source_unavailable', 'It can’t be reached.', { away: true }),
        );
      world.heads.set(OTHER, new ServiceError('source_unavailable', 'There is no git repository.'));
      const { tally, findings } = await world.pass();
      assert.equal(tally.missed, 1);
      const faults = findings.filter(({ kind }) => kind === 'fault');
      assert.deepEqual(
        faults.map((each) => each.kind === 'fault' && [each.place, each.missed]).sort(),
        [
          ['away.example.org', 30],
          [OTHER, 1],
        ].sort(),
      );
      const asked = world.asked.git.filter((url) => url.includes('away')).length;
      assert.ok(asked < 15, `${asked} questions to a host that is away`);
    },
  ),
);

test(
  'a retired component and its repository are left alone',
  inWorld(BUILT, async (world) => {
    registered(world);
    world.heads.set(HTTPD, { f41: NEXT });
    world.images.set('f41/httpd:latest', sampleDigest('another'));
    world.isOut = (component) => component === 'httpd';
    const { tally } = await world.pass();
    assert.deepEqual([tally.missed, tally.moved], [0, 0]);
    assert.ok(!world.asked.git.includes(HTTPD));
  }),
);

test(
  'a name that stands for another image is put right by the request of its build, delivered once more',
  inWorld(BUILT, async (world) => {
    registered(world);
    assert.equal((await world.pass()).tally.moved, 0);
    assert.deepEqual(world.sent(), []);
    world.images.set('f41/httpd:latest', sampleDigest('another'));
    world.images.delete('f41/httpd:2.4-17.f41');
    const { tally, findings } = await world.pass();
    assert.deepEqual([tally.moved, tally.gone], [1, 0]);
    assert.deepEqual(findings[0]?.kind === 'names' && findings[0].wrong, [
      { reference: `${HOST}/f41/httpd:2.4-17.f41`, digest: null },
      { reference: `${HOST}/f41/httpd:latest`, digest: sampleDigest('another') },
    ]);
    const [message, ...more] = world.sent();
    assert.deepEqual(more, []);
    assert.equal(message?.id, requested(build).id, 'the log counts it once');
    const again = await world.pass();
    assert.deepEqual(
      again.findings.map((each) => 'action' in each && each.action),
      ['waits'],
    );
    assert.equal(world.sent().length, 1);
  }),
);

test(
  'a name that a build is moving just now is no finding',
  inWorld([...BUILT, started(withNvr(sampleBuild({ source: { commit: NEXT } })))], async (world) => {
    registered(world);
    world.images.set('f41/httpd:latest', sampleDigest('of the build at work'));
    assert.equal((await world.pass()).tally.moved, 0);
    assert.deepEqual(world.sent(), []);
  }),
);

test(
  'an image that is gone from the registry is told of, and nothing is asked for',
  inWorld(BUILT, async (world) => {
    const { tally, findings } = await world.pass();
    assert.deepEqual([tally.gone, tally.moved], [1, 0]);
    assert.deepEqual(
      findings.map((each) => [each.kind, 'digest' in each && each.digest]),
      [['gone', image.digest]],
    );
    assert.deepEqual(world.sent(), []);
  }),
);

/** Images of forty components. */
const MANY = Array.from({ length: 40 }, (_, index) => {
  const one = withNvr(sampleBuild({ component: `app-${index}` }));
  return completed(one, { parents: [] });
});

test(
  'a registry that is away is told of once and left alone',
  inWorld(MANY, async (world) => {
    world.registryFault = new ServiceError('registry_unavailable', 'It is away.', { transient: true });
    const { tally, findings } = await world.pass();
    assert.deepEqual(
      findings.map((each) => each.kind === 'fault' && [each.place, each.code, each.missed]),
      [['candidate', 'registry_unavailable', 40]],
    );
    assert.deepEqual([tally.faults, tally.gone, tally.moved], [1, 0, 0]);
    assert.ok(world.asked.registry.length < 15, String(world.asked.registry.length));
  }),
);

test(
  'a registry that asks for a short rest gets it; one that asks for a long one is left alone',
  inWorld(MANY, async (world) => {
    world.registryFault = new ServiceError('registry_unavailable', 'Slow down.', { transient: true, restMs: 400 });
    const resting = world.pass();
    await until('the first question', () => world.asked.registry.length > 0);
    world.registryFault = null;
    const { tally } = await resting;
    const times = world.asked.registryAt;
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? at));
    // Those that had their turn already come first; all others wait.
    assert.ok(Math.max(...gaps) >= 200, `the longest gap was ${Math.max(...gaps)} ms`);
    assert.ok(tally.gone > 20, `${tally.gone} were looked at after the rest`);
    world.registryFault = new ServiceError('registry_unavailable', 'Slow down.', {
      transient: true,
      restMs: 3_600_000,
    });
    const asked = world.asked.registry.length;
    await world.pass();
    assert.ok(world.asked.registry.length - asked <= 8, 'what was on its way, and no more');
  }),
);

test(
  'a pass counts what nobody works on and what nobody has begun',
  inWorld([...BUILT, started(withNvr(sampleBuild({ component: 'lost' })))], async (world) => {
    registered(world);
    const { tally } = await world.pass();
    assert.deepEqual([tally.unfinished, tally.stale], [1, 0]);
    const claim = await world.bus.peer().claim(`build.${sampleBuild({ component: 'lost' }).id}`, 'a builder');
    assert.equal((await world.pass()).tally.unfinished, 0);
    await claim?.release();
  }),
);

test(
  'it looks at once and then by the timer, goes on after a failure, and stops when it is told to',
  inWorld(BUILT, async (world) => {
    registered(world);
    const over = new AbortController();
    const keeping = world.keep(20, over.signal);
    await until('a first look', () => world.asked.git.length >= 1);
    world.heads.set(HTTPD, { f41: NEXT });
    await until('the head is asked for', () => world.sent().length === 1);
    world.bus.break();
    world.bus.mend();
    const seen = world.asked.git.length;
    await until('looks after the break', () => world.asked.git.length > seen);
    over.abort();
    await keeping;
    assert.equal(world.sent().length, 1);
  }),
);
