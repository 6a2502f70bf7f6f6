/** Who gets a slot that is free: people before the cascade, which still moves (design, section 7). */

/** `people`: what they push and ask for. `cascade`: rebuilds. */
export type Lane = 'people' | 'cascade';

/** Builds of people that begin one after the other while a rebuild waits, before it has its turn: one build of five is its. */
export const PEOPLE_IN_A_ROW = 4;
/** Milliseconds after which a request of a target that has no room comes again, and between two that do. */
const TARGET_AGAIN_MS = 5_000;
const TARGET_APART_MS = 100;

/** What is asked for, or built. */
export interface Asked {
  readonly lane: Lane;
  readonly target: string;
  readonly component: string;
}

/** A request in hand that waits for a slot. */
export interface Waiter extends Asked {
  /** Rises with each request that comes. */
  readonly since: number;
}

export interface Waiting<W extends Waiter = Waiter> {
  readonly inHand: readonly W[];
  /** Whether requests wait on the bus; whose they are is seen when one is taken. */
  readonly onBus: Readonly<Record<Lane, boolean>>;
}

export interface Standing {
  /** What has a slot. */
  readonly building: readonly Pick<Asked, 'target' | 'component'>[];
  /** Builds of people that were begun in a row while a rebuild waited. */
  readonly inARow: number;
  /** By `streamOf`; rises with each slot that is given. */
  readonly served: ReadonlyMap<string, number>;
  /** Builds of a target at one time; no entry: no bound of its own. */
  readonly limits: ReadonlyMap<string, number>;
}

export type Turn<W extends Waiter = Waiter> =
  | { readonly kind: 'give'; readonly to: W }
  /** It is for a request of this lane that is still on the bus. */
  | { readonly kind: 'fetch'; readonly lane: Lane }
  /** Nobody waits that may have it: whoever comes first. */
  | { readonly kind: 'open' };

/** Of one lane, that component comes first of which least is built, then the one that had a slot longest ago. */
export function turnOf<W extends Waiter>({ inHand, onBus }: Waiting<W>, standing: Standing): Turn<W> {
  const able = inHand.filter(({ target }) => hasRoom(target, standing));
  const lane = laneOf(
    onBus.people || able.some((waiter) => waiter.lane === 'people'),
    onBus.cascade || able.some((waiter) => waiter.lane === 'cascade'),
    standing.inARow,
  );
  if (lane === null) return { kind: 'open' };
  const [to] = able.filter((waiter) => waiter.lane === lane).sort((a, b) => byTurn(a, b, standing));
  return to === undefined ? { kind: 'fetch', lane } : { kind: 'give', to };
}

/** The new `inARow` when a build of a lane has been given a slot. */
export function inARowAfter(lane: Lane, cascadeWaits: boolean, inARow: number): number {
  return lane === 'people' && cascadeWaits ? inARow + 1 : 0;
}

/** Whether one more build of a target may have a slot. */
export function hasRoom(target: string, { building, limits }: Pick<Standing, 'building' | 'limits'>): boolean {
  const limit = limits.get(target);
  return limit === undefined || building.filter((one) => one.target === target).length < limit;
}

/**
 * When a request that its target has no room for comes again, in milliseconds of the clock that `now` is of. Those of one
 * target come in the order in which they were sent away, and never so many that the bus has nothing else to do.
 */
export function comesAgainAt(now: number, lastOfTarget: number): number {
  return Math.max(now + TARGET_AGAIN_MS, lastOfTarget + TARGET_APART_MS);
}

export function streamOf({ target, component }: Pick<Asked, 'target' | 'component'>): string {
  return `${target}/${component}`;
}

function laneOf(people: boolean, cascade: boolean, inARow: number): Lane | null {
  if (people && cascade) return inARow < PEOPLE_IN_A_ROW ? 'people' : 'cascade';
  if (people) return 'people';
  return cascade ? 'cascade' : null;
}

function byTurn(a: Waiter, b: Waiter, { building, served }: Standing): number {
  const [ofA, ofB] = [streamOf(a), streamOf(b)];
  const builds = (stream: string): number => building.filter((one) => streamOf(one) === stream).length;
  return builds(ofA) - builds(ofB) || (served.get(ofA) ?? 0) - (served.get(ofB) ?? 0) || a.since - b.since;
}
