interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void | Promise<void>;
}

/** What is to happen in a world, in the order of its time. Time is virtual: it passes when nothing is left to do before. */
export class Events {
  /** Milliseconds since the beginning. */
  now = 0;
  /** A heap: none is before the one at half its place. */
  readonly #heap: Event[] = [];
  #order = 0;

  /** In `ms` milliseconds; what is due at the same time happens in the order in which it was asked for. */
  after(ms: number, run: Event['run']): void {
    const event = { at: this.now + Math.max(0, ms), order: this.#order, run };
    this.#order += 1;
    let place = this.#heap.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = this.#heap[above];
      if (other === undefined || isBefore(other, event)) break;
      this.#heap[place] = other;
      place = above;
    }
    this.#heap[place] = event;
  }

  /** Until nothing is left to happen. Throws when that is after `limitMs`: something goes on for ever. */
  async run(limitMs: number): Promise<void> {
    for (let event = this.#take(); event !== null; event = this.#take()) {
      if (event.at > limitMs) throw new Error(`something still happens after ${Math.round(limitMs / 1_000)} s`);
      this.now = event.at;
      // Most events are done at once; waiting for nothing would cost more than they do.
      const doing = event.run();
      if (doing !== undefined) await doing;
    }
  }

  #take(): Event | null {
    const [first] = this.#heap;
    const last = this.#heap.pop();
    if (first === undefined || last === undefined) return null;
    if (this.#heap.length === 0) return first;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const [one, two] = [this.#heap[left], this.#heap[left + 1]];
      if (one === undefined) break;
      const lower = two !== undefined && isBefore(two, one) ? two : one;
      if (isBefore(last, lower)) break;
      this.#heap[place] = lower;
      place = lower === one ? left : left + 1;
    }
    this.#heap[place] = last;
    return first;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
