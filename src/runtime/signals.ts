/** What a process is told by SIGTERM and SIGINT. */
export interface StopSignals {
  /** Ends with the first signal; its reason is the signal's name. */
  readonly stop: AbortSignal;
  /** Ends with the second one: stop at once. */
  readonly now: AbortSignal;
  /** Gives the signals back to their defaults. */
  release(): void;
}

/** The part of `process` that is needed; a test gives its own. */
export interface SignalSource {
  on(signal: 'SIGTERM' | 'SIGINT', listener: (signal: string) => void): unknown;
  removeListener(signal: 'SIGTERM' | 'SIGINT', listener: (signal: string) => void): unknown;
}

/** Listens to SIGTERM and SIGINT: the first asks for a graceful stop, the second for one at once. */
export function stopSignals(source: SignalSource = process): StopSignals {
  const stop = new AbortController();
  const now = new AbortController();
  const onSignal = (signal: string): void => {
    if (stop.signal.aborted) now.abort(signal);
    else stop.abort(signal);
  };
  source.on('SIGTERM', onSignal);
  source.on('SIGINT', onSignal);
  return {
    stop: stop.signal,
    now: now.signal,
    release: () => {
      source.removeListener('SIGTERM', onSignal);
      source.removeListener('SIGINT', onSignal);
    },
  };
}

/** Resolves when the signal ends; never rejects. */
export function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Runs work with a signal that ends with the first of these, or after so many milliseconds. For signals that live long:
 * each `AbortSignal.any` leaves a trace in those it is given, for as long as they live.
 */
export async function withFirst<T>(
  signals: readonly AbortSignal[],
  ms: number | null,
  work: (first: AbortSignal) => Promise<T>,
): Promise<T> {
  const first = new AbortController();
  const leave = signals.map((signal) => {
    const end = (): void => first.abort(signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    return () => signal.removeEventListener('abort', end);
  });
  const late = (): void => first.abort(new DOMException('The time is over.', 'TimeoutError'));
  const timer = ms === null ? null : setTimeout(late, ms);
  timer?.unref();
  try {
    return await work(first.signal);
  } finally {
    if (timer !== null) clearTimeout(timer);
    for (const each of leave) each();
  }
}
