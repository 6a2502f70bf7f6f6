/** Which builds nobody works on any more, and what is done about them (design, section 6, "Sweeper"). */
import type { BuildRow } from '../../ledger/index.js';
import type { PlannerSettings } from '../settings.js';

/** One build that has not ended, and what the bus says of it now. */
export interface Observation {
  readonly row: BuildRow;
  /** True when nobody holds the build's claim. */
  readonly free: boolean;
  /** True when no request waits in any lane. */
  readonly lanesEmpty: boolean;
}

/** A build that was seen abandoned, and since when without a break. */
export interface Suspect {
  /** What it was suspected as: any change of the build begins anew. */
  readonly as: string;
  /** Monotonic milliseconds of the first look. */
  readonly since: number;
}

/** All that is remembered from look to look. */
export interface Memory {
  /** The connection's term that it was seen in. */
  readonly term: number;
  /** By build id. */
  readonly suspects: ReadonlyMap<string, Suspect>;
}

export const NOTHING_SEEN: Memory = { term: -1, suspects: new Map() };

export interface Look {
  readonly observations: readonly Observation[];
  readonly term: number;
  /** Monotonic milliseconds. */
  readonly now: number;
}

export interface Seen {
  readonly memory: Memory;
  /** Builds that were abandoned over the whole grace time: to be looked at once more after catching up. */
  readonly due: readonly BuildRow[];
}

/** Compares a look with what is remembered of those before. A broken connection forgets everything: it may hide a claim. */
export function look({ term, suspects }: Memory, now: Look, { graceMs }: Pick<PlannerSettings, 'graceMs'>): Seen {
  const known: ReadonlyMap<string, Suspect> = term === now.term ? suspects : new Map();
  const next = new Map<string, Suspect>();
  const due: BuildRow[] = [];
  for (const observation of now.observations) {
    if (!isAbandoned(observation)) continue;
    const { row } = observation;
    const as = suspectedAs(row);
    const before = known.get(row.id);
    const suspect = before?.as === as ? before : { as, since: now.now };
    next.set(row.id, suspect);
    if (now.now - suspect.since >= graceMs) due.push(row);
  }
  return { memory: { term: now.term, suspects: next }, due };
}

/** A begun build is abandoned when its claim is free; one that was only asked for, when no lane holds its request. */
export function isAbandoned({ row, free, lanesEmpty }: Observation): boolean {
  if (row.ended || !free) return false;
  return row.state === 'started' || (row.state === 'requested' && lanesEmpty);
}

/** Whether two looks saw the build in the same place. */
export function suspectedAs({ state, attempt, startedAttempt }: BuildRow): string {
  return `${state} ${attempt} ${startedAttempt}`;
}

/** What is done about an abandoned build. */
export type Remedy =
  /** The next attempt: a new message. */
  | { readonly kind: 'ask'; readonly attempt: number }
  /** The same attempt once more: the same message, delivered again. */
  | { readonly kind: 'ask_again'; readonly attempt: number }
  | { readonly kind: 'give_up'; readonly attempt: number; readonly message: string }
  | { readonly kind: 'wait' };

/** When a build that was never begun was last asked for again, and how often. */
export interface Asked {
  readonly times: number;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** The time by both clocks, in milliseconds: the row's times are the wall clock's, which may have jumped since. */
export interface Now {
  readonly wall: number;
  readonly monotonic: number;
}

/** `since`: monotonic milliseconds of the first look that saw the build as it is. */
export function remedy(
  row: BuildRow,
  asked: Asked | null,
  since: number,
  now: Now,
  settings: Pick<PlannerSettings, 'maxAttempts' | 'unbegunMs' | 'unbegunMaxMs'>,
): Remedy {
  if (row.ended) return { kind: 'wait' };
  if (row.state === 'started') {
    if (row.attempt < settings.maxAttempts) return { kind: 'ask', attempt: row.attempt + 1 };
    const message = `The build was begun ${row.attempt} times, and each time its process ended before the build did.`;
    return { kind: 'give_up', attempt: row.attempt, message };
  }
  if (row.state !== 'requested') return { kind: 'wait' };
  const patience = Math.min(settings.unbegunMs * 2 ** (asked?.times ?? 0), settings.unbegunMaxMs);
  // At least as long as it was seen to wait; longer when that began before this planner.
  const waited =
    asked === null ? Math.max(now.wall - lastRequest(row), now.monotonic - since) : now.monotonic - asked.at;
  return waited >= patience ? { kind: 'ask_again', attempt: row.attempt } : { kind: 'wait' };
}

/** When the newest request was stored, in milliseconds: an earlier attempt's says nothing of this one. */
function lastRequest(row: BuildRow): number {
  const times = row.messages
    .filter(({ topic }) => /\.container\.build\.requested(\.cascade)?$/.test(topic))
    .map(({ storedAt }) => Date.parse(storedAt));
  return Math.max(0, ...times);
}
