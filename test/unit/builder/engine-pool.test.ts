import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EnginePool, type EngineSlot } from '../../../src/builder/engine-pool.js';
import type { Engine } from '../../../src/builder/ports.js';

const NEVER = new AbortController().signal;

function engineOf(host: string, slots: number): ConstructorParameters<typeof EnginePool>[0][number] {
  return { engine: { host } as Engine, platform: 'linux/amd64', slots };
}

/** A slot and whether another build may have it. */
interface Taken {
  readonly slot: EngineSlot;
  freed: boolean;
}

/** All that promises have to say is said. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function take(pool: EnginePool, signal = NEVER): Promise<Taken | null> {
  const slot = await pool.acquire(signal);
  if (slot === null) return null;
  const taken = { slot, freed: false };
  void slot.freed.then(() => {
    taken.freed = true;
  });
  return taken;
}

async function must(taken: Promise<Taken | null>): Promise<Taken> {
  const found = await taken;
  assert.ok(found);
  return found;
}

describe('the slots of engines', () => {
  it('are given in order, the engine with most room first, and to nobody who has given up', async () => {
    const pool = new EnginePool([engineOf('small', 1), engineOf('big', 2)]);
    const hosts: string[] = [];
    const first = await must(take(pool));
    hosts.push(first.slot.engine.host);
    for (let at = 0; at < 2; at += 1) hosts.push((await must(take(pool))).slot.engine.host);
    assert.deepEqual([hosts[0], [...hosts].sort()], ['big', ['big', 'big', 'small']]);
    const gaveUp = new AbortController();
    const [one, two] = [take(pool, gaveUp.signal), take(pool)];
    gaveUp.abort();
    assert.equal(await one, null);
    first.slot.release();
    assert.equal((await must(two)).slot.engine.host, 'big');
  });

  it('are free for the next build while one wraps up, and not for a third while two do', async () => {
    const pool = new EnginePool([engineOf('one', 1)]);
    const a = await must(take(pool));
    const next = take(pool);
    a.slot.wrapUp();
    const b = await must(next);
    assert.equal(a.freed, true);
    const third = take(pool);
    b.slot.wrapUp();
    await settled();
    assert.equal(b.freed, false, 'one wraps up already');
    a.slot.release();
    const c = await must(third);
    assert.equal(b.freed, true);
    b.slot.release();
    c.slot.release();
    c.slot.release();
    const d = await must(take(pool));
    assert.equal(await pool.acquire(AbortSignal.abort()), null, 'a second release gives nothing');
    d.slot.release();
  });

  it('never have more builds than there are, nor as many again that wrap up, and all come back', async () => {
    const actions = fc.array(fc.tuple(fc.constantFrom('acquire', 'wrapUp', 'release'), fc.nat(20)), { maxLength: 60 });
    const sizesOf = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(sizesOf, actions, async (sizes, all) => {
        const pool = new EnginePool(sizes.map((slots, at) => engineOf(String(at), slots)));
        const held: Taken[] = [];
        for (const [what, which] of all) {
          const at = which % Math.max(1, held.length);
          const taken = what === 'acquire' ? await take(pool, AbortSignal.abort()) : held[at];
          if (taken === null || taken === undefined) continue;
          if (what === 'acquire') held.push(taken);
          else if (what === 'wrapUp') taken.slot.wrapUp();
          else held.splice(at, 1)[0]?.slot.release();
          await settled();
          for (const [of, slots] of sizes.entries()) {
            const here = held.filter(({ slot }) => slot.engine.host === String(of));
            assert.ok(here.filter(({ freed }) => !freed).length <= slots, 'builds');
            assert.ok(here.filter(({ freed }) => freed).length <= slots, 'that wrap up');
          }
        }
        for (const { slot } of held) slot.release();
        for (let left = pool.size; left > 0; left -= 1) assert.ok(await pool.acquire(AbortSignal.abort()));
        assert.equal(await pool.acquire(AbortSignal.abort()), null);
      }),
    );
  });
});
