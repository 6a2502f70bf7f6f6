import { ServiceError } from '../kernel/service-error.js';
import { Kept } from '../runtime/kept.js';
import type { Mirror } from './mirror.js';

/** Commits that are walked before git is asked: a push brings few, and each costs a fraction of a process. */
const WALK = 32;
/** Counts kept of one mirror, 0.1 KB each: the last one of each branch, from which the next is a step or two. */
const COUNTS_KEPT = 256;

/** Questions about commits of one mirror. Most pushes are answered from few commits, without a process. */
export class History {
  readonly #mirror: Mirror;
  readonly #counts = new Kept<number>(COUNTS_KEPT);

  constructor(mirror: Mirror) {
    this.#mirror = mirror;
  }

  /** True when `ancestor` is `descendant` or reachable from it. */
  async isAncestor(ancestor: string, descendant: string): Promise<boolean> {
    if (ancestor === descendant) return true;
    for await (const commit of this.#walk(descendant)) if (commit === ancestor) return true;
    const [from, to] = [await this.#mirror.objects.commit(ancestor), await this.#mirror.objects.commit(descendant)];
    if (from === null || to === null) return false;
    const outcome = await this.#mirror.run(['merge-base', '--is-ancestor', ancestor, descendant]);
    if (outcome.code === 0 || outcome.code === 1) return outcome.code === 0;
    throw this.#mirror.fault(outcome);
  }

  /** Commits reachable from `commit`, itself included. */
  async count(commit: string): Promise<number> {
    let steps = 0;
    for await (const at of this.#walk(commit)) {
      const known = this.#counts.get(at) ?? ((await this.#isRoot(at)) ? 1 : undefined);
      if (known !== undefined) return this.#keep(commit, known + steps);
      steps += 1;
    }
    const outcome = await this.#mirror.run(['rev-list', '--count', commit, '--']);
    if (outcome.code === 0) return this.#keep(commit, Number(outcome.stdout.toString('latin1')));
    throw this.#mirror.fault(outcome);
  }

  /** The commit and its ancestors while each has one parent, at most `WALK`. Throws `commit_missing`. */
  async *#walk(from: string): AsyncGenerator<string> {
    let at = from;
    for (let step = 0; step < WALK; step += 1) {
      const commit = await this.#mirror.objects.commit(at);
      if (commit === null) throw missing(at, this.#mirror.url);
      yield at;
      const [parent] = commit.parents;
      if (parent === undefined || commit.parents.length > 1) return;
      at = parent;
    }
  }

  async #isRoot(commit: string): Promise<boolean> {
    return (await this.#mirror.objects.commit(commit))?.parents.length === 0;
  }

  #keep(commit: string, count: number): number {
    this.#counts.set(commit, count);
    return count;
  }
}

export function missing(commit: string, url: string): ServiceError {
  return new ServiceError('commit_missing', `The commit ${commit} is not in ${url}.`);
}
