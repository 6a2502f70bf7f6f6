/** How the members of open waves stand: who waits, who is ready, who can't be built (design, section 7). */
import type { BuildRow, Stream, WaveRow } from '../../ledger/index.js';
import type { Graph } from './graph.js';
import { inOrder } from './order.js';
import { type Rebuild, rebuildOf } from './rebuild.js';

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

/** The open waves of each member, the oldest first. */
export type Members = ReadonlyMap<string, readonly WaveRow[]>;

export function membersOf(open: readonly WaveRow[]): Members {
  const members = new Map<string, WaveRow[]>();
  for (const wave of open) {
    for (const key of wave.members) {
      const known = members.get(key);
      if (known === undefined) members.set(key, [wave]);
      else known.push(wave);
    }
  }
  return members;
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

export interface Standings {
  readonly of: ReadonlyMap<string, Standing>;
  readonly asks: Ask[];
  readonly stops: Stop[];
}

/** Of all members, parents first: who has no parent that is still pending is ready. */
export function standingsOf(view: WaveView, members: Members): Standings {
  const { graph } = view;
  const of = new Map<string, Standing>();
  const [asks, stops]: [Ask[], Stop[]] = [[], []];
  const cyclic = cyclicIn(graph);
  const decide = (key: string): Standing => {
    const node = graph.nodes.get(key);
    if (node === undefined || view.isOut(node)) return SETTLED;
    const cycle = cyclic.get(key);
    if (cycle !== undefined) return { kind: 'stopped', through: cycle };
    if (view.isBusy(key)) return PENDING;
    const parents = (graph.parents.get(key) ?? []).filter((parent) => members.has(parent));
    if (parents.some((parent) => of.get(parent)?.kind === 'pending')) return PENDING;
    const through = parents.filter((parent) => of.get(parent)?.kind === 'stopped');
    const rebuild = rebuildOf(node);
    if (rebuild === null) return through.length > 0 ? { kind: 'stopped', through } : SETTLED;
    const waves = members.get(key) ?? [];
    const known = view.build(rebuild.id);
    if (known !== null) {
      // What became of it before these waves is none of their affair.
      const isTheirs = waves.some(({ id }) => view.askedIn(id, key)?.id === rebuild.id);
      if (known.state === 'requested' || known.state === 'started') return PENDING;
      return isTheirs && known.state !== 'completed' ? { kind: 'stopped', through } : SETTLED;
    }
    // Once a wave: what changes after that is the next one's.
    const wave = waves.find((one) => isOpenTo(view, one, key));
    if (wave === undefined) return waves.some(({ id }) => hasFailed(view.askedIn(id, key))) ? STOPPED : SETTLED;
    if (through.length > 0) {
      stops.push({ wave, rebuild, through });
      return { kind: 'stopped', through };
    }
    asks.push({ wave, rebuild });
    return PENDING;
  };
  for (const key of inOrder(members.keys(), graph.parents)) of.set(key, decide(key));
  return { of, asks, stops };
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
  return asked !== null && isOver(asked) && asked.state !== 'completed';
}

export function isOver({ state, ended }: Pick<BuildRow, 'state' | 'ended'>): boolean {
  return ended || state === 'skipped' || state === 'canceled';
}

/** Of each component that stands on itself, all that do so with it. */
export function cyclicIn({ cycles }: Graph): ReadonlyMap<string, readonly string[]> {
  return new Map(cycles.flatMap((cycle) => cycle.map((key) => [key, cycle] as const)));
}
