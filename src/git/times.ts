import { ServiceError } from '../kernel/service-error.js';
import { Kept } from '../runtime/kept.js';
import type { Commit, Objects, TreeItem, TreeNode } from './objects.js';

/** Commits back, from the one that is built, in which a file's last change is looked for. */
const MAX_DEPTH = 2_000;
/** Parents that one look reads, and names in their trees: merges can make ways without end, and folders be endless. */
const MAX_STEPS = 8_000;
const MAX_ITEMS = 1_000_000;
/** Parents of a merge that are looked at; people merge two, seldom a few. */
const MAX_PARENTS = 16;
/** Files and folders whose times are kept in all, about 0.15 KB each: those of the last commits that were built. */
const ENTRIES_KEPT = 200_000;

/**
 * 1980-01-02 and 2038-01-19, in seconds: what is dated before or after has these times. Zip, and so Python's wheels, know
 * nothing before 1980, which begins later in the west; some file systems and tar readers nothing that does not fit 31 bits.
 */
const EARLIEST = 315_619_200;
const LATEST = 2_147_483_647;

/** The last change of a file or folder, as seen from a commit. */
interface Change {
  /** Of its commit; null where the bounds or the end of what is there of the history came first. */
  readonly seconds: number | null;
  /** Commits from there to the one it is seen from. */
  readonly depth: number;
}

const UNKNOWN: Change = { seconds: null, depth: 0 };

/** By path below the folder that was looked at; the folder itself as the empty path. */
type Changes = ReadonlyMap<string, Change>;

/** A name of the tree that is built, with what is below it. */
interface Node extends Pick<TreeNode, 'path' | 'name' | 'kind' | 'executable' | 'oid'> {
  readonly children: Node[];
}

/** What is looked for at a commit: it is the same there as in the commit that is built. */
interface Wanted {
  readonly node: Node;
  /** Whether its own change is looked for; of a folder perhaps only those below it are. */
  readonly self: boolean;
  /** Its object at this commit. A folder of which only parts are looked for has others meanwhile. */
  readonly oid: string;
  /** What is looked for below it; null for everything. */
  readonly below: readonly Wanted[] | null;
}

interface Way {
  readonly commit: string;
  readonly depth: number;
  readonly wanted: Wanted;
  /** By first parents alone: the same branch, further back. */
  readonly straight: boolean;
}

/** What one look may still read. */
interface Bounds {
  steps: number;
  items: number;
}

type HistoryObjects = Pick<Objects, 'commit' | 'folder' | 'items'>;

/** One for all mirrors: many are small. */
export function keptTimes(): Kept<Changes> {
  return new Kept<Changes>(ENTRIES_KEPT, (changes) => changes.size);
}

/**
 * When files were last changed, as seen from a commit: a file by the commit that gave it its content, its kind or its
 * right to be run, a folder by the last that changed anything in it. What a merge has from one of its parents it did not
 * change; the first parent that has it is followed. A push is answered from the last one's answer and a commit or two, and
 * its answer is kept in that one's place: of each branch the last.
 */
export class FileTimes {
  readonly #objects: HistoryObjects;
  readonly #mirror: string;
  readonly #kept: Kept<Changes>;

  constructor({ objects, folder }: { readonly objects: HistoryObjects; readonly folder: string }, kept: Kept<Changes>) {
    this.#objects = objects;
    this.#mirror = folder;
    this.#kept = kept;
  }

  /**
   * The times of what is below a folder of a commit, by path. `tree` and `nodes`: the folder's object, and what is below
   * it. What has no known last change has the earliest time, so that it stays the same from commit to commit.
   */
  async at(
    commit: string,
    folder: readonly string[],
    tree: string,
    nodes: readonly TreeNode[],
  ): Promise<(path: string) => Date> {
    const key = (of: string): string => `${this.#mirror} ${of} ${folder.join('/')}`;
    const changes = this.#kept.get(key(commit)) ?? (await this.#look(commit, folder, rootOf(tree, nodes), key));
    this.#kept.set(key(commit), changes);
    return (path) => new Date(1_000 * (changes.get(path)?.seconds ?? EARLIEST));
  }

  async #look(commit: string, folder: readonly string[], root: Node, key: (of: string) => string): Promise<Changes> {
    const changes = new Map<string, Change>();
    const bounds: Bounds = { steps: MAX_STEPS, items: MAX_ITEMS };
    // Oldest first, so that bounds that are reached cut off what is farthest.
    const ways: Way[] = [{ commit, depth: 0, wanted: whole(root), straight: true }];
    const replaced: string[] = [];
    for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
      const { depth, wanted } = way;
      const known = this.#kept.get(key(way.commit));
      if (known !== undefined && way.straight) replaced.push(key(way.commit));
      const read = known === undefined && depth < MAX_DEPTH && bounds.steps > 0 && bounds.items > 0;
      if (known !== undefined) settle(changes, wanted, (path) => seenFrom(depth, known.get(path)));
      else if (read) ways.push(...(await this.#step(way, folder, changes, bounds)));
      else settle(changes, wanted, () => UNKNOWN);
    }
    for (const one of replaced) this.#kept.delete(one);
    return changes;
  }

