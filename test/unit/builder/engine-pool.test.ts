import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Asked, Lane } from '../../../src/builder/decide/fair.js';
import { EnginePool } from '../../../src/builder/engine-pool.js';
import type { EngineSlot } from '../../../src/builder/engine-room.js';
import type { Engine } from '../../../src/builder/ports.js';

const NEVER = new AbortController().signal;
const NOW = AbortSignal.abort();

function engineOf(host: string, slots: number): ConstructorParameters<typeof EnginePool>[0][number] {
  return { engine: { host } as Engine, platform: 'linux/amd64', slots };
}

function asks(lane: Lane = 'people', component = 'httpd', target = 'f41'): Asked {
  return { lane, component, target };
}

/** All that promises have to say is said. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function must(acquired: ReturnType<EnginePool['acquire']>): Promise<EngineSlot> {
  const slot = await acquired;
  assert.ok(slot !== null && slot !== 'target_full');
  return slot;
}

describe('the slots of engines', () => {
  it('are given in order, the engine with most room first, and to nobody who has given up', async () => {
    const pool = new EnginePool([engineOf('small', 1), engineOf('big', 2)]);
    const slots: EngineSlot[] = [];
    for (let at = 0; at < 3; at += 1) slots.push(await must(pool.acquire(asks(), NEVER)));
    const hosts = slots.map(({ engine }) => engine.host);
    assert.deepEqual([hosts[0], [...hosts].sort()], ['big', ['big', 'big', 'small']]);
    const gaveUp = new AbortController();
    const [one, two] = [pool.acquire(asks(), gaveUp.signal), pool.acquire(asks(), NEVER)];
    gaveUp.abort();
    assert.equal(await one, null);
    slots[0]?.release();
    assert.equal((await must(two)).engine.host, 'big');
    assert.equal(await pool.acquire(asks(), NOW), null);
  });

  it('are free for the next build while one wraps up, and not for a third while two do', async () => {
    const pool = new EnginePool([engineOf('one', 1)]);
    const a = await must(pool.acquire(asks(), NEVER));
    const next = pool.acquire(asks(), NEVER);
    a.wrapUp();
    const b = await must(next);
    let third: EngineSlot | null = null;
    const waits = must(pool.acquire(asks(), NEVER)).then((slot) => {
      third = slot;
      return slot;
    });
    b.wrapUp();
    await settled();
    assert.equal(third, null, 'one wraps up already');
    a.release();
    const c = await waits;
    b.release();
    c.release();
    c.release();
    assert.equal(pool.free, 1, 'a second release gives nothing');
  });

  it('go to people first, and to a rebuild after four of them', async () => {
    const pool = new EnginePool([engineOf('one', 1)]);
    let slot = await must(pool.acquire(asks(), NEVER));
    const given: string[] = [];
    const wait = (lane: Lane, name: string): void => {
      void must(pool.acquire(asks(lane, name), NEVER)).then((got) => {
        given.push(name);
        slot = got;
      });
    };
    wait('cascade', 'rebuild');
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) wait('people', name);
    for (let at = 0; at < 7; at += 1) {
      slot.release();
      await settled();
    }
    assert.deepEqual(given, ['a', 'b', 'c', 'd', 'rebuild', 'e', 'f']);
  });

  it('are kept for the people on the bus until it is told that none come', async () => {
    const pool = new EnginePool([engineOf('one', 1)]);
    pool.tell({ people: true, cascade: false });
    let given = 0;
    pool.onChange = () => {
      given += 1;
    };
    const rebuild = pool.acquire(asks('cascade'), NEVER);
    await settled();
    assert.deepEqual([given, pool.turn], [0, { kind: 'fetch', lane: 'people' }]);
    pool.tell({ people: false, cascade: false });
    await must(rebuild);
    assert.equal(given, 1);
  });

  it('are not for a target that has all it may have; one waits for that, and the next is told', async () => {
    const pool = new EnginePool([engineOf('one', 3)], new Map([['f41', 1]]));
    const first = await must(pool.acquire(asks(), NEVER));
    const second = pool.acquire(asks(), NEVER);
    assert.equal(await pool.acquire(asks(), NEVER), 'target_full');
    const rebuild = pool.acquire(asks('cascade'), NEVER);
    await must(pool.acquire(asks('people', 'httpd', 'f42'), NEVER));
    assert.equal(pool.free, 1);
    first.release();
    (await must(second)).release();
    await must(rebuild);
  });

  it('are never given beyond their number or a limit, nor kept from who may have one, and all come back', async () => {
    const actions = fc.array(
      fc.record({
        what: fc.constantFrom('acquire', 'giveUp', 'wrapUp', 'release'),
        lane: fc.constantFrom<Lane>('people', 'cascade'),
        target: fc.constantFrom('f41', 'f42'),
        which: fc.nat(20),
      }),
      { maxLength: 60 },
    );
    const sizesOf = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(sizesOf, fc.integer({ min: 1, max: 4 }), actions, async (sizes, limit, all) => {
        const pool = new EnginePool(
          sizes.map((slots, at) => engineOf(String(at), slots)),
          new Map([['f41', limit]]),
        );
        const held: { slot: EngineSlot; target: string; wraps: boolean }[] = [];
        const waiting: { target: string; end: AbortController }[] = [];
        for (const { what, lane, target, which } of all) {
          const at = which % Math.max(1, held.length);
          if (what === 'acquire') {
            const waits = { target, end: new AbortController() };
            waiting.push(waits);
            void pool.acquire(asks(lane, `c${which % 3}`, target), waits.end.signal).then((slot) => {
              waiting.splice(waiting.indexOf(waits), 1);
              if (slot !== null && slot !== 'target_full') held.push({ slot, target, wraps: false });
            });
          } else if (what === 'giveUp') waiting[which % Math.max(1, waiting.length)]?.end.abort();
          else if (what === 'wrapUp') held[at]?.slot.wrapUp();
          else held.splice(at, 1)[0]?.slot.release();
          await settled();
          assert.ok(pool.free >= 0 && pool.free <= pool.size);
          for (const [of, slots] of sizes.entries())
            assert.ok(
              held.filter(({ slot }) => slot.engine.host === String(of)).length <= 2 * slots,
              'with those that wrap up',
            );
          // Before any wraps up, what is held has a slot.
          if (all.every((one) => one.what !== 'wrapUp')) {
            const ofTarget = held.filter((one) => one.target === 'f41').length;
            assert.equal(held.length, pool.size - pool.free);
            assert.ok(ofTarget <= limit, 'the limit of a target');
            const barred = ofTarget === limit ? 'f41' : null;
            if (pool.free > 0)
              assert.ok(
                waiting.every((one) => one.target === barred),
                'kept from who may have one',
              );
          }
        }
        for (const { end } of [...waiting]) end.abort();
        await settled();
        for (const { slot } of held) slot.release();
        assert.equal(pool.free, pool.size);
      }),
    );
  });
});
