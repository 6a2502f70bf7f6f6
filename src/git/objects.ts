import { ServiceError } from '../kernel/service-error.js';
import { Kept } from '../runtime/kept.js';
import { gitFault, sayingOf } from './faults.js';
import { Pool, ProgramEnded } from './pool.js';
import { type ObjectHeader, ObjectReader } from './reader.js';

/** A commit, as far as we need it. */
export interface Commit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly committedAt: Date;
}

/** One name in a tree object. */
export interface TreeItem {
  readonly name: string;
  readonly kind: 'file' | 'link' | 'submodule' | 'folder';
  readonly executable: boolean;
  readonly oid: string;
}

/** A name in a tree, or below one, with its path from there. */
export interface TreeNode extends TreeItem {
  readonly path: string;
}

/** Bounds of what one tree may make us do; a hostile tree of a few objects can unfold without end. */
const MAX_NODES = 200_000;
const MAX_PATH = 4_096;
const MAX_OBJECT = 67_108_864;
/** Commits kept of one mirror, about 0.5 KB each: what `History` walks of four branches. Another costs a line to git. */
const COMMITS_KEPT = 128;
/** Unused readers of a kind that are kept. */
const READERS_KEPT = 2;
/** Objects that are asked for ahead of the one that is read. */
const AHEAD = 64;

const KINDS: Readonly<Record<number, TreeItem['kind']>> = { 4: 'folder', 8: 'file', 10: 'link', 14: 'submodule' };

/** Objects of one mirror, read through long-lived processes. A broken mirror is told to `onBroken`, then thrown. */
export class Objects {
  readonly #url: string;
  readonly #contents: Pool<ObjectReader>;
  readonly #headers: Pool<ObjectReader>;
  readonly #onBroken: () => void;
  /** Counts closings: what fails because of one says nothing about the mirror. */
  #epoch = 0;
  readonly #commits = new Kept<Commit>(COMMITS_KEPT);
  /** Commits that are being read: a look at a source asks for the same one several times at once. */
  readonly #reading = new Map<string, Promise<Commit | null>>();

  constructor(url: string, gitDir: string, env: NodeJS.ProcessEnv, onBroken: () => void) {
    this.#url = url;
    this.#onBroken = onBroken;
    this.#contents = new Pool(() => new ObjectReader(gitDir, '--batch', env), READERS_KEPT);
    this.#headers = new Pool(() => new ObjectReader(gitDir, '--batch-check', env), READERS_KEPT);
  }

