import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ImageFacts, type ImagesPlan, imagesThatGo, type StoredImage } from '../../../src/keeper/decide/images.js';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const NOW = 1_000 * HOUR;
const build = (digit: number): string => `00000000-0000-4000-8000-00000000000${digit}`;

function image(id: string, parts: Partial<StoredImage> = {}): StoredImage {
  return { id, parent: null, names: [], digests: [], bytes: 100, build: null, stepOf: null, createdAt: 0, ...parts };
}

const cache = (id: string, of: number, parts: Partial<StoredImage> = {}): StoredImage =>
  image(id, { names: [`layerwright-cache/f41/${id}:latest`], build: build(of), ...parts });
const parent = (id: string, parts: Partial<StoredImage> = {}): StoredImage =>
  image(id, { digests: [`registry.example.org/${id}@sha256:${id}`], ...parts });

/** Builds 0 to 4 ended so many hours ago as their number says; 5 runs; 6 is of a stream that has a build in hand. */
const facts = (parts: Partial<ImageFacts> = {}): ImageFacts => ({
  build: (id) => {
    const digit = Number(id.at(-1));
    if (id !== build(digit) || digit > 6) return null;
    if (digit === 5) return { ended: false, endedAt: null, busy: true };
    return { ended: true, endedAt: NOW - digit * 10 * HOUR, busy: digit === 6 };
  },
  stream: ({ component }) => (component === 'other' ? null : { busy: component === 'busy' }),
  parents: new Map([
    ['sha256:base', { usedAt: NOW - 30 * HOUR, busy: false }],
    ['sha256:rare', { usedAt: NOW - 300 * HOUR, busy: false }],
    ['sha256:busy', { usedAt: NOW - 300 * HOUR, busy: true }],
  ]),
  keepBytes: 0,
  graceMs: HOUR,
  leftoverGraceMs: MINUTE,
  now: NOW,
  ...parts,
});

const ids = ({ going }: ImagesPlan): readonly string[] => going.map((one) => one.image.id);

test('over the bound the cache that was used longest ago goes first, and no more than must', () => {
  const images = [cache('a', 1), cache('b', 3), cache('c', 2)];
  assert.deepEqual(ids(imagesThatGo(images, facts({ keepBytes: 300 }))), []);
  assert.deepEqual(ids(imagesThatGo(images, facts({ keepBytes: 299 }))), ['b']);
  assert.deepEqual(ids(imagesThatGo(images, facts({ keepBytes: 100 }))), ['b', 'c']);
});

test('a parent goes after all that stands on it, and never before', () => {
  const images = [parent('rare'), cache('child', 1, { parent: 'rare', bytes: 150 })];
  const plan = imagesThatGo(images, facts({ keepBytes: 120 }));
  assert.equal(plan.bytes, 150, 'what is shared counts once');
  assert.deepEqual(
    plan.going.map((one) => [one.image.id, one.bytes, one.what]),
    [['child', 50, 'cache']],
  );
  assert.deepEqual(ids(imagesThatGo(images, facts())), ['child', 'rare']);
});

test('nameless images between two steps go with the last that stands on them, and stay for another', () => {
  const base = parent('base');
  const step = image('step', { parent: 'base', bytes: 130, build: build(1) });
  const top = cache('top', 1, { parent: 'step', bytes: 160 });
  const other = cache('other', 2, { parent: 'step', bytes: 140 });
  assert.deepEqual(imagesThatGo([base, step, top], facts({ keepBytes: 100 })).going[0]?.bytes, 60);
  const both = imagesThatGo([base, step, top, other], facts({ keepBytes: 160 }));
  assert.deepEqual(
    both.going.map((one) => [one.image.id, one.bytes]),
    [['other', 10]],
  );
});

