import type { Parent } from '../../messages/index.js';
import { type Edge, type EndedBuild, keyOf } from './node.js';

const NOBODY: ReadonlySet<string> = new Set();

/** Which nodes have to be looked at again when a build, a name or a node is another. */
export class Uses {
  /** Keys of nodes by what they name: a build, a digest, a name, another node's key. */
  readonly #users = new Map<string, Set<string>>();
  readonly #named = new Map<string, { readonly tokens: ReadonlySet<string>; readonly parents: readonly Parent[] }>();

  /** Notes what a node names. Gives the parents that it names no more. */
  set(key: string, parents: readonly Parent[], edges: readonly Edge[]): readonly Parent[] {
    const before = this.#named.get(key);
    const from = edges.flatMap((edge) => (edge.from === null ? [] : [`node ${keyOf(edge.from)}`]));
    // The rows are the same ones as long as nothing was built.
    const isAsBefore =
      before?.parents.length === parents.length &&
      parents.every((parent, at) => parent === before.parents[at]) &&
      from.every((token) => before.tokens.has(token));
    if (isAsBefore) return [];
    const tokens = new Set([...parents.flatMap(tokensOf), ...from]);
    this.#named.set(key, { tokens, parents });
    for (const token of tokens) {
      const users = this.#users.get(token);
      if (users === undefined) this.#users.set(token, new Set([key]));
      else users.add(key);
    }
    for (const token of before?.tokens ?? []) {
      if (tokens.has(token)) continue;
      const users = this.#users.get(token);
      users?.delete(key);
      if (users?.size === 0) this.#users.delete(token);
    }
    return (before?.parents ?? []).filter((parent) => tokensOf(parent).some((token) => !tokens.has(token)));
  }

  /** Who stood on a build. */
  of({ id, image }: Pick<EndedBuild, 'id' | 'image'>): ReadonlySet<string> {
    const byId = this.#get(`build ${id}`);
    const byDigest = image === null ? NOBODY : this.#get(`digest ${image.digest}`);
    return byDigest.size === 0 ? byId : byId.size === 0 ? byDigest : new Set([...byId, ...byDigest]);
  }

  /** Whether anybody stood on a build. */
  hasAny({ id, image }: Pick<EndedBuild, 'id' | 'image'>): boolean {
    return this.#get(`build ${id}`).size > 0 || (image !== null && this.#get(`digest ${image.digest}`).size > 0);
  }

  ofName(name: string): ReadonlySet<string> {
    return this.#get(`name ${name}`);
  }

  ofKey(key: string): ReadonlySet<string> {
    return this.#get(`node ${key}`);
  }

  #get(token: string): ReadonlySet<string> {
    return this.#users.get(token) ?? NOBODY;
  }
}

function tokensOf({ resolved, digest, build }: Parent): readonly string[] {
  return [`name ${resolved}`, `digest ${digest}`, ...(build === null ? [] : [`build ${build}`])];
}
