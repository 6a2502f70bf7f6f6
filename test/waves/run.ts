/** One run: a random graph, a wave in peace, then the same disturbances with and without losses. */
import { Random, scheduleSeed } from '../simulation/random.js';
import { deaths, disturb, drawDisturbances } from './disturbances.js';
import { aboveOf, drawSpecs, type Specs } from './images.js';
import { judgeConverged, judgeOneChange, judgeWaves, type Violation } from './judge.js';
import { boundsOf, lengthOf, MEAN_LENGTH_MS, type Work } from './lengths.js';
import { reconcile } from './reconcile.js';
import { World } from './world.js';

/** Shares of pushes that are lost, and of those that are told twice; of requests that are delivered twice. */
const LOST = 0.3;
const DOUBLED = 0.3;
const TWICE = 0.2;
/** Chance that a wave may have but some of the members, and what one takes of its messages, in bytes. */
const CUT = 0.3;
const MEMBER_BYTES = 170;
/** One of so many runs is of the largest size. */
export const LARGEST_EVERY = 100;
const LARGEST = 10_000;
const SIZES = { least: 200, most: 2_000 };

export interface RunReport {
  readonly run: number;
  readonly size: number;
  readonly slots: number;
  readonly builds: number;
  readonly waves: number;
  readonly looks: number;
  /** Of the wave in peace: its time, divided by the least that it could take; and that of batches. */
  readonly makespanRatio: number;
  readonly baselineRatio: number;
  readonly once: readonly Violation[];
  readonly converged: readonly Violation[];
}

export interface RunOptions {
  /** Components; left out: the run's number decides. */
  readonly size?: number;
}

export async function runOne(seed: number, run: number, { size: given }: RunOptions = {}): Promise<RunReport> {
  const random = new Random(scheduleSeed(seed, run));
  const size = given ?? sizeOf(random, run);
  const slots = Math.max(2, Math.min(64, Math.round(2 * (size / 16) ** random.next())));
  const specs = drawSpecs(random, size, size === LARGEST ? { bases: random.between(1, 3) } : {});
  const cut = random.chance(CUT) ? Math.ceil(MEMBER_BYTES * size * (0.1 + 0.4 * random.next())) : undefined;
  const options = { random, slots, lengthOf, resultBytes: cut };
  const peace = await World.begin(specs, { ...options, twice: TWICE });
  const { changed, makespanMs, works } = await waveInPeace(peace, random, slots);
  const bounds = boundsOf(works, slots);
  const leastMs = Math.max(bounds.criticalMs, bounds.evenMs);
  const once = [...judgeWaves(peace), ...judgeOneChange(peace, changed, size)];

  const disturbances = drawDisturbances(random, specs, slots);
  const sound = await peace.fork(options);
  disturb(sound, disturbances, { random, lost: 0, doubled: 0 });
  await sound.rest();
  const lossy = await peace.fork({ ...options, twice: TWICE });
  disturb(lossy, disturbances, { random, lost: LOST, doubled: DOUBLED });
  await lossy.rest();
  const missed = await reconcile(lossy, true);
  const asked = await reconcile(lossy);
  await lossy.rest();
  once.push(...judgeWaves(sound), ...judgeWaves(lossy));
  const converged = [...judgeConverged(lossy, sound)];
  if (missed.toSorted().join() !== asked.toSorted().join())
    converged.push({ kind: 'differs', text: 'reconcile asked for something else than it said it would' });
  const worlds = [peace, sound, lossy];
  for (const world of worlds) world.close();
  const sum = (of: (world: World) => number): number => worlds.reduce((all, world) => all + of(world), 0);
  return {
    ...{ run, size, slots, once, converged },
    builds: sum(({ executions }) => executions.length),
    waves: sum(({ ledger }) => ledger.waves({ limit: Number.MAX_SAFE_INTEGER }).length),
    looks: sum(({ planner }) => planner.looks),
    makespanRatio: makespanMs / leastMs,
    baselineRatio: bounds.barrierMs / leastMs,
  };
}

function sizeOf(random: Random, run: number): number {
  const { least, most } = SIZES;
  const drawn = Math.round(least * (most / least) ** random.next());
  return run % LARGEST_EVERY === LARGEST_EVERY - 1 ? LARGEST : drawn;
}

/** One change of one base, nothing else but planners that die. */
async function waveInPeace(
  world: World,
  random: Random,
  slots: number,
): Promise<{ readonly changed: string; readonly makespanMs: number; readonly works: readonly Work[] }> {
  const { outside } = world;
  const { changed, above } = baseOf(outside.specs, random);
  const lengthMs = (above * MEAN_LENGTH_MS) / slots;
  if (random.chance(0.3))
    for (const { atMs, count, last } of deaths(random, () => random.next() * lengthMs))
      world.events.after(atMs, () => world.planner.dieAfter(count, last));
  outside.isSound = true;
  await world.tell(changed, outside.commit(changed));
  await world.rest();
  const rebuilds = world.executions.filter(({ component }) => component !== changed);
  const began = Math.min(...rebuilds.map(({ askedAt }) => askedAt));
  const ended = Math.max(...rebuilds.map(({ endedAt }) => endedAt));
  return { changed, makespanMs: ended - began, works: worksOf(outside.specs, rebuilds) };
}

/** One of the bases on which much stands. */
function baseOf(specs: Specs, random: Random): { readonly changed: string; readonly above: number } {
  const bases = [...specs.values()]
    .filter(({ level, isOut }) => level === 0 && !isOut)
    .map(({ component }) => ({ changed: component, above: aboveOf(specs, [component], (one) => !one.isOut).size }));
  const most = Math.max(...bases.map(({ above }) => above));
  const bearing = bases.filter(({ above }) => above > 0 && above >= most / 2);
  const base = bearing[random.below(bearing.length)];
  if (base === undefined) throw new Error('nothing stands on any base');
  return base;
}

function worksOf(specs: Specs, executions: World['executions']): readonly Work[] {
  const built = new Map(executions.map((one) => [one.component, one]));
  return [...specs.values()].flatMap(({ component, parents }) => {
    const one = built.get(component);
    if (one === undefined) return [];
    return [{ key: component, lengthMs: one.endedAt - one.begunAt, after: parents.map((parent) => parent.component) }];
  });
}
