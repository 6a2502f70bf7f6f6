import type { BuildRow, Ledger, Stream, WaveRow } from '../ledger/index.js';
import { type EndedBuild, type Graph, graphOf, keyOf } from './decide/graph.js';
import type { WaveView } from './decide/standing.js';
import { readBuilds } from './read-graph.js';

/** Builds that one question to the ledger gets; there are never so many. */
const ALL = 1_000_000;
/** Builds that were needed once are kept until there are so many more of them than are needed. */
const SURPLUS = 1_000;

/** What the planner knows of builds and waves, kept true by what the ledger says of changes: a look asks for no more than those. */
export class Picture {
  readonly #ledger: Ledger;
  readonly #isOut: (stream: Stream) => boolean;
  readonly #unfollow: () => void;
  #ended = new Map<string, EndedBuild>();
  #needed = 0;
  /** Ids of official builds that are asked for or begun, by component. */
  readonly #busy = new Map<string, Set<string>>();
  /** Builds of each open wave, by component. */
  readonly #asked = new Map<string, Map<string, BuildRow>>();
  #graph: Graph | null = null;

  /** Throws what the ledger throws. */
  constructor(ledger: Ledger, isOut: (stream: Stream) => boolean) {
    this.#ledger = ledger;
    this.#isOut = isOut;
    this.#unfollow = ledger.onChange((rows) => this.#take(rows));
    this.#keep(readBuilds(ledger, () => false));
    this.#take(ledger.builds({ states: ['requested', 'started'], limit: ALL }));
  }

  close(): void {
    this.#unfollow();
  }

  view(): WaveView {
    const open = this.#ledger.waves({ open: true, limit: ALL }).toReversed();
    this.#followWaves(open);
    this.#graph ??= this.#draw();
    return {
      graph: this.#graph,
      open,
      isOut: this.#isOut,
      isBusy: (key) => (this.#busy.get(key)?.size ?? 0) > 0,
      build: (id) => this.#ledger.build(id),
      askedIn: (wave, key) => this.#asked.get(wave)?.get(key) ?? null,
    };
  }

  #take(rows: readonly BuildRow[]): void {
    for (const row of rows) {
      const key = keyOf(row);
      if (row.cause.wave !== null) this.#asked.get(row.cause.wave)?.set(key, row);
      if (row.kind !== 'official') continue;
      this.#noteBusy(key, row);
      if (row.state !== 'completed' && row.state !== 'failed') continue;
      this.#ended.set(row.id, row);
      for (const { build } of row.parents) if (build !== null) this.#remember(build);
      this.#graph = null;
    }
  }

  /** A parent may be another than the last build of its component: a version's, for one. */
  #remember(build: string): void {
    if (this.#ended.has(build)) return;
    const row = this.#ledger.build(build);
    if (row?.state === 'completed') this.#ended.set(build, row);
  }

  #noteBusy(key: string, { id, state }: BuildRow): void {
    const builds = this.#busy.get(key) ?? new Set();
    if (state === 'requested' || state === 'started') this.#busy.set(key, builds.add(id));
    else if (builds.delete(id) && builds.size === 0) this.#busy.delete(key);
  }

  #followWaves(open: readonly WaveRow[]): void {
    const ids = new Set(open.map(({ id }) => id));
    for (const id of this.#asked.keys()) if (!ids.has(id)) this.#asked.delete(id);
    for (const id of ids) {
      if (this.#asked.has(id)) continue;
      const builds = this.#ledger.builds({ wave: id, limit: ALL });
      this.#asked.set(id, new Map(builds.map((row) => [keyOf(row), row])));
    }
  }

  #draw(): Graph {
    const graph = graphOf([...this.#ended.values()]);
    if (this.#ended.size > this.#needed + SURPLUS) this.#keep(neededFor(graph, this.#ended));
    return graph;
  }

  #keep(builds: readonly EndedBuild[]): void {
    this.#ended = new Map(builds.map((build) => [build.id, build]));
    this.#needed = this.#ended.size;
  }
}

/** Of some builds those that the same graph can be drawn from. */
function neededFor({ nodes }: Graph, builds: ReadonlyMap<string, EndedBuild>): readonly EndedBuild[] {
  const needed = new Map<string, EndedBuild>();
  const add = (build: EndedBuild | null | undefined): void => {
    if (build) needed.set(build.id, build);
  };
  for (const { image, last, parents } of nodes.values()) {
    for (const build of [image, last]) add(build);
    for (const { build } of [...(image?.parents ?? []), ...last.parents]) if (build !== null) add(builds.get(build));
    for (const { now } of parents) add(now);
  }
  return [...needed.values()];
}
