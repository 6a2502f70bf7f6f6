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
