import type { Bus, LogEntry, LogName, LogStart } from '../../bus/index.js';
import type { Source } from '../ports.js';

type Kept = Exclude<LogName, 'dead'>;

/** Some logs as one, in the order of storing, to their ends at the time of the first look. */
export async function* inOrder(
  bus: Pick<Bus, 'read'>,
  logs: readonly Kept[],
  from: LogStart,
): AsyncGenerator<readonly LogEntry[]> {
  const readers = logs.map((log) => new Reader(bus.read(log, from)));
  try {
    for (;;) {
      const next: { readonly reader: Reader; readonly at: Date }[] = [];
      // Before the first one is given each log has been looked at: that fixes its end.
      for (const reader of readers) {
        const entry = await reader.peek();
        if (entry !== null) next.push({ reader, at: entry.storedAt });
      }
      next.sort((a, b) => a.at.getTime() - b.at.getTime());
      const [first, second] = next;
      if (first === undefined) return;
      yield first.reader.take(second?.at ?? null);
    }
  } finally {
    for (const reader of readers) await reader.close();
  }
}

/** The logs of a bus, from `since` (else the start) to `until` (else the end as it is now). */
export async function* logSource(
  bus: Pick<Bus, 'read'>,
  logs: readonly Kept[],
  { since, until }: { readonly since: Date | null; readonly until: Date | null },
): Source & AsyncGenerator {
  for await (const batch of inOrder(bus, logs, since === null ? 'start' : { time: since })) {
    const wanted = until === null ? batch : batch.filter(({ storedAt }) => storedAt <= until);
    yield wanted.map(({ message, storedAt }) => ({ message, line: null, at: storedAt }));
    // Stored times of a log rise, but for the second that RabbitMQ knows them to.
    if (wanted.length < batch.length && isWellAfter(batch.at(-1), until)) return;
  }
}

function isWellAfter(entry: LogEntry | undefined, until: Date | null): boolean {
  return entry !== undefined && until !== null && entry.storedAt.getTime() > until.getTime() + 60_000;
}

/** One log, looked at one entry ahead. */
class Reader {
  readonly #batches: AsyncIterator<readonly LogEntry[]>;
  #batch: readonly LogEntry[] = [];

  constructor(batches: AsyncIterable<readonly LogEntry[]>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  async peek(): Promise<LogEntry | null> {
    while (this.#batch.length === 0) {
      const next = await this.#batches.next();
      if (next.done) return null;
      this.#batch = next.value;
    }
    return this.#batch[0] ?? null;
  }

  /** What is at hand and was stored no later than this; at least one. */
  take(until: Date | null): readonly LogEntry[] {
    const later = until === null ? -1 : this.#batch.findIndex((entry) => entry.storedAt > until);
    const count = later === -1 ? this.#batch.length : Math.max(1, later);
    const taken = this.#batch.slice(0, count);
    this.#batch = this.#batch.slice(count);
    return taken;
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}
