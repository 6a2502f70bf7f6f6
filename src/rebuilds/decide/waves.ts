/** Which waves are opened, what is asked for in them, and when they are over (design, section 7). */
import type { BuildRow, WaveRow } from '../../ledger/index.js';
import type { WaveClosedV1 } from '../../messages/index.js';
import type { WaveSettings } from '../settings.js';
import { DueTimes, type Now } from './due.js';
import { keyOf } from './node.js';
import { type Group, groupsOf, MAX_THROUGH, type Opening, openingsOf } from './opening.js';
import { type Rebuild, rebuildOf } from './rebuild.js';
import {
  type Ask,
  decideMember,
  isOpenTo,
  isOver,
  SETTLED,
  type Standing,
  type Stop,
  type WaveView,
} from './standing.js';

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
  /** Milliseconds until there may be more to do without anything else happening; null when nothing waits for its time. */
  readonly waitMs: number | null;
}

interface OpenWave {
  readonly wave: WaveRow;
  /** Members that have not come to an end. */
  readonly left: Set<string>;
}

const NO_WAVES: readonly WaveRow[] = [];

/**
 * All that there is to be done about waves. It keeps what it has worked out and looks again only at what has changed and
 * what follows from that; a new one that is given everything comes to the same plan, whoever looks.
 */
export class WavePlanner {
  readonly #settings: WaveSettings;
  readonly #open = new Map<string, OpenWave>();
  /** The open waves of each member, the oldest first. */
  readonly #members = new Map<string, readonly WaveRow[]>();
  readonly #standings = new Map<string, Standing>();
  readonly #asks = new Map<string, Ask>();
  readonly #stops = new Map<string, Stop>();
  /** Rebuilds that no open wave will ask for, and since when by the monotonic clock. */
  readonly #waiting = new Map<string, Rebuild>();
  readonly #since = new Map<string, number>();
  readonly #due = new DueTimes();
  #cycles: WaveView['graph']['cycles'] = [];
  #cyclic: ReadonlyMap<string, readonly string[]> = new Map();
  #groups: readonly Group[] | null = null;

  constructor(settings: WaveSettings) {
    this.#settings = settings;
  }

