import type { BuildRow, Ledger, Stream, WaveRow } from '../ledger/index.js';
import { type Graph, LiveGraph } from './decide/graph.js';
import { endSeq, type GraphNode, keyOf, type Sighting, type Sightings } from './decide/node.js';
import type { WaveView } from './decide/standing.js';
import { readBuilds } from './read-graph.js';

/** Builds that one question to the ledger gets; there are never so many. */
const ALL = 1_000_000;
/** Builds of a component that are looked at for what its last rebuild was to stand on. */
const LAST_BUILDS = 5;

export interface PictureOptions {
  /** True for what is never rebuilt: of a closed target, retired. */
  readonly isOut: (stream: Stream) => boolean;
  /** As `WaveView` has it. */
  readonly scheduleMs: (target: string) => number | null;
}

/** What is known, and the keys of all that is otherwise than at the look before. */
export interface Seen {
  readonly view: WaveView;
  readonly changed: ReadonlySet<string>;
}

/** What stands on a name that no build of ours makes. */
export interface Outside {
  /** Digests that it stands on. */
  readonly digests: ReadonlySet<string>;
  /** What it was built for, as `linux/amd64`. */
  readonly platforms: ReadonlySet<string>;
}

/** What the planner knows of builds and waves, kept true by what the ledger says of changes: a look costs no more than those. */
export class Picture {
  readonly #ledger: Ledger;
  readonly #options: PictureOptions;
  readonly #unfollow: () => void;
  readonly #graph = new LiveGraph((node) => this.#seenBefore(node));
  #changed = new Set<string>();
  #open: readonly WaveRow[] = [];
  /** Ids of official builds that are asked for or begun, by component. */
  readonly #busy = new Map<string, Set<string>>();
  /** Builds of each open wave, by component. */
  readonly #asked = new Map<string, Map<string, BuildRow>>();

  /** Throws what the ledger throws. */
  constructor(ledger: Ledger, options: PictureOptions) {
    this.#ledger = ledger;
    this.#options = options;
    this.#unfollow = ledger.onChange((rows) => this.#take(rows));
    for (const build of readBuilds(ledger, () => false)) this.#graph.add(build);
    this.#take(ledger.builds({ states: ['requested', 'started'], limit: ALL }));
  }

  close(): void {
    this.#unfollow();
  }

  /** `wavesMoved`: whether the ledger is asked which waves are open; their members are much to read. */
  look(wavesMoved: boolean): Seen {
    if (wavesMoved) this.#followWaves();
    const changed = this.#changed;
    this.#changed = new Set();
    for (const key of this.#graph.takeChanged()) changed.add(key);
    const { isOut, scheduleMs } = this.#options;
    const view: WaveView = {
      graph: this.#graph.graph(),
      open: this.#open,
      isOut,
      isBusy: (key) => (this.#busy.get(key)?.size ?? 0) > 0,
      build: (id) => this.#ledger.build(id),
      askedIn: (wave, key) => this.#asked.get(wave)?.get(key) ?? null,
      isKnown: (wave) => this.#ledger.wave(wave) !== null,
      scheduleMs,
    };
    return { view, changed };
  }

  /** As it is now, and goes on to be: it changes with this. */
  graph(): Graph {
    return this.#graph.graph();
  }

  /** Place on the log of the last end of a build that is known. */
  get lastSeq(): number {
    return this.#graph.lastSeq;
  }

  /** What a registry says of a name that no build of ours makes; null: that it has no such image. */
  see(name: string, sighting: Sighting | null): void {
    this.#graph.see(name, sighting);
  }

  /** The names that something stands on and no build of ours makes. */
  outside(): ReadonlyMap<string, Outside> {
    return outsideOf(this.#graph.graph().nodes, this.#options.isOut);
  }

  #take(rows: readonly BuildRow[]): void {
    for (const row of rows) {
      const key = keyOf(row);
      if (row.cause.wave !== null) this.#asked.get(row.cause.wave)?.set(key, row);
      if (row.kind !== 'official') continue;
      this.#changed.add(key);
      this.#noteBusy(key, row);
      if (row.state !== 'completed' && row.state !== 'failed') continue;
      this.#graph.add(row);
      for (const parent of row.parents) if (parent.build !== null) this.#remember(parent.build, parent.resolved);
    }
  }

  /** A parent may be another than the last build of its component, and so may be who has its name: a version's, for one. */
  #remember(build: string, name: string): void {
    if (!this.#graph.has(build)) this.#add(this.#ledger.build(build));
    if (!this.#graph.hasName(name)) this.#add(this.#ledger.holderOfName(name));
  }

  #add(row: BuildRow | null): void {
    if (row?.state === 'completed') this.#graph.add(row);
  }

  #noteBusy(key: string, { id, state }: BuildRow): void {
    const builds = this.#busy.get(key) ?? new Set();
    if (state === 'requested' || state === 'started') this.#busy.set(key, builds.add(id));
    else if (builds.delete(id) && builds.size === 0) this.#busy.delete(key);
  }

  #followWaves(): void {
    this.#open = this.#ledger.waves({ open: true, limit: ALL }).toReversed();
    const ids = new Set(this.#open.map(({ id }) => id));
    for (const id of this.#asked.keys()) if (!ids.has(id)) this.#asked.delete(id);
    for (const id of ids) {
      if (this.#asked.has(id)) continue;
      const builds = this.#ledger.builds({ wave: id, limit: ALL });
      this.#asked.set(id, new Map(builds.map((row) => [keyOf(row), row])));
    }
  }

  /**
   * What the last rebuild of a component was to stand on: seen by a planner before this one, which has asked for it. Without it
   * the same rebuild would have another id until the registry has been asked again.
   */
  #seenBefore({ component, target, image }: GraphNode): Sightings {
    const rows = this.#ledger.builds({ component, target, limit: LAST_BUILDS });
    const asked = rows.find(({ cause }) => cause.wave !== null && cause.type === 'rebuild');
    if (asked === undefined || (image !== null && asked.requestedSeq < endSeq(image))) return new Map();
    const seenAt = asked.requestedAt ?? asked.messages[0]?.storedAt ?? '';
    return new Map(
      (asked.cause.parents ?? []).map(({ name, digest }) => [
        name,
        { digest, same: [], seenAt, seq: asked.requestedSeq },
      ]),
    );
  }
}

/** Names in a graph that no build of ours makes; those of what is left out do not count. */
export function outsideOf(
  nodes: ReadonlyMap<string, GraphNode>,
  isOut: (stream: Stream) => boolean = () => false,
): ReadonlyMap<string, Outside> {
  const found = new Map<string, { readonly digests: Set<string>; readonly platforms: Set<string> }>();
  for (const node of nodes.values()) {
    if (isOut(node)) continue;
    for (const { from, resolved } of node.parents) {
      if (from !== null) continue;
      const outside = found.get(resolved) ?? { digests: new Set(), platforms: new Set() };
      found.set(resolved, outside);
      const stands = node.image ?? node.last;
      for (const parent of stands.parents) if (parent.resolved === resolved) outside.digests.add(parent.digest);
      for (const { platform } of node.image?.image?.platforms ?? []) outside.platforms.add(platform);
    }
  }
  return found;
}
