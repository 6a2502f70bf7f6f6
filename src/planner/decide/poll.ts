/** Which images that are not ours are asked for now: of each as often as the settings have it, of each registry no more than it is given. */
import { shareOf } from '../../kernel/share.js';

/** How often, in milliseconds, and how many requests a minute and registry. */
export interface PollSettings {
  readonly pollMs: number;
  readonly pollsPerMinute: number;
}

/** A name and the registry that is asked for it. */
export interface Watched {
  readonly name: string;
  readonly registry: string;
}

/** What was done so far; times by the monotonic clock, in milliseconds. */
export interface Polled {
  /** When each name was asked for last. */
  readonly asked: ReadonlyMap<string, number>;
  /** When requests were sent to each registry, the oldest first; those of the last minute count. */
  readonly spent: ReadonlyMap<string, readonly number[]>;
  /** Until when each registry is left in peace. */
  readonly rests: ReadonlyMap<string, number>;
}

export interface Polls {
  /** The longest overdue first. */
  readonly ask: readonly Watched[];
  /** Milliseconds until there may be more; null when nothing is watched. */
  readonly waitMs: number | null;
}

const MINUTE_MS = 60_000;
/** How far from the interval the time between two questions may be; each name has its own. */
const JITTER = 0.1;

/** `now`: of the monotonic clock. A name that was never asked for is due at once. */
export function pollsNow(
  watched: readonly Watched[],
  { asked, spent, rests }: Polled,
  now: number,
  { pollMs, pollsPerMinute }: PollSettings,
): Polls {
  const dueAt = ({ name }: Watched): number => {
    const last = asked.get(name);
    return last === undefined ? Number.NEGATIVE_INFINITY : last + pollMs * (1 + JITTER * (2 * shareOf(name) - 1));
  };
  const rooms = new Map<string, Room>();
  const ask: Watched[] = [];
  let nextAt = Number.POSITIVE_INFINITY;
  const inTurn = watched
    .map((one) => ({ one, at: dueAt(one), share: shareOf(one.name) }))
    .sort((a, b) => (a.at === b.at ? a.share - b.share : a.at - b.at));
  for (const { one, at } of inTurn) {
    const restsUntil = rests.get(one.registry) ?? 0;
    const room = rooms.get(one.registry) ?? roomOf(spent.get(one.registry) ?? [], now, pollsPerMinute);
    rooms.set(one.registry, room);
    const earliest = Math.max(at, restsUntil, room.free > 0 ? now : room.againAt);
    if (earliest <= now) {
      ask.push(one);
      room.free -= 1;
    } else nextAt = Math.min(nextAt, Math.max(earliest, now));
  }
  const waits = watched.length > 0 && nextAt < Number.POSITIVE_INFINITY;
  return { ask, waitMs: waits ? nextAt - now : null };
}

interface Room {
  /** Requests that a registry may still be sent. */
  free: number;
  /** When it may be sent one more: the oldest is a minute old then. */
  readonly againAt: number;
}

function roomOf(spent: readonly number[], now: number, pollsPerMinute: number): Room {
  const times = spent.filter((time) => time > now - MINUTE_MS);
  return { free: Math.max(0, pollsPerMinute - times.length), againAt: (times[0] ?? now) + MINUTE_MS };
}

/** Milliseconds for which a registry is left in peace that could not be asked for the `times`th time in a row. */
export function restMs(times: number, asksFor: number, { pollMs }: Pick<PollSettings, 'pollMs'>): number {
  const grown = MINUTE_MS * 2 ** Math.min(times - 1, 10);
  return Math.max(asksFor, Math.min(grown, Math.max(pollMs, MINUTE_MS)));
}
