/** Who stands on whom, and what is out of date: read off the last builds of each component and target (design, section 7). */
import { cyclesOf } from './cycles.js';
import { edgesOf } from './edges.js';
import { Names } from './names.js';
import {
  type EndedBuild,
  endSeq,
  type GraphNode,
  imageOf,
  keyOf,
  parentsOf,
  type Sighting,
  type Sightings,
} from './node.js';
import { heightsIn, inOrder, type Ways } from './order.js';
import { type Stale, staleOf } from './stale.js';
import { Uses } from './uses.js';

export interface Graph {
  /** By `keyOf`; those of `graphOf` are sorted by it. */
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Keys of the nodes that a node stands on, sorted. */
  readonly parents: Ways;
  /** Keys of the nodes that stand on a node, sorted. */
  readonly dependents: Ways;
  /** By the node's key. */
  readonly stale: ReadonlyMap<string, Stale>;
  /** Keys of nodes that stand on each other, or on themselves; no order has them right. */
  readonly cycles: readonly (readonly string[])[];
  /** A number that is higher for what stands on another; of what stands on itself it says nothing. */
  rankOf(key: string): number;
  /** Number of images that stand one on the other above one, itself included. */
  heightOf(key: string): number;
}

/** Of a node's own, what was seen before of names that are not ours; where nobody else has seen them. */
export type SeenBefore = (node: GraphNode) => Sightings;

/**
 * The graph of some builds: of each component and target at least those that completed and failed last, and who has the
 * name of each parent now. Scratch builds are nobody's parent and no node. The same builds give the same graph in any order.
 */
export function graphOf(builds: Iterable<EndedBuild>, sightings: Sightings = new Map()): Graph {
  const live = new LiveGraph();
  for (const [name, sighting] of sightings) live.see(name, sighting);
  for (const build of builds) live.add(build);
  return live.graph();
}

/** A graph that takes one build after the other: a change costs what stands on it, not all that there is. */
export class LiveGraph {
  readonly #names = new Names();
  readonly #uses = new Uses();
  readonly #sightings = new Map<string, Sighting>();
  readonly #seenBefore: SeenBefore | null;
  /** Official builds of each node, the one that ended last first. */
  readonly #streams = new Map<string, EndedBuild[]>();
  readonly #nodes = new Map<string, GraphNode>();
  readonly #parents = new Map<string, readonly string[]>();
  readonly #dependents = new Map<string, string[]>();
  readonly #dirty = new Set<string>();
  #changed = new Set<string>();
  /** What is worked out when it is asked for; null since something has changed. */
  #stale: ReadonlyMap<string, Stale> | null = null;
  #cycles: readonly (readonly string[])[] | null = null;
  #ranks: Map<string, number> | null = null;
  #heights: ReadonlyMap<string, number> | null = null;
  #topRank = 0;
  #lastSeq = 0;

  constructor(seenBefore: SeenBefore | null = null) {
    this.#seenBefore = seenBefore;
  }

  /** Place on the log of the last end that was added. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  add(build: EndedBuild): void {
    const moved = this.#names.add(build);
    this.#lastSeq = Math.max(this.#lastSeq, endSeq(build));
    for (const key of this.#uses.of(build)) this.#dirty.add(key);
    for (const name of moved) for (const key of this.#uses.ofName(name)) this.#dirty.add(key);
    if (build.kind !== 'official') return;
    const key = keyOf(build);
    const stream = (this.#streams.get(key) ?? []).filter(({ id }) => id !== build.id);
    this.#streams.set(
      key,
      [...stream, build].sort((a, b) => endSeq(b) - endSeq(a)),
    );
    this.#dirty.add(key);
  }

  /** What a registry says of a name that is not ours; null: that it has no such image. */
  see(name: string, sighting: Sighting | null): void {
    if (sighting === null) this.#sightings.delete(name);
    else this.#sightings.set(name, sighting);
    for (const key of this.#uses.ofName(name)) this.#dirty.add(key);
  }

  has(build: string): boolean {
    return this.#names.build(build) !== null;
  }

  hasName(name: string): boolean {
    return this.#names.now(name) !== null;
  }

  /** Keys of the nodes that are others than at the last call, or stand on others. */
  takeChanged(): ReadonlySet<string> {
    this.#refresh();
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  /** As it is now, and goes on to be: it changes with this. */
  graph(): Graph {
    this.#refresh();
    const [nodes, parents, dependents] = [this.#nodes, this.#parents, this.#dependents];
    const [stale, cycles] = [() => this.#staleNow(), () => this.#cyclesNow()];
    return {
      nodes,
      parents,
      dependents,
      get stale() {
        return stale();
      },
      get cycles() {
        return cycles();
      },
      rankOf: (key) => this.#ranksNow().get(key) ?? 0,
      heightOf: (key) => this.#heightsNow().get(key) ?? 0,
    };
  }

  #staleNow(): ReadonlyMap<string, Stale> {
    this.#stale ??= staleOf(this.#nodes, this.#parents, this.#dependents);
    return this.#stale;
  }

  #cyclesNow(): readonly (readonly string[])[] {
    this.#cycles ??= cyclesOf(this.#parents);
    return this.#cycles;
  }

  #ranksNow(): ReadonlyMap<string, number> {
    if (this.#ranks === null) {
      this.#ranks = new Map(inOrder(this.#nodes.keys(), this.#parents).map((key, at) => [key, at]));
      this.#topRank = this.#ranks.size;
    }
    return this.#ranks;
  }

  #heightsNow(): ReadonlyMap<string, number> {
    this.#heights ??= heightsIn(this.#nodes.keys(), this.#parents, this.#dependents);
    return this.#heights;
  }

