/** How long builds take, and what is the least that a wave of them could take. */
import { Random } from '../simulation/random.js';

/** Milliseconds. */
export const MEAN_LENGTH_MS = 90_000;
/** Spread of the logarithm of a build's length. */
export const SIGMA = 0.5;

/** Of a build: log-normal, and of one id always the same. */
export function lengthOf(build: string): number {
  const random = new Random(Number.parseInt(build.slice(0, 8), 16));
  // Box and Muller: two even chances make a normal one.
  const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  return MEAN_LENGTH_MS * Math.exp(SIGMA * normal - SIGMA ** 2 / 2);
}

/** A build that was made, and those that had to be done before it. */
export interface Work {
  readonly key: string;
  readonly lengthMs: number;
  readonly after: readonly string[];
}

export interface Bounds {
  /** The longest way of builds that wait for each other. */
  readonly criticalMs: number;
  /** All work shared evenly. */
  readonly evenMs: number;
  /** With a barrier after each level, as batches are built: in order, each on the first slot that is free, and no message takes time. */
  readonly barrierMs: number;
}

/** `works`: those that come before others first. */
export function boundsOf(works: readonly Work[], slots: number): Bounds {
  const ends = new Map<string, number>();
  const levels = new Map<string, number>();
  const batches: number[][] = [];
  for (const { key, lengthMs, after } of works) {
    const below = after.filter((one) => ends.has(one));
    ends.set(key, lengthMs + Math.max(0, ...below.map((one) => ends.get(one) ?? 0)));
    const level = 1 + Math.max(-1, ...below.map((one) => levels.get(one) ?? 0));
    levels.set(key, level);
    const batch = batches[level];
    if (batch === undefined) batches[level] = [lengthMs];
    else batch.push(lengthMs);
  }
  return {
    criticalMs: [...ends.values()].reduce((most, end) => Math.max(most, end), 0),
    evenMs: works.reduce((sum, { lengthMs }) => sum + lengthMs, 0) / slots,
    barrierMs: batches.reduce((sum, batch) => sum + batchMs(batch, slots), 0),
  };
}

function batchMs(lengths: readonly number[], slots: number): number {
  const free = Array.from({ length: Math.min(slots, lengths.length) }, () => 0);
  for (const length of lengths) {
    const first = free.indexOf(Math.min(...free));
    free[first] = (free[first] ?? 0) + length;
  }
  return Math.max(0, ...free);
}
