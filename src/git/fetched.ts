import type { Readable } from 'node:stream';
import { ServiceError } from '../kernel/service-error.js';
import { archive } from './archive.js';
import type { FetchedRef, TreeEntry } from './contract.js';
import { type History, missing } from './history.js';
import type { Mirror } from './mirror.js';
import { checkCommit, isCommit, pathParts, shown } from './names.js';
import type { FileTimes } from './times.js';

const MAX_CHANGED = 100_000;

/** What a fetch has brought: a view of the mirror with the head as it was then, whatever is fetched later. */
export class Fetched implements FetchedRef {
  readonly head: string | null;
  readonly #mirror: Mirror;
  readonly #history: History;
  readonly #times: FileTimes;

  constructor(head: string | null, mirror: Mirror, history: History, times: FileTimes) {
    this.head = head;
    this.#mirror = mirror;
    this.#history = history;
    this.#times = times;
  }

  async has(commit: string): Promise<boolean> {
    if (!isCommit(commit)) return false;
    return commit === this.head || (await this.#mirror.objects.commit(commit)) !== null;
  }

  async isOnRef(commit: string): Promise<boolean> {
    if (this.head === null || !isCommit(commit)) return false;
    return this.#history.isAncestor(commit, this.head);
  }

  async isAncestor(ancestor: string, descendant: string): Promise<boolean> {
    checkCommit(ancestor);
    checkCommit(descendant);
    return this.#history.isAncestor(ancestor, descendant);
  }

  async countCommits(commit: string): Promise<number> {
    checkCommit(commit);
    return this.#history.count(commit);
  }

  async committedAt(commit: string): Promise<Date> {
    checkCommit(commit);
    const found = await this.#mirror.objects.commit(commit);
    if (found === null) throw missing(commit, this.#mirror.url);
    return found.committedAt;
  }

  async tree(commit: string, path: string): Promise<readonly TreeEntry[]> {
    checkCommit(commit);
    const root = await this.#mirror.objects.find(commit, pathParts(path));
    if (root?.kind !== 'folder') return [];
    const nodes = (await this.#mirror.objects.below(root.oid)).filter(({ kind }) => kind !== 'folder');
    const sized = nodes.filter(({ kind }) => kind !== 'submodule');
    const sizes = await this.#mirror.objects.sizes(sized.map(({ oid }) => oid));
    const sizeOf = new Map(sized.map(({ path }, index) => [path, sizes[index] ?? 0]));
    return nodes.flatMap(({ path, kind }) => (kind === 'folder' ? [] : [{ path, kind, size: sizeOf.get(path) ?? 0 }]));
  }

  async readFile(commit: string, path: string, maxBytes: number): Promise<Buffer | null> {
    checkCommit(commit);
    const found = await this.#mirror.objects.find(commit, pathParts(path));
    if (found?.kind !== 'file') return null;
    const [size = 0] = await this.#mirror.objects.sizes([found.oid]);
    if (size > maxBytes)
      throw new ServiceError('source_unsupported', `${shown(path)} has ${size} bytes; ${maxBytes} are allowed.`);
    return this.#mirror.objects.blob(found.oid);
  }

  async changedPaths(from: string, to: string): Promise<readonly string[] | null> {
    if (!(await this.has(from)) || !(await this.has(to))) return null;
    const outcome = await this.#mirror.run(['diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to, '--']);
    if (outcome.code !== 0) return null;
    const paths = outcome.stdout.toString('utf8').split('\0').slice(0, -1);
    return paths.length > MAX_CHANGED ? null : paths;
  }

  archive(commit: string, path: string, signal?: AbortSignal): Readable {
    return archive(this.#mirror.objects, this.#times, commit, path, signal);
  }
}
