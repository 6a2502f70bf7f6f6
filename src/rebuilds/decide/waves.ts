/** Which waves are opened, what is asked for in them, and when they are over (design, section 7). */
import type { BuildRow, RowMessage, WaveRow } from '../../ledger/index.js';
import type { WaveClosedV1, WaveOpenedV1 } from '../../messages/index.js';
import type { WaveSettings } from '../settings.js';
import { type Graph, keyOf } from './graph.js';
import { inOrder, reachedFrom, together } from './order.js';
import { type Rebuild, rebuildOf } from './rebuild.js';
import {
  type Ask,
  cyclicIn,
  isOpenTo,
  isOver,
  type Members,
  membersOf,
  SETTLED,
  type Standing,
  type Stop,
  standingsOf,
  type WaveView,
} from './standing.js';

/** The time by both clocks, in milliseconds: those of messages are the wall clock's, which may have jumped since. */
export interface Now {
  readonly wall: number;
  readonly monotonic: number;
}

export type Opening = Pick<WaveOpenedV1, 'changes' | 'members' | 'cycles'> & {
  readonly wave: Pick<WaveOpenedV1['wave'], 'message' | 'rebuild'>;
};

export interface Closing {
  readonly wave: WaveRow;
  readonly results: WaveClosedV1['results'];
}

export interface WavePlan {
  /** Those first that most stands on. */
  readonly asks: readonly Ask[];
  readonly stops: readonly Stop[];
  readonly openings: readonly Opening[];
  readonly closings: readonly Closing[];
  /** Milliseconds until a wave may be opened without anything else happening; null when none waits for its time. */
  readonly waitMs: number | null;
  /** By id, the rebuilds that wait for a wave, with the monotonic milliseconds at which they were first seen: for the next look. */
  readonly seen: ReadonlyMap<string, number>;
}

/** What the members of a wave may take of the message that closes it, in bytes. */
const MAX_RESULT_BYTES = 900_000;
/** What a result takes there beside the names in it. */
const RESULT_BYTES = 130;
/** Parents that stopped a member of which a result names no more. */
const MAX_THROUGH = 3;
/** Open waves that a component may be a member of: the next waits, so that what is deep down gets its turn. */
const MAX_OVERLAPPING = 2;

/** All that there is to be done about waves. The same view gives the same plan, whoever looks. */
export function planWaves(
  view: WaveView,
  seen: ReadonlyMap<string, number>,
  now: Now,
  settings: WaveSettings,
): WavePlan {
  const members = membersOf(view.open);
  const standing = standingsOf(view, members);
  const waiting = waitingRebuilds(view, members);
  const since = new Map([...waiting.values()].map(({ id }) => [id, seen.get(id) ?? now.monotonic]));
  const openings: Opening[] = [];
  let waitMs: number | null = null;
  for (const group of groupsOf(view, waiting, members)) {
    const left = timeLeft(group.due, since, now, settings);
    if (left > 0) waitMs = Math.min(waitMs ?? left, left);
    else openings.push(openingOf(view, group));
  }
  return {
    asks: standing.asks.sort((a, b) => heightIn(view, b) - heightIn(view, a)),
    stops: standing.stops,
    openings,
    closings: view.open.flatMap((wave) => closingOf(view, wave, standing.of)),
    waitMs,
    seen: since,
  };
}

/** Rebuilds that no open wave will ask for, by the component's key. */
function waitingRebuilds(view: WaveView, members: Members): ReadonlyMap<string, Rebuild> {
  const waiting = new Map<string, Rebuild>();
  const cyclic = cyclicIn(view.graph);
  for (const [key, node] of view.graph.nodes) {
    if (cyclic.has(key) || view.isOut(node)) continue;
    const rebuild = rebuildOf(node);
    if (rebuild === null || view.build(rebuild.id) !== null) continue;
    const willBe = (members.get(key) ?? []).some((wave) => isOpenTo(view, wave, key));
    if (!willBe) waiting.set(key, rebuild);
  }
  return waiting;
}

/** What hangs together, and would be one wave. */
interface Group {
  /** Parents first. */
  readonly members: readonly string[];
  readonly rebuilds: readonly Rebuild[];
  /** Those of them whose component is not being built just now. */
  readonly due: readonly Rebuild[];
}

