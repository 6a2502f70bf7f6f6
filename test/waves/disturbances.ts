/** What happens while waves run: pushes, changes of what carries much, builds that fail, planners that die. */
import type { Random } from '../simulation/random.js';
import { aboveOf, type Spec, type Specs } from './images.js';
import { MEAN_LENGTH_MS } from './lengths.js';
import type { Commit } from './outside.js';
import type { LastWord } from './planner.js';
import type { World } from './world.js';

/** A commit that is pushed. */
interface Push {
  readonly atMs: number;
  readonly component: string;
  readonly isIdle: boolean;
  readonly isBroken: boolean;
}

export interface Disturbances {
  readonly pushes: readonly Push[];
  /** Components that nobody has built yet; each is pushed at the moment given, in any order. */
  readonly births: readonly { readonly atMs: number; readonly spec: Spec }[];
  readonly deaths: readonly { readonly atMs: number; readonly count: number; readonly last: LastWord }[];
}

/** What becomes of what hooks send. */
export interface Losses {
  readonly random: Random;
  readonly lost: number;
  readonly doubled: number;
}

/** Milliseconds that a hook's message may be late, so that a later push's comes before it. */
const LATE_MS = 4_000;
/** Milliseconds after which a copy comes at most. */
const COPY_MS = 30_000;
/** Components above what is changed in the disturbed part, at most: a share of all. */
const MOST_ABOVE = 0.35;

/** Two changes of what carries much, the second during the wave of the first, and what else goes on. */
export function drawDisturbances(random: Random, specs: Specs, slots: number): Disturbances {
  const pushable = [...specs.values()].filter(({ isBrittle, isOut }) => !isBrittle && !isOut);
  const bearing = pushable.filter(({ component, level }) => level < 3 && isModest(specs, component));
  const above = ({ component }: Spec): number => aboveOf(specs, [component]).size;
  const some = [0, 1, 2].flatMap(() => pick(random, bearing) ?? []);
  const first = some.sort((a, b) => above(b) - above(a))[0] ?? pick(random, pushable);
  const bearers = new Set([...specs.values()].flatMap(({ parents }) => parents.map(({ component }) => component)));
  const members = first === null ? [] : [...aboveOf(specs, [first.component])];
  const lengthMs = Math.max(4 * MEAN_LENGTH_MS, (members.length * MEAN_LENGTH_MS) / slots);
  const soon = (): number => random.next() * lengthMs;
  const pushes: Push[] = [];
  const add = (spec: Spec | null, atMs: number, parts: Partial<Push> = {}): void => {
    if (spec === null) return;
    // A commit of which nothing can be built stays the only one: what follows on it would hang on when it was tried.
    if (pushes.some(({ component, isBroken }) => component === spec.component && isBroken)) return;
    pushes.push({ atMs, component: spec.component, isIdle: false, isBroken: false, ...parts });
  };
  add(first, 0);
  add(random.chance(0.5) ? first : pick(random, bearing), soon());
  // Much is pushed at once; some of it is what the wave rebuilds, and on some of that others stand.
  const carrying = members.filter((component) => bearers.has(component));
  for (let left = random.between(2, 10); left > 0; left -= 1) {
    const name = pick(random, random.pick([carrying, members, []]));
    const spec = pushable.find(({ component }) => component === name) ?? pick(random, pushable);
    const begins = soon();
    for (let times = random.chance(0.3) ? random.between(2, 6) : 1; times > 0; times -= 1)
      add(spec, begins + random.next() * MEAN_LENGTH_MS, { isIdle: random.chance(0.2) });
  }
  const untouched = pushable.filter((spec) => pushes.every(({ component }) => component !== spec.component));
  for (let left = random.below(3); left > 0; left -= 1) add(pick(random, untouched), soon(), { isBroken: true });
  return { pushes, births: random.chance(0.3) ? births(random, pushable, soon()) : [], deaths: deaths(random, soon) };
}

/** Whether what stands on a component is not most of the world: that is what the first wave was for. */
function isModest(specs: Specs, component: string): boolean {
  const above = aboveOf(specs, [component]).size;
  return above > 0 && above <= MOST_ABOVE * specs.size;
}

/** A new base and what stands on it, pushed together: whichever comes first. */
function births(random: Random, specs: readonly Spec[], atMs: number): Disturbances['births'] {
  const below = pick(random, specs);
  const plain = { isBrittle: false, isOut: false, level: 1 };
  const on = below === null ? [] : [{ component: below.component, tag: 'latest' as const }];
  const base = { ...plain, component: 'newborn-base', parents: on };
  const app = { ...plain, component: 'newborn-app', parents: [{ component: base.component, tag: 'latest' as const }] };
  return [base, app].map((spec) => ({ atMs: atMs + random.below(2_000), spec }));
}

export function deaths(random: Random, when: () => number): Disturbances['deaths'] {
  return Array.from({ length: random.pick([0, 0, 1, 2]) }, () => ({
    atMs: when(),
    count: random.between(1, 4),
    last: random.pick<LastWord>(['lost', 'stored', 'late']),
  }));
}

/** Lets it all happen in a world. The commits are made whatever becomes of the messages that tell of them. */
export function disturb(world: World, { pushes, births, deaths }: Disturbances, losses: Losses): void {
  for (const { atMs, component, isIdle, isBroken } of pushes)
    world.events.after(atMs, () =>
      send(world, component, world.outside.commit(component, { isIdle, isBroken }), losses),
    );
  for (const { spec } of births) world.outside.add(spec);
  for (const { atMs, spec } of births)
    world.events.after(atMs, () => send(world, spec.component, world.outside.commit(spec.component), losses));
  for (const { atMs, count, last } of deaths) world.events.after(atMs, () => world.planner.dieAfter(count, last));
}

function send(world: World, component: string, commit: Commit, { random, lost, doubled }: Losses): void {
  const after = (ms: number): void => world.events.after(ms, () => world.tell(component, commit));
  const [isLost, isDoubled, lateMs] = [random.chance(lost), random.chance(doubled), random.next() * LATE_MS];
  if (!isLost) after(lateMs);
  if (isDoubled && !isLost) after(lateMs + random.next() * COPY_MS);
}

function pick<T>(random: Random, choices: readonly T[]): T | null {
  return choices[random.below(choices.length)] ?? null;
}
