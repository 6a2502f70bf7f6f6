/** Which images are so old that they are made anew though nothing that they stand on has changed. */
import { shareOf } from '../../kernel/share.js';
import { type GraphNode, keyOf } from './node.js';

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
  period: number | null;
}

/** When each image is due; looks at all of them only when one may have become so. */
export class DueTimes {
  readonly #times = new Map<string, Time>();
  #next = Number.POSITIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;

  set(key: string, node: GraphNode, scheduleMs: number | null): void {
    const at = scheduleMs === null ? null : dueAt(node, scheduleMs);
    if (at === null || scheduleMs === null) this.#times.delete(key);
    else if (this.#times.get(key)?.at !== at) {
      this.#times.set(key, { at, scheduleMs, period: null });
      this.#next = Math.min(this.#next, at);
    }
  }

  /** Keys of what has become due since the last look, is so for another time, or is no more: the clock may have been set back. */
  look(now: number): readonly string[] {
    if (now < this.#next && now >= this.#lookedAt) return [];
    this.#lookedAt = now;
    this.#next = Number.POSITIVE_INFINITY;
    const changed: string[] = [];
    for (const [key, time] of this.#times) {
      const period = dueOf(time.at, time.scheduleMs, now)?.period ?? null;
      if (period !== time.period) changed.push(key);
      time.period = period;
      this.#next = Math.min(this.#next, time.at + (period === null ? 0 : period + 1) * time.scheduleMs);
    }
    return changed;
  }

  of(key: string, now: number): Due | null {
    const time = this.#times.get(key);
    return time === undefined ? null : dueOf(time.at, time.scheduleMs, now);
  }

  /** Milliseconds until another image is due; null when none will be. */
  waitMs(now: number): number | null {
    return this.#next === Number.POSITIVE_INFINITY ? null : Math.max(0, this.#next - now);
  }
}