  /** Notes what this commit has changed; gives where the rest is to be looked for. */
  async #step(
    { commit, depth, wanted, straight }: Way,
    folder: readonly string[],
    changes: Map<string, Change>,
    bounds: Bounds,
  ): Promise<readonly Way[]> {
    const here = await readable(this.#objects.commit(commit));
    const ways: Way[] = [];
    let rest: Wanted | null = wanted;
    let complete = here !== null;
    for (const [number, parent] of (here?.parents ?? []).slice(0, MAX_PARENTS).entries()) {
      if (rest === null) break;
      bounds.steps -= 1;
      const [there, oid]: [Commit | null, string | null] = await Promise.all([
        readable(this.#objects.commit(parent)),
        readable(this.#objects.folder(parent, folder)),
      ]);
      if (there === null) {
        complete = false;
        continue;
      }
      const item: TreeItem | null = oid === null ? null : { name: '', kind: 'folder', executable: false, oid };
      const { same, other }: Split = await this.#split(rest, item, bounds);
      if (same !== null)
        ways.push({ commit: parent, depth: depth + 1, wanted: same, straight: straight && number === 0 });
      rest = other;
    }
    const change = complete && here !== null ? { seconds: secondsOf(here), depth } : UNKNOWN;
    if (rest !== null) settle(changes, rest, () => change);
    return ways;
  }

  /** What of it a parent has as it is here, and what it has not; `item`: what the parent has in its place. */
  async #split(wanted: Wanted, item: TreeItem | null, bounds: Bounds): Promise<Split> {
    const { node, self } = wanted;
    if (item === null) return { same: null, other: wanted };
    if (item.oid === wanted.oid && item.kind === node.kind && item.executable === node.executable)
      return { same: wanted, other: null };
    if (item.kind !== 'folder' || node.kind !== 'folder') return { same: null, other: wanted };
    const items = await readable(this.#objects.items(item.oid));
    bounds.items -= items?.length ?? 0;
    const byName = new Map(items?.map((one) => [one.name, one]));
    const same: Wanted[] = [];
    const other: Wanted[] = [];
    for (const part of wanted.below ?? node.children.map(whole)) {
      const split = await this.#split(part, byName.get(part.node.name) ?? null, bounds);
      if (split.same !== null) same.push(split.same);
      if (split.other !== null) other.push(split.other);
    }
    return {
      same: same.length === 0 ? null : { node, self: false, oid: item.oid, below: same },
      other: self || other.length > 0 ? { ...wanted, below: other } : null,
    };
  }
}

interface Split {
  readonly same: Wanted | null;
  readonly other: Wanted | null;
}

function whole(node: Node): Wanted {
  return { node, self: true, oid: node.oid, below: null };
}

function settle(changes: Map<string, Change>, { node, self, below }: Wanted, of: (path: string) => Change): void {
  if (self) changes.set(node.path, of(node.path));
  for (const part of below ?? node.children.map(whole)) settle(changes, part, of);
}

/** A change that is known of a commit, from one that is `depth` commits nearer to the one that is built. */
function seenFrom(depth: number, known: Change | undefined): Change {
  if (known === undefined || known.seconds === null) return UNKNOWN;
  const all = known.depth + depth;
  // As a look that knew nothing would have it: what is kept must not change a time.
  return all < MAX_DEPTH ? { seconds: known.seconds, depth: all } : UNKNOWN;
}

/** Null for an object that git would not make: what is built today does not fail over it. */
async function readable<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (thrown) {
    if (thrown instanceof ServiceError && thrown.code === 'source_unsupported') return null;
    throw thrown;
  }
}

/** `nodes`: sorted, so that a folder comes before what it holds. */
function rootOf(tree: string, nodes: readonly TreeNode[]): Node {
  const root: Node = { path: '', name: '', kind: 'folder', executable: false, oid: tree, children: [] };
  const folders = new Map([['', root]]);
  for (const { path, name, kind, executable, oid } of nodes) {
    const node: Node = { path, name, kind, executable, oid, children: [] };
    folders.get(path.slice(0, Math.max(0, path.length - name.length - 1)))?.children.push(node);
    if (kind === 'folder') folders.set(path, node);
  }
  return root;
}

function secondsOf({ committedAt }: Commit): number {
  const seconds = Math.floor(committedAt.getTime() / 1_000);
  return Number.isNaN(seconds) ? EARLIEST : Math.min(LATEST, Math.max(EARLIEST, seconds));
}