function groupsOf(view: WaveView, waiting: ReadonlyMap<string, Rebuild>, open: Members): readonly Group[] {
  const { graph } = view;
  const cyclic = cyclicIn(graph);
  const isMember = (key: string): boolean => {
    const node = graph.nodes.get(key);
    return node !== undefined && !cyclic.has(key) && !view.isOut(node);
  };
  const reached = reachedFrom(waiting.keys(), graph.dependents, isMember);
  // What stands on one image that has changed is one wave, though that image is no member.
  const changed = [...waiting.values()]
    .flatMap((rebuild) => rebuild.changed.flatMap(({ from }) => from ?? []))
    .map(keyOf);
  return together(new Set([...reached, ...changed]), graph.parents).flatMap((linked) => {
    const keys = linked.filter((key) => reached.has(key));
    const rebuilds = keys.flatMap((key) => waiting.get(key) ?? []);
    const due = rebuilds.filter(({ basis }) => !view.isBusy(keyOf(basis)));
    const isFull = keys.some((key) => (open.get(key)?.length ?? 0) >= MAX_OVERLAPPING);
    return due.length === 0 || isFull ? [] : [{ members: inOrder(keys, graph.parents), rebuilds, due }];
  });
}

/** Milliseconds until a group may be opened; changes that come meanwhile join it, until the deadline. */
function timeLeft(
  due: readonly Rebuild[],
  since: ReadonlyMap<string, number>,
  now: Now,
  { quietMs, deadlineMs }: WaveSettings,
): number {
  const waited = due.map(({ id, moment }) =>
    Math.max(now.wall - Date.parse(moment.storedAt), now.monotonic - (since.get(id) ?? now.monotonic)),
  );
  return Math.max(0, Math.min(quietMs - Math.min(...waited), deadlineMs - Math.max(...waited)));
}

function openingOf({ graph }: WaveView, group: Group): Opening {
  const members = asManyAsFit(group.members);
  const taken = new Set(members);
  const rebuilds = group.rebuilds.filter(({ basis }) => taken.has(keyOf(basis)));
  const [first] = [...rebuilds].sort((a, b) => a.moment.seq - b.moment.seq || (a.id < b.id ? -1 : 1));
  const changes = new Map<string, Opening['changes'][number]>();
  for (const { changed } of rebuilds) {
    for (const { now } of changed) {
      if (!now?.image) continue;
      const { component, target, id, nvr, image } = now;
      const message = lastMessage(now);
      if (message !== null) changes.set(id, { component, target, build: id, nvr, digest: image.digest, message });
    }
  }
  const touched = graph.cycles.filter((cycle) =>
    cycle.some((key) => (graph.parents.get(key) ?? []).some((parent) => taken.has(parent))),
  );
  return {
    wave: { message: first?.moment.id ?? '', rebuild: first?.id ?? '' },
    changes: [...changes.values()],
    members,
    cycles: touched.map((cycle) => [...cycle]),
  };
}

function lastMessage({ messages }: { readonly messages: readonly RowMessage[] }): string | null {
  return messages.findLast(({ topic }) => topic.endsWith('.build.completed'))?.id ?? null;
}

/** The rest is another wave's. */
function asManyAsFit(members: readonly string[]): string[] {
  let bytes = 0;
  const end = members.findIndex((key) => {
    bytes += RESULT_BYTES + (1 + MAX_THROUGH) * key.length;
    return bytes > MAX_RESULT_BYTES;
  });
  return members.slice(0, end === -1 ? members.length : end);
}

/** The end of a wave whose every member has come to one; nothing before. */
function closingOf(view: WaveView, wave: WaveRow, standings: ReadonlyMap<string, Standing>): readonly Closing[] {
  const results: Closing['results'] = [];
  for (const member of wave.members) {
    const asked = view.askedIn(wave.id, member);
    const standing = standings.get(member) ?? SETTLED;
    if (asked !== null ? !isOver(asked) : standing.kind === 'pending') return [];
    const through = standing.kind === 'stopped' ? standing.through.slice(0, MAX_THROUGH) : [];
    results.push({ member, outcome: outcomeOf(asked, standing), build: asked?.id ?? null, through });
  }
  return [{ wave, results }];
}

function outcomeOf(asked: Pick<BuildRow, 'state'> | null, standing: Standing): Closing['results'][number]['outcome'] {
  if (asked === null) return standing.kind === 'stopped' ? 'stopped' : 'unchanged';
  if (asked.state === 'skipped') return 'stopped';
  return asked.state === 'failed' || asked.state === 'canceled' ? asked.state : 'completed';
}

const heights = new WeakMap<Graph, Map<string, number>>();

/** Number of rebuilds that come one after the other on top of one. */
function heightIn({ graph }: WaveView, { rebuild }: Ask): number {
  let known = heights.get(graph);
  if (known === undefined) {
    known = new Map();
    for (const key of inOrder(graph.nodes.keys(), graph.parents).reverse()) {
      const above = (graph.dependents.get(key) ?? []).map((one) => known?.get(one) ?? 0);
      known.set(key, 1 + above.reduce((most, one) => Math.max(most, one), 0));
    }
    heights.set(graph, known);
  }
  return known.get(keyOf(rebuild.basis)) ?? 0;
}
