/** One run of shared work: who waits for it, and what ends it when nobody does any more. */
interface Flight<T> {
  readonly controller: AbortController;
  readonly result: Promise<T>;
  waiting: number;
}

/**
 * Shares work among calls with one key. A call never joins work that has begun before it (that could have looked too
 * early): it joins the next, of which there is one at most. Work that all its callers gave up is ended.
 */
export class Flights<T> {
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #next = new Map<string, Flight<T>>();
  readonly #all = new Set<Flight<T>>();

  /** The result of work that begins after this call. Throws the signal's reason when that ends first. */
  async join(key: string, work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const flight = this.#next.get(key) ?? this.#plan(key, work);
    flight.waiting += 1;
    const leave = (): void => {
      flight.waiting -= 1;
      if (flight.waiting > 0) return;
      if (this.#next.get(key) === flight) this.#next.delete(key);
      flight.controller.abort(signal?.reason);
    };
    if (signal === undefined) return flight.result;
    return new Promise<T>((resolve, reject) => {
      const aborted = (): void => {
        leave();
        reject(signal.reason);
      };
      signal.addEventListener('abort', aborted, { once: true });
      flight.result.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
    });
  }

  /** Ends everything that runs and waits until it has ended. */
  async abort(reason: Error): Promise<void> {
    for (const flight of this.#all) flight.controller.abort(reason);
    await Promise.allSettled([...this.#all].map(({ result }) => result));
  }

  #plan(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const before = this.#running.get(key) ?? Promise.resolve();
    const begin = async (): Promise<T> => {
      await before;
      controller.signal.throwIfAborted();
      this.#next.delete(key);
      return work(controller.signal);
    };
    const result = begin();
    const flight: Flight<T> = { controller, result, waiting: 0 };
    const over = result.then(
      () => undefined,
      () => undefined,
    );
    this.#next.set(key, flight);
    this.#all.add(flight);
    this.#running.set(key, over);
    void over.then(() => {
      this.#all.delete(flight);
      if (this.#next.get(key) === flight) this.#next.delete(key);
      if (this.#running.get(key) === over) this.#running.delete(key);
    });
    return flight;
  }
}