  /** What an expression names; null for nothing. */
  header(name: string): Promise<ObjectHeader | null> {
    return this.#guard(() =>
      this.#headers.use(async (reader) => {
        reader.ask(name);
        return reader.header();
      }),
    );
  }

  /** Sizes of objects, in their order. Throws when one is not there. */
  sizes(oids: readonly string[]): Promise<readonly number[]> {
    return this.#guard(() =>
      this.#headers.use(async (reader) => {
        const sizes: number[] = [];
        for await (const header of answers(reader, oids)) sizes.push((header ?? this.#missing()).size);
        return sizes;
      }),
    );
  }

  /** Null when there is no such commit. */
  async commit(oid: string): Promise<Commit | null> {
    const kept = this.#commits.get(oid);
    if (kept !== undefined) return kept;
    const reading = this.#reading.get(oid) ?? this.#readCommit(oid).finally(() => this.#reading.delete(oid));
    this.#reading.set(oid, reading);
    return reading;
  }

  /** The node at a path of a commit's tree; null for none. No parts: the tree itself. */
  async find(commit: string, parts: readonly string[]): Promise<TreeItem | null> {
    const root = (await this.commit(commit))?.tree;
    if (root === undefined) throw new ServiceError('commit_missing', `The commit ${commit} is not in ${this.#url}.`);
    let at: TreeItem = { name: '', kind: 'folder', executable: false, oid: root };
    for (const part of parts) {
      if (at.kind !== 'folder') return null;
      const next: TreeItem | undefined = (await this.#trees([at.oid]))[0]?.find(({ name }) => name === part);
      if (next === undefined) return null;
      at = next;
    }
    return at;
  }

  /** The tree at a path of a commit; null for none. One line to git, however many folders stand above it. */
  async folder(commit: string, parts: readonly string[]): Promise<string | null> {
    const path = parts.join('/');
    if (path === '') return (await this.commit(commit))?.tree ?? null;
    // A line to git can't hold it.
    const found = path.includes('\n') ? await this.find(commit, parts) : await this.header(`${commit}:${path}`);
    if (found === null) return null;
    return ('kind' in found ? found.kind === 'folder' : found.type === 'tree') ? found.oid : null;
  }

  /** The names in one tree. */
  async items(tree: string): Promise<readonly TreeItem[]> {
    return (await this.#trees([tree]))[0] ?? [];
  }

  /** Everything below a tree, folders included, sorted by path, so that a folder comes before what it holds. */
  async below(tree: string): Promise<readonly TreeNode[]> {
    const nodes: TreeNode[] = [];
    // Each tree object is read once, however often it stands in the tree.
    const known = new Map<string, readonly TreeItem[]>();
    let level: readonly { readonly path: string; readonly oid: string }[] = [{ path: '', oid: tree }];
    while (level.length > 0) {
      const unknown = [...new Set(level.map(({ oid }) => oid))].filter((oid) => !known.has(oid));
      const trees = await this.#trees(unknown);
      unknown.forEach((oid, index) => {
        known.set(oid, trees[index] ?? []);
      });
      const next: { path: string; oid: string }[] = [];
      for (const above of level) {
        for (const item of known.get(above.oid) ?? []) {
          const node = { ...item, path: above.path === '' ? item.name : `${above.path}/${item.name}` };
          if (nodes.push(node) > MAX_NODES || node.path.length > MAX_PATH)
            throw unsupported(`The tree has more than ${MAX_NODES} entries, or too long paths.`);
          if (item.kind === 'folder') next.push(node);
        }
      }
      level = next;
    }
    return nodes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  }

  /** A blob's bytes. Its size is to be known to be small. */
  async blob(oid: string): Promise<Buffer> {
    return (await this.#read(oid))?.bytes ?? this.#missing();
  }

  /** Blobs in order, each as its size and its pieces, which are to be read to their end before the next. */
  async *blobs(
    oids: readonly string[],
  ): AsyncGenerator<{ readonly size: number; readonly pieces: AsyncIterable<Buffer> }> {
    const epoch = this.#epoch;
    const { program: reader } = this.#contents.take();
    let clean = false;
    try {
      for await (const header of answers(reader, oids)) {
        const size = (header ?? this.#missing()).size;
        yield { size, pieces: reader.chunks(size) };
      }
      clean = true;
    } catch (thrown) {
      throw this.#fault(thrown, epoch);
    } finally {
      this.#contents.give(reader, clean);
    }
  }

  /** Ends all processes; later questions open new ones. */
  close(): void {
    this.#epoch += 1;
    this.#contents.close();
    this.#headers.close();
  }

  #trees(oids: readonly string[]): Promise<readonly (readonly TreeItem[])[]> {
    return this.#guard(() =>
      this.#contents.use(async (reader) => {
        const trees: (readonly TreeItem[])[] = [];
        for await (const header of answers(reader, oids)) {
          if (header?.type !== 'tree' || header.size > MAX_OBJECT) this.#missing();
          else trees.push(parseTree(await reader.bytes(header.size), header.oid.length / 2));
        }
        return trees;
      }),
    );
  }

  #read(oid: string): Promise<{ readonly type: string; readonly bytes: Buffer } | null> {
    return this.#guard(() =>
      this.#contents.use(async (reader) => {
        reader.ask(oid);
        const header = await reader.header();
        if (header === null) return null;
        if (header.size > MAX_OBJECT) throw unsupported(`A git object has more than ${MAX_OBJECT} bytes.`);
        return { type: header.type, bytes: await reader.bytes(header.size) };
      }),
    );
  }

  async #readCommit(oid: string): Promise<Commit | null> {
    const found = await this.#read(oid);
    if (found === null || found.type !== 'commit') return null;
    const commit = parseCommit(found.bytes.toString('latin1'));
    this.#commits.set(own(oid), commit);
    return commit;
  }

  #missing(): never {
    throw new ProgramEnded('missing blob');
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    const epoch = this.#epoch;
    try {
      return await work();
    } catch (thrown) {
      throw this.#fault(thrown, epoch);
    }
  }

  /** An object that another one names and that is not there, or a reader that dies of one: the mirror is broken. */
  #fault(thrown: unknown, epoch: number): unknown {
    if (!(thrown instanceof ProgramEnded)) return thrown;
    if (epoch === this.#epoch) this.#onBroken();
    const saying = sayingOf(thrown.stderr);
    return gitFault(saying.kind === 'error' ? saying : { kind: 'broken' }, this.#url, thrown.stderr, thrown);
  }
}

