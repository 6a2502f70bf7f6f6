/** Who stands on whom, and what is out of date: read off the last builds of each component and target (design, section 7). */
import { lastTold } from '../../kernel/last-told.js';
import { primaryTag } from '../../kernel/nvr.js';
import type { BuildRow, Stream } from '../../ledger/index.js';
import type { Image, Parent } from '../../messages/index.js';
import { cyclesOf } from './cycles.js';

/** What the graph needs of a build that completed or failed. */
export type EndedBuild = Pick<
  BuildRow,
  | 'id'
  | 'component'
  | 'target'
  | 'kind'
  | 'state'
  | 'version'
  | 'release'
  | 'nvr'
  | 'source'
  | 'buildArgs'
  | 'image'
  | 'parents'
  | 'endedAt'
  | 'messages'
>;

/** A parent of a node. */
export interface Edge {
  /** As the Dockerfile has it, and as it was looked up. */
  readonly written: string;
  readonly resolved: string;
  /** Who makes it; null when no build of ours does. */
  readonly from: Stream | null;
  /** Digest that the node's image stands on; null when it has none, or the parent came with a build that failed. */
  readonly standsOn: string | null;
  /** The build that has the name now; null for what is not ours. */
  readonly now: EndedBuild | null;
  /** ISO time since which the name stands for another image than `standsOn`; null while it does not. */
  readonly staleSince: string | null;
  /** True when the name stands for another image now than the one that the node's last image was made on, or the build that failed where there is none. */
  readonly changed: boolean;
}

/** A component in a target. */
export interface GraphNode extends Stream {
  /** The image that its names stand for; null when there is none yet. */
  readonly image: EndedBuild | null;
  /** The build that ended last, with an image or without. */
  readonly last: EndedBuild;
  readonly parents: readonly Edge[];
}

/** Why a node is out of date. */
export interface Stale {
  /** ISO time. */
  readonly since: string;
  /** True when a parent of its own has changed; false when one that it stands on is out of date. */
  readonly itself: boolean;
  /** Keys of the parents that have changed or are out of date themselves. */
  readonly through: readonly string[];
}

export interface Graph {
  /** By `keyOf`, sorted by it. */
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Keys of the nodes that a node stands on, sorted. */
  readonly parents: ReadonlyMap<string, readonly string[]>;
  /** Keys of the nodes that stand on a node. */
  readonly dependents: ReadonlyMap<string, readonly string[]>;
  /** By the node's key. */
  readonly stale: ReadonlyMap<string, Stale>;
  /** Keys of nodes that stand on each other, or on themselves; no order has them right. */
  readonly cycles: readonly (readonly string[])[];
}

/** The name of a node, as `f41/httpd`. */
export function keyOf({ component, target }: Stream): string {
  return `${target}/${component}`;
}

/**
 * The graph of some builds: of each component and target at least those that completed and failed last, and who has the
 * name of each parent now. Scratch builds are nobody's parent and no node. The same builds give the same graph in any order.
 */
