/** Ways in which a log can't be read. */
export type FailingKind = 'away' | 'missing' | 'refused';

/**
 * For how long something has failed, and for how long in the same way: a server that was away for minutes and has not yet
 * found its streams again is not one that has been without them for minutes.
 */
export class Failing {
  readonly #now: () => number;
  readonly #since: number;
  #kind: FailingKind | null = null;
  #alikeSince: number;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#since = now();
    this.#alikeSince = this.#since;
  }

  /** Notes another fault; milliseconds. */
  note(kind: FailingKind): { readonly totalMs: number; readonly alikeMs: number } {
    const now = this.#now();
    if (kind !== this.#kind) [this.#kind, this.#alikeSince] = [kind, now];
    return { totalMs: now - this.#since, alikeMs: now - this.#alikeSince };
  }
}
