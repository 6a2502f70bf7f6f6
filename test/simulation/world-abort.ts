/**
 * `AbortController` and `AbortSignal` as far as the code of the service uses them. The platform's make events, weak
 * references and errors with stacks, which is a quarter of what a schedule costs; these do the same in the same order.
 */

/** Sets a timer of the process whose code runs. */
export type SetTimer = (ms: number, run: () => void) => void;

type Listener = (event: { readonly type: 'abort'; readonly target: WorldSignal }) => void;

const CALLED_OFF = new DOMException('This operation was aborted', 'AbortError');
const TOOK_TOO_LONG = new DOMException('The operation was aborted due to timeout', 'TimeoutError');

class WorldSignal {
  aborted = false;
  reason: unknown = undefined;
  /** In the order in which they came; each is called once at most, for a signal ends but once. */
  #listeners: Listener[] | null = null;
  /** Signals of `any` that end with this one. */
  #dependents: WorldSignal[] | null = null;
  /** For a signal of `any`: those on which it depends, none of which is one of `any`. */
  #sources: readonly WorldSignal[] | null = null;

  static abort(reason: unknown = CALLED_OFF): WorldSignal {
    const signal = new WorldSignal();
    signal.end(reason);
    return signal;
  }

  static any(signals: readonly WorldSignal[]): WorldSignal {
    const joined = new WorldSignal();
    const ended = signals.find(({ aborted }) => aborted);
    if (ended !== undefined) {
      joined.end(ended.reason);
      return joined;
    }
    const sources = signals.flatMap((signal) => signal.#sources ?? [signal]);
    joined.#sources = sources;
    for (const source of sources) {
      source.#dependents ??= [];
      source.#dependents.push(joined);
    }
    return joined;
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  addEventListener(_type: 'abort', listener: Listener): void {
    if (this.aborted) return;
    this.#listeners ??= [];
    if (!this.#listeners.includes(listener)) this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: Listener): void {
    const index = this.#listeners?.indexOf(listener) ?? -1;
    if (index >= 0) this.#listeners?.splice(index, 1);
  }

  /** As the standard has it: all that depend on it are marked first, then its listeners are called, then theirs. */
  end(reason: unknown): void {
    if (this.aborted) return;
    this.#mark(reason);
    const dependents = (this.#dependents ?? []).filter(({ aborted }) => !aborted);
    this.#dependents = null;
    for (const dependent of dependents) dependent.#mark(reason);
    this.#call();
    for (const dependent of dependents) dependent.#call();
  }

  #mark(reason: unknown): void {
    this.aborted = true;
    this.reason = reason;
  }

  #call(): void {
    // One that an earlier one takes away is not called.
    for (let next = this.#listeners?.shift(); next !== undefined; next = this.#listeners?.shift())
      next({ type: 'abort', target: this });
  }
}

class WorldController {
  readonly signal = new WorldSignal();

  abort(reason: unknown = CALLED_OFF): void {
    this.signal.end(reason);
  }
}

/** What stands in the place of the two globals. */
export function worldAborts(setTimer: SetTimer): {
  readonly AbortController: typeof AbortController;
  readonly AbortSignal: typeof AbortSignal;
} {
  class TimedSignal extends WorldSignal {
    static timeout(ms: number): WorldSignal {
      const signal = new WorldSignal();
      setTimer(ms, () => signal.end(TOOK_TOO_LONG));
      return signal;
    }
  }
  return {
    AbortController: WorldController as unknown as typeof AbortController,
    AbortSignal: TimedSignal as unknown as typeof AbortSignal,
  };
}
