/** Terms: wherever they lie, they are found as in a plain list of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import Database from 'libsql';
import { packed, type Term, unpacked } from '../../../src/ledger/packed-terms.js';
import { SCHEMA } from '../../../src/ledger/schema.js';
import { TermStore } from '../../../src/ledger/term-store.js';
import { BUCKETS, bucketOf, KEYS } from '../../../src/ledger/terms.js';

/** Keys that lie at the ends of the buckets and in the middle, some in one bucket. */
const POOL = [0, 1, 2, KEYS / BUCKETS, KEYS / 2, KEYS / 2 + 1, KEYS - 2, KEYS - 1];

const parts = { key: fc.constantFrom(...POOL), n: fc.nat(9) };
const terms: fc.Arbitrary<Term> = fc
  .oneof(
    fc.record({ ...parts, place: fc.constant(0), at: fc.constant(Number.NaN) }),
    fc.record({ ...parts, place: fc.nat(9), at: fc.nat(9) }),
  )
  .map((term) => ({ ...term }));

test('packed terms are the same terms, wherever their bytes lie; a key picks its own', () => {
  fc.assert(
    fc.property(fc.array(terms), fc.constantFrom(...POOL), fc.nat(7), (all, key, offset) => {
      const bytes = packed(all);
      assert.deepEqual(unpacked(bytes), all);
      const moved = Buffer.concat([Buffer.alloc(offset), bytes]).subarray(offset);
      assert.deepEqual(
        unpacked(moved, key),
        all.filter((term) => term.key === key),
      );
    }),
  );
});

test('bytes of a damaged file are no fault of the program', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      unpacked(Buffer.from(bytes));
    }),
  );
});

/** Terms in a file of their own, and beside them the plain list of what they must answer. */
class World {
  readonly db = new Database(':memory:');
  readonly #limit: number;
  store: TermStore;
  written: readonly Term[] = [];
  added: Term[] = [];
  #seq = 0;

  constructor(limit: number) {
    this.db.exec(SCHEMA);
    this.#limit = limit;
    this.store = new TermStore(this.db, limit);
  }

  add(all: readonly Term[]): void {
    this.#begin();
    for (const { key, n, place, at } of all)
      this.store.add(n, [{ keys: [key], place, at: Number.isNaN(at) ? null : at }]);
    this.added.push(...all);
  }

  moveSome(times: number): void {
    this.#begin();
    for (let time = 0; time < times; time += 1) this.store.moveSome();
  }

  write(): void {
    this.#begin();
    while (this.store.moveSome());
    this.#seq += 1;
    this.store.note(this.#seq);
    this.db.exec('commit');
    this.store.committed(this.#seq);
    this.written = [...this.written, ...this.added];
    this.added = [];
  }

  undo(): void {
    if (this.db.inTransaction) this.db.exec('rollback');
    this.store.rolledBack();
    this.added = [];
  }

  /** The next process: it finds what was written. */
  reopen(): void {
    if (this.db.inTransaction) this.db.exec('rollback');
    this.added = [];
    this.store = new TermStore(this.db, this.#limit);
  }

  #begin(): void {
    if (!this.db.inTransaction) this.db.exec('begin');
  }

  count(table: string): number {
    return (this.db.prepare(`select count(*) as n from ${table}`).all([]) as { n: number }[])[0]?.n ?? 0;
  }

  check(keys: readonly number[] = POOL): void {
    const all = [...this.written, ...this.added];
    for (const key of keys) {
      const fit = all.filter((term) => term.key === key);
      assert.deepEqual(
        this.store.builds(key),
        [...new Set(fit.map(({ n }) => n))].sort((a, b) => b - a),
      );
      for (const before of [null, 5]) {
        const named = fit.filter(({ at }) => before === null || at < before);
        // Of builds that were named at one place, either may come first.
        const found = this.store.holders(key, before);
        assert.deepEqual(new Set(found), new Set(named.map(({ n }) => n)));
        const places = found.map((n) => Math.max(...named.filter((term) => term.n === n).map(({ place }) => place)));
        assert.deepEqual(
          places,
          [...places].sort((a, b) => b - a),
        );
      }
    }
  }
}

type Step = { readonly name: string; readonly run: (world: World) => void };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .array(terms, { maxLength: 12 })
      .map((all) => ({ name: `add ${all.length}`, run: (world: World) => world.add(all) })),
  },
  { weight: 4, arbitrary: fc.constant({ name: 'write', run: (world: World) => world.write() }) },
  {
    weight: 1,
    arbitrary: fc
      .boolean()
      .map((hurries) => ({ name: `hurry ${hurries}`, run: (world: World) => world.store.hurry(hurries) })),
  },
  {
    weight: 3,
    arbitrary: fc
      .nat(BUCKETS / 16)
      .map((times) => ({ name: `move ${times}`, run: (world: World) => world.moveSome(times) })),
  },
  { weight: 1, arbitrary: fc.constant({ name: 'undo', run: (world: World) => world.undo() }) },
  { weight: 1, arbitrary: fc.constant({ name: 'reopen', run: (world: World) => world.reopen() }) },
);