test('what a person has there is neither counted nor touched, nor what it stands on', () => {
  const mine = image('mine', { names: ['my/app:latest'], parent: 'rare', bytes: 500 });
  const named = cache('named', 3, { names: ['layerwright-cache/f41/x:latest', 'kept:by-hand'] });
  const pulled = image('pulled', { digests: ['docker.io/library/x@sha256:unknown'] });
  const dangling = image('dangling');
  const plan = imagesThatGo([parent('rare'), mine, named, pulled, dangling], facts());
  assert.deepEqual(plan, { bytes: 0, going: [] });
});

test('cache is cache under the names that Podman gives it, and under no other host', () => {
  const named = (id: string, host: string): StoredImage =>
    cache(id, 3, { names: [`${host}layerwright-cache/f41/${id}:latest`] });
  const images = [
    named('a', 'localhost/'),
    named('b', 'docker.io/'),
    named('c', 'quay.io/'),
    named('d', 'x/docker.io/'),
  ];
  assert.deepEqual(ids(imagesThatGo(images, facts())), ['a', 'b']);
});

test('cache and parents of a component that has a build in hand stay, and what was used a moment ago', () => {
  const images = [cache('inhand', 6), parent('busy'), cache('fresh', 0)];
  assert.deepEqual(ids(imagesThatGo(images, facts())), []);
});

test('what an ended build left behind goes whatever the bound; that of one that runs, or of another log, stays', () => {
  const attempt = (id: string, of: string): StoredImage => image(id, { names: [`127.0.0.1:5000/f41/x:build-${of}.1`] });
  const images = [
    attempt('ended', build(2)),
    attempt('runs', build(5)),
    attempt('unknown', build(9)),
    attempt('fresh', build(0)),
    image('loose', { build: build(3) }),
  ];
  const plan = imagesThatGo(images, facts({ keepBytes: 10_000 }));
  assert.deepEqual(ids(plan), ['loose', 'ended']);
  assert.ok(plan.going.every(({ reason, what }) => reason === 'left_behind' && what === 'leftover'));
});

// A builder that was killed leaves the steps of its attempt, which no build's label names yet.
test('a step of a build that came to no end goes when none of its component runs, with what lies below it', () => {
  const step = (id: string, component: string, parts: Partial<StoredImage> = {}): StoredImage =>
    image(id, { stepOf: { component, target: 'f41' }, ...parts });
  const images = [
    cache('base', 1),
    image('first', { parent: 'base', bytes: 120 }),
    step('second', 'idle', { parent: 'first', bytes: 150 }),
    step('third', 'idle', { parent: 'second', bytes: 160 }),
    step('runs', 'busy'),
    step('unknown', 'other'),
    step('fresh', 'idle', { createdAt: NOW - MINUTE + 1 }),
    step('named', 'idle', { names: ['person/x:1'] }),
  ];
  const { going } = imagesThatGo(images, facts({ keepBytes: 10_000 }));
  assert.deepEqual(
    going.map(({ image: { id }, what, reason, bytes }) => [id, what, reason, bytes]),
    [['third', 'leftover', 'left_behind', 60]],
  );
});

// A builder that was killed between `completed` and its cleaning left its image for over an hour.
test('what an ended build left has a short grace of its own, whatever that of cache and parents', () => {
  const age = fc.nat(3 * MINUTE);
  fc.assert(
    fc.property(
      fc.record({
        ended: fc.boolean(),
        endedFor: age,
        madeFor: age,
        graceMs: fc.nat(3 * HOUR),
        leftoverGraceMs: fc.nat(2 * MINUTE),
        named: fc.boolean(),
      }),
      ({ ended, endedFor, madeFor, graceMs, leftoverGraceMs, named }) => {
        const left = image('left', {
          names: named ? [`r/x:build-${build(1)}.2`] : [],
          build: build(1),
          createdAt: NOW - madeFor,
        });
        const plan = imagesThatGo(
          [left, cache('kept', 1), parent('base')],
          facts({
            build: () => ({ ended, endedAt: ended ? NOW - endedFor : null, busy: false }),
            parents: new Map([['sha256:base', { usedAt: NOW - endedFor, busy: false }]]),
            graceMs,
            leftoverGraceMs,
          }),
        );
        const gone = ids(plan);
        assert.equal(gone.includes('left'), ended && Math.min(endedFor, madeFor) >= leftoverGraceMs);
        assert.equal(gone.includes('base'), endedFor >= graceMs, 'a parent has the long one');
        if (ended) assert.equal(gone.includes('kept'), endedFor >= graceMs, 'the cache too');
      },
    ),
    { numRuns: 500 },
  );
});