export function graphOf(builds: readonly EndedBuild[]): Graph {
  const names = new Names(builds);
  const nodes = new Map<string, GraphNode>();
  for (const [key, stream] of [...streamsOf(builds)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const last = stream[0];
    if (last === undefined) continue;
    const image = imageOf(stream);
    const { component, target } = last;
    nodes.set(key, { component, target, image, last, parents: edgesOf(image, last, names) });
  }
  const parents = new Map([...nodes].map(([key, node]) => [key, parentKeys(node, nodes)]));
  const dependents = new Map<string, readonly string[]>();
  for (const [key, below] of parents) {
    for (const parent of below) dependents.set(parent, [...(dependents.get(parent) ?? []), key]);
  }
  return { nodes, parents, dependents, stale: staleOf(nodes, parents, dependents), cycles: cyclesOf(parents) };
}

/** Whether two images hold the same: an index that was made anew over the same images does. */
export function holdTheSame(one: Image, other: Image): boolean {
  if (one.digest === other.digest) return true;
  if (one.content !== null && one.content === other.content) return true;
  const digests = ({ platforms }: Image): string =>
    platforms
      .map(({ digest }) => digest)
      .sort()
      .join();
  return one.platforms.length > 0 && digests(one) === digests(other);
}

/**
 * Whose image the names of a component stand for. A build that came to its end after a newer one moved no name but its
 * own two, so that its image is not the component's.
 */
function imageOf(stream: readonly EndedBuild[]): EndedBuild | null {
  const completed = stream.filter(({ state }) => state === 'completed');
  return completed.find(movedNames) ?? completed[0] ?? null;
}

/** Whether a build moved names that its component had before it. */
export function movedNames({
  id,
  version,
  release,
  image,
}: Pick<EndedBuild, 'id' | 'version' | 'release' | 'image'>): boolean {
  const own = [`build-${id}`, version === null || release === null ? null : primaryTag({ version, release })];
  return image?.references.some((name) => !own.includes(name.slice(name.lastIndexOf(':') + 1))) === true;
}

/** Place of a build's end on the log. */
function endOf(build: EndedBuild): number {
  return Math.max(...['completed', 'failed'].map((word) => lastTold(build, word)?.seq ?? -1));
}

/** Official builds of each node, the one that ended last first. */
function streamsOf(builds: readonly EndedBuild[]): Map<string, EndedBuild[]> {
  const streams = new Map<string, EndedBuild[]>();
  for (const build of builds) {
    if (build.kind !== 'official') continue;
    const key = keyOf(build);
    const known = streams.get(key);
    if (known === undefined) streams.set(key, [build]);
    else known.push(build);
  }
  for (const stream of streams.values()) stream.sort((a, b) => endOf(b) - endOf(a));
  return streams;
}

/** What names stand for, by the log: tags are moved in the order in which the ends of builds are stored. */
class Names {
  readonly #byName = new Map<string, EndedBuild>();
  readonly #byDigest = new Map<string, EndedBuild>();
  readonly #byId = new Map<string, EndedBuild>();

  constructor(builds: readonly EndedBuild[]) {
    for (const build of builds) {
      this.#byId.set(build.id, build);
      if (build.image === null) continue;
      this.#byDigest.set(build.image.digest, build);
      if (build.kind === 'scratch') continue;
      for (const name of build.image.references) {
        const known = this.#byName.get(name);
        if (known === undefined || endOf(known) < endOf(build)) this.#byName.set(name, build);
      }
    }
  }

  /** Who has a name now. */
  now(name: string): EndedBuild | null {
    return this.#byName.get(name) ?? null;
  }

  /** The build that a parent was when it was resolved. */
  before({ build, digest }: Parent): EndedBuild | null {
    return (build === null ? undefined : this.#byId.get(build)) ?? this.#byDigest.get(digest) ?? null;
  }
}

/** The parents that the last build had, the image's where that one came to none, each once. */
function edgesOf(image: EndedBuild | null, last: EndedBuild, names: Names): Edge[] {
  const wanted = last.parents.length > 0 ? last.parents : (image?.parents ?? []);
  const edges = new Map<string, Edge>();
  for (const parent of wanted) {
    const { written, resolved } = parent;
    const held = image?.parents.find((one) => one.resolved === resolved) ?? null;
    const tried = image === null ? parent : held;
    const now = names.now(resolved);
    const from = now ?? names.before(parent);
    const changed = tried !== null && now !== null && isOther(now, tried, names);
    edges.set(resolved, {
      written,
      resolved,
      from: from === null ? null : { component: from.component, target: from.target },
      standsOn: held?.digest ?? null,
      now,
      staleSince: changed && held !== null ? now.endedAt : null,
      changed,
    });
  }
  return [...edges.values()];
}

/** Whether a name stands for another image now than the one that was stood on. */
function isOther({ image }: EndedBuild, held: Parent, names: Names): boolean {
  if (image === null || image.digest === held.digest) return false;
  // Who resolves an index for one platform may have noted that platform's digest.
  if (image.platforms.some(({ digest }) => digest === held.digest)) return false;
  const then = names.before(held)?.image ?? null;
  return then === null || !holdTheSame(then, image);
}

function parentKeys({ parents }: GraphNode, nodes: ReadonlyMap<string, GraphNode>): readonly string[] {
  const keys = parents.flatMap(({ from }) => (from === null ? [] : [keyOf(from)]));
  return [...new Set(keys)].filter((key) => nodes.has(key)).sort();
}

/** What has an outdated parent, and all that stands on it; each since the earliest of its reasons. */
function staleOf(
  nodes: ReadonlyMap<string, GraphNode>,
  ways: ReadonlyMap<string, readonly string[]>,
  dependents: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, Stale> {
  const changed = new Map<string, readonly Edge[]>();
  const since = new Map<string, string>();
  for (const [key, { parents }] of nodes) {
    const outdated = parents.filter(({ staleSince }) => staleSince !== null);
    if (outdated.length > 0) changed.set(key, outdated);
  }
  const begins = [...changed].map(([key, edges]) => [
    edges.map(({ staleSince }) => staleSince ?? '').sort()[0] ?? '',
    key,
  ]);
  // In the order of their times: what is reached first is reached by its earliest reason.
  for (const [time = '', root = ''] of begins.sort(([a = ''], [b = '']) => (a < b ? -1 : 1))) {
    const reached = [root];
    for (let key = reached.pop(); key !== undefined; key = reached.pop()) {
      if (since.has(key)) continue;
      since.set(key, time);
      reached.push(...(dependents.get(key) ?? []));
    }
  }
  const stale = new Map<string, Stale>();
  for (const key of [...since.keys()].sort()) {
    const own = changed.get(key) ?? [];
    const below = (ways.get(key) ?? []).filter((parent) => since.has(parent));
    const through = [...own.map(({ from, resolved }) => (from === null ? resolved : keyOf(from))), ...below];
    stale.set(key, { since: since.get(key) ?? '', itself: own.length > 0, through: [...new Set(through)].sort() });
  }
  return stale;
}
