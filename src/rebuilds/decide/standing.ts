/** How the members of open waves stand: who waits, who is ready, who can't be built (design, section 7). */
import type { BuildRow, Stream, WaveRow } from '../../ledger/index.js';
import type { Graph } from './graph.js';
import type { Rebuild } from './rebuild.js';

/** What is known when it is decided. Keys are `keyOf`'s. */
export interface WaveView {
  readonly graph: Graph;
  /** Open waves, the oldest first. */
  readonly open: readonly WaveRow[];
  /** True for what is never rebuilt: of a closed target, retired. */
  readonly isOut: (stream: Stream) => boolean;
  /** True while an official build of a component is asked for or begun. */
  readonly isBusy: (key: string) => boolean;
  readonly build: (id: string) => Pick<BuildRow, 'state' | 'ended'> | null;
  /** What was asked for in a wave of a member; null when nothing was. */
  readonly askedIn: (wave: string, key: string) => Pick<BuildRow, 'id' | 'state' | 'ended'> | null;
  /** True for a wave that was opened, whatever became of it. */
  readonly isKnown: (wave: string) => boolean;
  /** Milliseconds after which an image of a target is made anew though nothing has changed; null: never. */
  readonly scheduleMs: (target: string) => number | null;
}

/** A rebuild that a wave asks for. */
export interface Ask {
  readonly wave: WaveRow;
  readonly rebuild: Rebuild;
}

/** A rebuild that is not asked for, as these parents of it failed or were stopped themselves. */
export interface Stop extends Ask {
  readonly through: readonly string[];
}

/** How a member stands: it waits or is built, nothing more is to be done, or it can't be built. */
export type Standing =
  | { readonly kind: 'pending' }
  | { readonly kind: 'settled' }
  | { readonly kind: 'stopped'; readonly through: readonly string[] };

const PENDING: Standing = { kind: 'pending' };
export const SETTLED: Standing = { kind: 'settled' };
/** By itself: no parent is to blame. */
const STOPPED: Standing = { kind: 'stopped', through: [] };

export interface Decided {
  readonly standing: Standing;
  readonly ask: Ask | null;
  readonly stop: Stop | null;
}

/** What is known of one member. */
export interface Member {
  readonly key: string;
  /** Its open waves, the oldest first. */
  readonly waves: readonly WaveRow[];
  /** What it would be rebuilt on; null when there is no reason. */
  readonly rebuild: Rebuild | null;
  /** What became of that; null when it was never asked for. */
  readonly known: Pick<BuildRow, 'state' | 'ended'> | null;
  /** Those that it stands on each other with, where no order is right. */
  readonly cycle: readonly string[] | null;
}

/** `parentIs`: how a parent stands that is a member of an open wave; null when it is none. Who has none that is pending is ready. */
export function decideMember(
  view: WaveView,
  { key, waves, rebuild, known, cycle }: Member,
  parentIs: (key: string) => Standing | null,
): Decided {
  const only = (standing: Standing): Decided => ({ standing, ask: null, stop: null });
  const node = view.graph.nodes.get(key);
  if (node === undefined || view.isOut(node)) return only(SETTLED);
  if (cycle !== null) return only({ kind: 'stopped', through: cycle });
  if (view.isBusy(key)) return only(PENDING);
  const parents = view.graph.parents.get(key) ?? [];
  if (parents.some((parent) => parentIs(parent)?.kind === 'pending')) return only(PENDING);
  const through = parents.filter((parent) => parentIs(parent)?.kind === 'stopped');
  if (rebuild === null) return only(through.length > 0 ? { kind: 'stopped', through } : SETTLED);
  if (known !== null) {
    // What became of it before these waves is none of their affair.
    const isTheirs = waves.some(({ id }) => view.askedIn(id, key)?.id === rebuild.id);
    if (known.state === 'requested' || known.state === 'started') return only(PENDING);
    return only(isTheirs && isFailure(known) ? { kind: 'stopped', through } : SETTLED);
  }
  // Once a wave: what changes after that is the next one's.
  const wave = waves.find((one) => isOpenTo(view, one, key));
  if (wave === undefined) return only(waves.some(({ id }) => hasFailed(view.askedIn(id, key))) ? STOPPED : SETTLED);
  if (through.length > 0)
    return { standing: { kind: 'stopped', through }, ask: null, stop: { wave, rebuild, through } };
  return { standing: PENDING, ask: { wave, rebuild }, stop: null };
}

/**
 * Whether a wave may still ask for a member: once a wave, and not after what stands on it. What changes below a member
 * whose dependents the wave has asked for already is the next wave's, which asks for both in their order.
 */
export function isOpenTo({ graph, askedIn }: WaveView, wave: WaveRow, key: string): boolean {
  if (askedIn(wave.id, key) !== null) return false;
  return (graph.dependents.get(key) ?? []).every((above) => above === key || askedIn(wave.id, above) === null);
}

function hasFailed(asked: Pick<BuildRow, 'state' | 'ended'> | null): boolean {
  return asked !== null && isFailure(asked);
}

/** Not what is superseded: another build has taken its place. */
function isFailure({ state, ended }: Pick<BuildRow, 'state' | 'ended'>): boolean {
  return state === 'failed' || state === 'skipped' || (state === 'canceled' && ended);
}

export function isOver({ state, ended }: Pick<BuildRow, 'state' | 'ended'>): boolean {
  return ended || state === 'skipped' || state === 'canceled';
}