  #refresh(): void {
    if (this.#dirty.size === 0) return;
    const dirty = [...this.#dirty].sort();
    this.#dirty.clear();
    const unsure = new Set(dirty);
    const perhaps = new Set<EndedBuild>();
    for (const key of dirty) {
      const isNew = !this.#nodes.has(key);
      for (const build of this.#drawNode(key)) perhaps.add(build);
      // Who names it for a parent stood on no node until now.
      if (isNew) for (const above of this.#uses.ofKey(key)) unsure.add(above);
    }
    for (const key of unsure) {
      this.#link(key);
      this.#changed.add(key);
    }
    for (const build of perhaps) this.#letGo(build);
    this.#stale = null;
  }

  /** Gives the builds that it may have no need of any more. */
  #drawNode(key: string): readonly EndedBuild[] {
    const stream = this.#streams.get(key) ?? [];
    const last = stream[0];
    if (last === undefined) return [];
    const image = imageOf(stream);
    const { component, target } = last;
    const seen = (name: string): Sighting | null => this.#sightings.get(name) ?? null;
    let node: GraphNode = { component, target, image, last, parents: edgesOf(image, last, this.#names, seen) };
    if (this.#seenBefore !== null && node.parents.some(({ changed }) => changed)) {
      const isUnseen = node.parents.some(({ from, resolved }) => from === null && !this.#sightings.has(resolved));
      const before = isUnseen ? this.#seenBefore(node) : new Map();
      const again = (name: string): Sighting | null => seen(name) ?? before.get(name) ?? null;
      if (before.size > 0) node = { ...node, parents: edgesOf(image, last, this.#names, again) };
    }
    this.#nodes.set(key, node);
    const parents = [...parentsOf(image, last), ...(image?.parents ?? [])];
    const left = this.#uses.set(key, parents, node.parents);
    return [...stream, ...left.flatMap((parent) => this.#names.before(parent) ?? [])];
  }

  /** Forgets a build that nothing can follow from any more. */
  #letGo(build: EndedBuild): void {
    const key = keyOf(build);
    const node = this.#nodes.get(key);
    if (build === node?.image || build === node?.last || this.#uses.hasAny(build)) return;
    const names = build.image?.references ?? [];
    if (names.some((name) => this.#names.now(name) === build && this.#uses.ofName(name).size > 0)) return;
    this.#names.delete(build);
    const stream = this.#streams.get(key);
    if (stream !== undefined)
      this.#streams.set(
        key,
        stream.filter((one) => one !== build),
      );
  }

  /** Puts right who a node stands on. */
  #link(key: string): void {
    const node = this.#nodes.get(key);
    if (node === undefined) return;
    const keys = node.parents.flatMap(({ from }) => (from === null ? [] : [keyOf(from)]));
    const parents = [...new Set(keys)].filter((parent) => this.#nodes.has(parent)).sort();
    const before = this.#parents.get(key);
    if (before?.join('\n') === parents.join('\n')) return;
    this.#parents.set(key, parents);
    const isBelow = this.#dependents.has(key);
    for (const parent of before ?? []) if (!parents.includes(parent)) this.#unlink(parent, key);
    for (const parent of parents) {
      if (before?.includes(parent)) continue;
      const above = this.#dependents.get(parent);
      if (above === undefined) this.#dependents.set(parent, [key]);
      else insert(above, key);
      this.#changed.add(parent);
    }
    this.#heights = null;
    // What nothing stands on, itself included, makes no circle, and may have any rank above all others.
    this.#topRank += 1;
    if (!isBelow && !this.#dependents.has(key)) this.#ranks?.set(key, this.#topRank);
    else [this.#ranks, this.#cycles] = [null, null];
  }

  #unlink(parent: string, key: string): void {
    const left = (this.#dependents.get(parent) ?? []).filter((one) => one !== key);
    if (left.length > 0) this.#dependents.set(parent, left);
    else this.#dependents.delete(parent);
    this.#changed.add(parent);
  }
}

/** Into a sorted list. */
function insert(list: string[], text: string): void {
  const last = list.at(-1);
  if (last === undefined || last < text) list.push(text);
  else
    list.splice(
      list.findIndex((one) => one > text),
      0,
      text,
    );
}