  /** `changed`: keys of all whose node or builds are others than at the last call; at the first, all keys. */
  plan(view: WaveView, changed: Iterable<string>, now: Now): WavePlan {
    const dirty = new Set<string>(this.#followWaves(view.open));
    for (const key of this.#followCycles(view.graph.cycles)) dirty.add(key);
    for (const key of changed) {
      dirty.add(key);
      const node = view.graph.nodes.get(key);
      if (node !== undefined) this.#due.set(key, node, view.isOut(node) ? null : view.scheduleMs(node.target), now);
      // What was asked for of one closes a wave to those below it.
      for (const parent of view.graph.parents.get(key) ?? []) dirty.add(parent);
    }
    for (const key of this.#due.look(now)) dirty.add(key);
    this.#decide(view, dirty, now);
    const openings: Opening[] = [];
    let waitMs = this.#due.waitMs(now.wall);
    this.#groups ??= groupsOf(view, this.#waiting, this.#cyclic, (key) => this.#wavesOf(key).length);
    for (const group of this.#groups) {
      const left = this.#timeLeft(group.due, now);
      if (left > 0) waitMs = Math.min(waitMs ?? left, left);
      // The upper parts first: who dies in between leaves no lower part whose rest would come piece by piece.
      else openings.push(...openingsOf(view, group, this.#settings.resultBytes).toReversed());
    }
    const height = ({ rebuild }: Ask): number => view.graph.heightOf(keyOf(rebuild.basis));
    return {
      asks: this.#ready(view).sort((a, b) => height(b) - height(a) || (a.rebuild.id < b.rebuild.id ? -1 : 1)),
      stops: [...this.#stops.values()],
      openings,
      closings: [...this.#open.values()]
        .filter((one) => this.#isOver(one))
        .map(({ wave }) => this.#closing(view, wave)),
      waitMs,
    };
  }

  /** Not whose parent will be a member of a wave that is about to be opened: it would be built once more after that. */
  #ready({ graph }: WaveView): Ask[] {
    const asks = [...this.#asks.values()];
    if (asks.length === 0 || this.#groups === null || this.#groups.length === 0) return asks;
    const soon = new Set(this.#groups.flatMap(({ members }) => members));
    return asks.filter(({ rebuild: { basis } }) => !graph.parents.get(keyOf(basis))?.some((key) => soon.has(key)));
  }

  #wavesOf(key: string): readonly WaveRow[] {
    return this.#members.get(key) ?? NO_WAVES;
  }

  /** Gives the members of waves that were opened or closed since. */
  #followWaves(open: readonly WaveRow[]): readonly string[] {
    const ids = new Set(open.map(({ id }) => id));
    const moved: WaveRow[] = [];
    for (const [id, { wave }] of this.#open) {
      if (ids.has(id)) continue;
      this.#open.delete(id);
      moved.push(wave);
      for (const key of wave.members) {
        const left = this.#wavesOf(key).filter((one) => one.id !== id);
        if (left.length > 0) this.#members.set(key, left);
        else this.#members.delete(key);
      }
    }
    for (const wave of open) {
      if (this.#open.has(wave.id)) continue;
      this.#open.set(wave.id, { wave, left: new Set(wave.members) });
      moved.push(wave);
      for (const key of wave.members) this.#members.set(key, [...this.#wavesOf(key), wave]);
    }
    if (moved.length > 0) this.#groups = null;
    return moved.flatMap(({ members }) => members);
  }

  /** Gives the keys of those that stand on themselves, or did so. */
  #followCycles(cycles: WaveView['graph']['cycles']): readonly string[] {
    if (cycles === this.#cycles) return [];
    const before = this.#cyclic;
    this.#cycles = cycles;
    this.#cyclic = new Map(cycles.flatMap((cycle) => cycle.map((key) => [key, cycle] as const)));
    this.#groups = null;
    return [...before.keys(), ...this.#cyclic.keys()];
  }

  /** Parents before what stands on them; what follows from a parent that stands otherwise now comes in the next round. */
  #decide(view: WaveView, dirty: ReadonlySet<string>, now: Now): void {
    const { graph } = view;
    for (let round = dirty; round.size > 0; ) {
      const next = new Set<string>();
      const left = new Set(round);
      const ordered = [...round].map((key) => [graph.rankOf(key), key] as const).sort(([a], [b]) => a - b);
      for (const [, key] of ordered) {
        left.delete(key);
        if (!this.#decideOne(view, key, now)) continue;
        for (const above of graph.dependents.get(key) ?? [])
          if (this.#members.has(above) && above !== key && !left.has(above)) next.add(above);
      }
      round = next;
    }
  }

  /** True when what stands on it has to be looked at again. */
  #decideOne(view: WaveView, key: string, now: Now): boolean {
    const node = view.graph.nodes.get(key);
    const cycle = this.#cyclic.get(key) ?? null;
    const isIn = node !== undefined && cycle === null && !view.isOut(node);
    const rebuild = isIn ? rebuildOf(node, this.#due.of(key, now)) : null;
    const waves = this.#wavesOf(key);
    const known = rebuild === null ? null : view.build(rebuild.id);
    const isNew = known === null && !waves.some((wave) => isOpenTo(view, wave, key));
    this.#noteWaiting(key, isNew ? rebuild : null, now);
    const before = this.#standings.get(key) ?? null;
    this.#asks.delete(key);
    this.#stops.delete(key);
    if (waves.length === 0) return this.#standings.delete(key);
    const parentIs = (parent: string): Standing | null => this.#standings.get(parent) ?? null;
    const { standing, ask, stop } = decideMember(view, { key, waves, rebuild, known, cycle }, parentIs);
    this.#standings.set(key, standing);
    if (ask !== null) this.#asks.set(key, ask);
    if (stop !== null) this.#stops.set(key, stop);
    for (const { id } of waves) {
      const asked = view.askedIn(id, key);
      // What is stopped has to be read back first: the end of the wave names its build.
      const isLeft = asked !== null ? !isOver(asked) : standing.kind === 'pending' || stop?.wave.id === id;
      if (isLeft) this.#open.get(id)?.left.add(key);
      else this.#open.get(id)?.left.delete(key);
    }
    return before?.kind !== standing.kind;
  }

  #noteWaiting(key: string, rebuild: Rebuild | null, now: Now): void {
    const before = this.#waiting.get(key);
    if (before === undefined && rebuild === null) return;
    this.#groups = null;
    if (before?.id !== rebuild?.id) this.#since.delete(key);
    if (rebuild === null) this.#waiting.delete(key);
    else {
      this.#waiting.set(key, rebuild);
      if (!this.#since.has(key)) this.#since.set(key, now.monotonic);
    }
  }

  /** Milliseconds until a group may be opened; changes that come meanwhile join it, until the deadline. */
  #timeLeft(due: readonly Rebuild[], now: Now): number {
    const { quietMs, deadlineMs } = this.#settings;
    let [shortest, longest] = [Number.POSITIVE_INFINITY, 0];
    for (const { basis, moment } of due) {
      const seen = now.monotonic - (this.#since.get(keyOf(basis)) ?? now.monotonic);
      const waited = Math.max(now.wall - Date.parse(moment.storedAt), seen);
      shortest = Math.min(shortest, waited);
      longest = Math.max(longest, waited);
    }
    return Math.max(0, Math.min(quietMs - shortest, deadlineMs - longest));
  }

  /** A part of what hangs together is not over before the part that follows on it. */
  #isOver(first: OpenWave): boolean {
    const parts = new Set([first]);
    for (const { wave, left } of parts) {
      if (left.size > 0) return false;
      for (const one of this.#open.values()) if (one.wave.message === wave.openedBy) parts.add(one);
    }
    return true;
  }

  /** The end of a wave whose every member has come to one. */
  #closing(view: WaveView, wave: WaveRow): Closing {
    const results = wave.members.map((member) => {
      const asked = view.askedIn(wave.id, member);
      const standing = this.#standings.get(member) ?? SETTLED;
      const through = standing.kind === 'stopped' ? standing.through.slice(0, MAX_THROUGH) : [];
      return { member, outcome: outcomeOf(asked, standing), build: asked?.id ?? null, through };
    });
    return { wave, results };
  }
}

function outcomeOf(asked: Pick<BuildRow, 'state'> | null, standing: Standing): Closing['results'][number]['outcome'] {
  if (asked === null) return standing.kind === 'stopped' ? 'stopped' : 'unchanged';
  if (asked.state === 'skipped') return 'stopped';
  return asked.state === 'failed' || asked.state === 'canceled' ? asked.state : 'completed';
}