test('terms answer as a plain list does: added, written, moved in parts, undone and found again by the next process', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 40 }), (all) => {
      const world = new World(16);
      try {
        for (const { run } of all) {
          run(world);
          world.check();
        }
      } finally {
        world.db.close();
      }
    }),
    { numRuns: 200 },
  );
});

/** Its multiples lie evenly between whole numbers. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const MANY = Array.from({ length: 4_000 }, (_, n) => ({
  key: Math.floor(((n * GOLDEN) % 1) * KEYS),
  n,
  place: 0,
  at: Number.NaN,
}));
const SOME = MANY.filter((_, index) => index % 97 === 0).map(({ key }) => key);

/** A world in which many terms are about to be moved. */
function full(): World {
  const world = new World(MANY.length);
  world.add(MANY);
  world.write();
  return world;
}

test('a write moves at least a part, and as much as it adds twice over: what is moved is no longer pending', () => {
  const world = full();
  let writes = 0;
  for (; world.count('pending_terms') > 0; writes += 1) {
    world.write();
    world.check(SOME);
  }
  assert.equal(writes, 128);
  assert.ok(world.count('terms') > BUCKETS / 2, 'not one row for each');
  world.db.close();
  const busy = full();
  busy.add(MANY.map((term) => ({ ...term, n: term.n + MANY.length })));
  busy.write();
  assert.equal(busy.count('pending_terms'), 1, 'only those that were added meanwhile');
  busy.check(SOME);
  busy.db.close();
});

test('while only news come in, a quarter of the terms is enough for a move', () => {
  const world = new World(40);
  const write = (first: number): void => {
    world.add(Array.from({ length: 9 }, (_, at) => ({ key: first + at, n: first + at, place: 0, at: Number.NaN })));
    world.write();
  };
  write(0);
  write(9);
  world.moveSome(BUCKETS);
  assert.equal(world.count('terms'), 0, 'in a hurry 18 are few');
  world.store.hurry(false);
  write(18);
  world.moveSome(BUCKETS);
  assert.equal(world.count('terms'), 1, 'all have one bucket');
  world.check(Array.from({ length: 27 }, (_, key) => key));
  world.db.close();
});

test('a move goes on where the last process left it, and brings no term twice', () => {
  const world = full();
  for (let part = 0; part < 200; part += 1) {
    world.write();
    if (part % 3 === 0) world.reopen();
  }
  assert.equal(world.count('pending_terms'), 0);
  const rows = world.db.prepare('select data from terms').all([]) as { data: ArrayBuffer }[];
  assert.equal(
    rows.reduce((sum, { data }) => sum + unpacked(data).length, 0),
    MANY.length,
  );
  world.check(SOME);
  world.db.close();
});

test('however many moves there were, a bucket has few rows, and they have every term', () => {
  const world = new World(POOL.length);
  for (let move = 0; move < 40; move += 1) {
    world.add(POOL.map((key) => ({ key, n: move, place: move, at: move })));
    do world.write();
    while (world.count('pending_terms') > 0);
    world.check();
    assert.ok(world.count('terms') <= 8 * new Set(POOL.map(bucketOf)).size, `${world.count('terms')} rows`);
  }
  world.db.close();
});

test('a disk that is full in the middle of a move loses nothing', () => {
  const world = full();
  for (let part = 0; part < 10; part += 1) world.write();
  const [{ page_count: pages }] = world.db.pragma('page_count') as [{ page_count: number }];
  world.db.pragma(`max_page_count = ${pages + 2}`);
  world.add([{ key: 7, n: 7, place: 0, at: Number.NaN }]);
  assert.throws(() => world.moveSome(128), { code: 'SQLITE_FULL' });
  world.undo();
  world.check([...SOME, 7]);
  world.db.pragma('max_page_count = 1000000');
  while (world.count('pending_terms') > 0) {
    world.write();
    world.check(SOME);
  }
  world.reopen();
  world.check([...SOME, 7]);
  world.db.close();
});