/** Asks for many objects, some ahead; gives their headers in order. Bodies are the caller's. */
async function* answers(reader: ObjectReader, oids: readonly string[]): AsyncGenerator<ObjectHeader | null> {
  let asked = 0;
  for (let index = 0; index < oids.length; index += 1) {
    while (asked < oids.length && asked < index + AHEAD) {
      reader.ask(oids[asked] ?? '');
      asked += 1;
    }
    yield await reader.header();
  }
}

function parseCommit(text: string): Commit {
  const head = text.slice(0, text.indexOf('\n\n'));
  const parents = [...head.matchAll(/^parent ([0-9a-f]+)$/gm)].map(([, oid]) => oid ?? '');
  const [, tree] = /^tree ([0-9a-f]+)$/m.exec(head) ?? [];
  const [, seconds] = /^committer .* (-?\d+) [+-]\d+$/m.exec(head) ?? [];
  if (tree === undefined) throw unsupported('A commit names no tree.');
  return { tree: own(tree), parents: parents.map(own), committedAt: new Date(1_000 * Number(seconds ?? 0)) };
}

/** A piece of a text holds the whole of it: what is kept is copied out, or each commit's message would be kept with it. */
function own(oid: string): string {
  return Buffer.from(oid, 'latin1').toString('latin1');
}

/** Reads a tree object (mode, space, name, NUL, raw id). Names that could lead out of the tree are refused. */
function parseTree(bytes: Buffer, idBytes: number): readonly TreeItem[] {
  const items: TreeItem[] = [];
  const names = new Set<string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const nul = bytes.indexOf(0, space);
    if (space === -1 || nul === -1 || nul + idBytes >= bytes.length) throw unsupported('A tree object is malformed.');
    const mode = Number.parseInt(bytes.toString('latin1', at, space), 8);
    const name = nameOf(bytes.subarray(space + 1, nul));
    const kind = KINDS[mode >> 12];
    if (kind === undefined || names.has(name))
      throw unsupported(`The tree has an entry ${JSON.stringify(name)} that git does not make.`);
    names.add(name);
    const oid = bytes.toString('hex', nul + 1, nul + 1 + idBytes);
    items.push({ name, kind, executable: (mode & 0o100) !== 0, oid });
    at = nul + 1 + idBytes;
  }
  return items;
}

function nameOf(bytes: Buffer): string {
  const name = bytes.toString('utf8');
  if (!Buffer.from(name).equals(bytes)) throw unsupported('A file name in the source is not UTF-8.');
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.toLowerCase() === '.git')
    throw unsupported(`The tree has an entry ${JSON.stringify(name)} that git does not make.`);
  return name;
}

function unsupported(message: string): ServiceError {
  return new ServiceError('source_unsupported', message);
}
