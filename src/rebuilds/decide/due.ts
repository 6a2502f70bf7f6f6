/** Which images are so old that they are made anew though nothing that they stand on has changed. */
import { shareOf } from '../../kernel/share.js';
import { type GraphNode, keyOf } from './node.js';

/** The time by both clocks, in milliseconds: those of messages are the wall clock's, which may have jumped since. */
export interface Now {
  readonly wall: number;
  readonly monotonic: number;
}

/** An image's age, in schedules of its target. */
export interface Due {
  /** ISO time since which it is due. */
  readonly since: string;
  /** How many schedules have passed since it was due first: in each it is tried once. */
  readonly period: number;
}

/** The share of a schedule over which the images of one moment are spread. */
const SPREAD = 0.1;

/** Milliseconds since the epoch at which an image is due for the first time; null for none, or one whose end has no time. */
export function dueAt(node: GraphNode, scheduleMs: number): number | null {
  const ended = Date.parse(node.image?.endedAt ?? '');
  return Number.isNaN(ended) ? null : ended + scheduleMs * (1 + SPREAD * shareOf(keyOf(node)));
}

/** Null while it is not due. `now`: milliseconds since the epoch. */
export function dueOf(firstAt: number, scheduleMs: number, now: number): Due | null {
  const period = Math.floor((now - firstAt) / scheduleMs);
  return period < 0 ? null : { since: new Date(firstAt + period * scheduleMs).toISOString(), period };
}

interface Time {
  readonly at: number;
  readonly scheduleMs: number;
  /**
   * Until when it is young whatever the wall clock says, by the monotonic clock: it was made anew for its age just now. The bus
   * stores the ends of builds by its own clock; by ours, if that is far ahead of it, each new image would be too old at once.
   */
  readonly restsUntil: number;
  period: number | null;
}

function dueAsOf({ at, scheduleMs, restsUntil }: Time, { wall, monotonic }: Now): Due | null {
  return monotonic < restsUntil ? null : dueOf(at, scheduleMs, wall);
}

/** When each image is due; looks at all of them only when one may have become so. */
export class DueTimes {
  readonly #times = new Map<string, Time>();
  #next = Number.POSITIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;

  set(key: string, node: GraphNode, scheduleMs: number | null, now: Now): void {
    const at = scheduleMs === null ? null : dueAt(node, scheduleMs);
    const before = this.#times.get(key) ?? null;
    if (at === null || scheduleMs === null) this.#times.delete(key);
    else if (before?.at !== at) {
      const wasDue = before !== null && before.period !== null;
      const restsUntil = wasDue ? now.monotonic + scheduleMs : (before?.restsUntil ?? Number.NEGATIVE_INFINITY);
      this.#times.set(key, { at, scheduleMs, restsUntil, period: null });
      this.#next = Math.min(this.#next, at);
    }
  }

  /** Keys of what has become due since the last look, is so for another time, or is no more: the clock may have been set back. */
  look(now: Now): readonly string[] {
    if (now.wall < this.#next && now.wall >= this.#lookedAt) return [];
    this.#lookedAt = now.wall;
    this.#next = Number.POSITIVE_INFINITY;
    const changed: string[] = [];
    for (const [key, time] of this.#times) {
      const period = dueAsOf(time, now)?.period ?? null;
      if (period !== time.period) changed.push(key);
      time.period = period;
      const dueAgain = time.at + (period === null ? 0 : period + 1) * time.scheduleMs;
      this.#next = Math.min(this.#next, Math.max(dueAgain, now.wall + time.restsUntil - now.monotonic));
    }
    return changed;
  }

  of(key: string, now: Now): Due | null {
    const time = this.#times.get(key);
    return time === undefined ? null : dueAsOf(time, now);
  }

  /** Milliseconds until another image is due; null when none will be. */
  waitMs(now: number): number | null {
    return this.#next === Number.POSITIVE_INFINITY ? null : Math.max(0, this.#next - now);
  }
}