/** Forests of all kinds of images; a parent always comes earlier in the list. */
const forests = fc
  .array(
    fc.record({
      kind: fc.constantFrom('cache', 'parent', 'between', 'foreign', 'attempt', 'step'),
      on: fc.option(fc.nat(20)),
      more: fc.nat(50),
      of: fc.nat(9),
      digest: fc.constantFrom('base', 'rare', 'busy', 'unknown'),
      component: fc.constantFrom('idle', 'busy', 'other'),
    }),
    { maxLength: 20 },
  )
  .map((plans) => {
    const images: StoredImage[] = [];
    for (const [index, { kind, on, more, of, digest, component }] of plans.entries()) {
      const below = on === null || index === 0 ? null : (images[on % index] ?? null);
      images.push({
        id: `i${index}`,
        parent: below?.id ?? null,
        names:
          kind === 'cache'
            ? [`layerwright-cache/t/c${index}:latest`]
            : kind === 'attempt'
              ? [`r/x:build-${build(of)}.1`]
              : kind === 'foreign'
                ? ['person/x:1']
                : [],
        digests: kind === 'parent' ? [`r/x@sha256:${digest}`] : [],
        bytes: (below?.bytes ?? 0) + more,
        build: build(of),
        stepOf: kind === 'step' ? { component, target: 'f41' } : null,
        createdAt: 0,
      });
    }
    return images;
  });

test('whatever the engine holds: nothing goes before what stands on it, and nothing that is in use or a person’s', () => {
  fc.assert(
    fc.property(forests, fc.nat(300), (images, keepBytes) => {
      const plan = imagesThatGo(images, facts({ keepBytes }));
      const gone = new Set<string>();
      for (const { image } of plan.going) {
        const above = images.filter(
          ({ parent, names, digests }) => parent === image.id && names.length + digests.length > 0,
        );
        assert.ok(
          above.every(({ id }) => gone.has(id)),
          'a child of it is still there',
        );
        gone.add(image.id);
        assert.ok(!image.names.some((name) => name.startsWith('person/')));
        assert.ok(!image.digests.some((digest) => /unknown|busy/.test(digest)));
        assert.ok(image.stepOf === null || image.stepOf.component === 'idle');
        assert.ok(!image.names.some((name) => name.includes(build(5)) || name.includes(build(9))));
      }
      assert.equal(gone.size, plan.going.length, 'nothing goes twice');
      const foreign = images.filter(({ names }) => names.includes('person/x:1'));
      for (const one of foreign)
        for (let at: StoredImage | undefined = one; at !== undefined; at = images.find(({ id }) => id === at?.parent))
          assert.ok(!gone.has(at.id));
    }),
    { numRuns: 500 },
  );
});

test('the sum of what goes is what the rest has less, and a second look finds nothing', () => {
  fc.assert(
    fc.property(forests, fc.nat(300), (images, keepBytes) => {
      const plan = imagesThatGo(images, facts({ keepBytes }));
      const freed = plan.going.reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(freed <= plan.bytes);
      // What an engine does by itself: nameless images go with the last that stands on them.
      const gone = new Set(ids(plan));
      let rest = images.filter(({ id }) => !gone.has(id));
      for (;;) {
        const fallen = rest.filter(
          ({ id, names, digests }) =>
            names.length + digests.length === 0 &&
            !rest.some(({ parent }) => parent === id) &&
            images.some(({ parent }) => parent === id),
        );
        if (fallen.length === 0) break;
        rest = rest.filter((one) => !fallen.includes(one));
      }
      const again = imagesThatGo(rest, facts({ keepBytes }));
      assert.deepEqual(ids(again), []);
    }),
    { numRuns: 500 },
  );
});
