import { randomUUID } from 'node:crypto';
import { ServiceError, toError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import type { Follower, LogEntry, LogName, LogStart } from '../contract.js';
import { LogCursor, type Slice } from './log-cursor.js';
import { type LogSource, putMarker } from './log-entries.js';

/** How long a read goes on trying when the bus is away; milliseconds. A follower never gives up. */
const READ_PATIENCE_MS = 30_000;
/** How long before a marker that could not be stored is tried again; milliseconds. */
const RESEND_PAUSE_MS = 200;

type OnBatch = (batch: readonly LogEntry[]) => void | Promise<void>;

/** The logs of one open bus: streams, read and followed. */
export class AmqpLogs {
  readonly #source: LogSource;
  readonly #hasGit: boolean;
  readonly #followers = new Set<AmqpFollower>();

  /** `hasGit`: whether the topology has a log `git`. */
  constructor(source: LogSource, hasGit: boolean) {
    this.#source = source;
    this.#hasGit = hasGit;
  }

  /** A log up to its end at the time of the call. Throws `position_lost`, `bus_unavailable`, `usage`. */
  async *read(log: LogName, from: LogStart): AsyncGenerator<readonly LogEntry[]> {
    this.#check(log);
    if (from === 'end') return;
    const cursor = await LogCursor.open(this.#source, log, from, READ_PATIENCE_MS);
    try {
      const id = randomUUID();
      await putMarker(this.#source, log, id);
      for (let slice = await cursor.next(); slice !== null; slice = await cursor.next()) {
        const end = slice.markers.find((marker) => marker.id === id);
        const entries = end === undefined ? slice.entries : slice.entries.slice(0, end.before);
        if (entries.length > 0) yield entries;
        if (end !== undefined) return;
      }
    } finally {
      await cursor.close();
    }
  }

  async follow(log: LogName, from: LogStart, onBatch: OnBatch): Promise<Follower> {
    this.#check(log);
    const cursor = await LogCursor.open(this.#source, log, from, Number.POSITIVE_INFINITY);
    const follower = new AmqpFollower(this.#source, log, cursor, onBatch);
    this.#followers.add(follower);
    void follower.stopped.catch(() => undefined).finally(() => this.#followers.delete(follower));
    return follower;
  }

  /** Stops all followers; their batches are awaited. */
  async close(): Promise<void> {
    await Promise.all([...this.#followers].map((follower) => follower.stop()));
  }

  #check(log: LogName): void {
    if (log === 'git' && !this.#hasGit) throw new ServiceError('usage', 'no git topics are configured: no log git');
  }
}

/** Callers of `caughtUp` that share one marker. */
interface Waiters {
  readonly arrived: Promise<void>;
  arrive(): void;
  fail(error: Error): void;
}

/** Follows a log until it is stopped. */
class AmqpFollower implements Follower {
  readonly stopped: Promise<void>;
  readonly #source: LogSource;
  readonly #log: LogName;
  readonly #cursor: LogCursor;
  readonly #onBatch: OnBatch;
  /** By marker. */
  readonly #waiting = new Map<string, Waiters>();
  /** Those whose marker is not on its way yet: a caller may still join them. */
  #joinable: Promise<void> | null = null;
  /** Ends when the last marker is stored. */
  #sent: Promise<void> = Promise.resolve();
  readonly #ended = new AbortController();

  constructor(source: LogSource, log: LogName, cursor: LogCursor, onBatch: OnBatch) {
    this.#source = source;
    this.#log = log;
    this.#cursor = cursor;
    this.#onBatch = onBatch;
    this.stopped = this.#run().finally(() => this.#end());
    // Whoever looks at `stopped` sees the fault; whoever does not must not be ended by it.
    this.stopped.catch(() => undefined);
  }

  caughtUp(): Promise<void> {
    if (this.#ended.signal.aborted) return Promise.reject(hasStopped(this.#log));
    this.#joinable ??= this.#nextMarker();
    return this.#joinable;
  }

  async stop(): Promise<void> {
    await this.#cursor.close();
    await this.stopped.catch(() => undefined);
  }

  /** One marker at a time is on its way: whoever comes meanwhile waits for the next, all together. */
  #nextMarker(): Promise<void> {
    const marker = randomUUID();
    const waiters = newWaiters();
    this.#waiting.set(marker, waiters);
    const before = this.#sent;
    this.#sent = (async () => {
      await before;
      this.#joinable = null;
      await this.#send(marker).catch((thrown: unknown) => {
        this.#waiting.delete(marker);
        waiters.fail(toError(thrown));
      });
    })();
    return waiters.arrived;
  }

  /** A marker that is stored comes, whatever breaks: the cursor sees to that. Twice is harmless. */
  async #send(marker: string): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        await putMarker(this.#source, this.#log, marker);
        return;
      } catch (thrown) {
        if (!(thrown instanceof ServiceError && thrown.transient)) throw thrown;
        await pause(RESEND_PAUSE_MS, this.#ended.signal);
      }
    }
  }

  async #run(): Promise<void> {
    try {
      for (let slice = await this.#cursor.next(); slice !== null; slice = await this.#cursor.next()) {
        await this.#give(slice);
      }
    } catch (thrown) {
      throw toError(thrown);
    } finally {
      await this.#cursor.close();
    }
  }

  async #give({ entries, markers }: Slice): Promise<void> {
    if (entries.length > 0) await this.#onBatch(entries);
    for (const { id } of markers) {
      this.#waiting.get(id)?.arrive();
      this.#waiting.delete(id);
    }
  }

  #end(): void {
    this.#ended.abort();
    for (const waiters of this.#waiting.values()) waiters.fail(hasStopped(this.#log));
    this.#waiting.clear();
  }
}

function hasStopped(log: LogName): ServiceError {
  return new ServiceError('bus_unavailable', `the follower of the log ${log} has stopped`);
}

function newWaiters(): Waiters {
  let arrive: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const arrived = new Promise<void>((resolve, reject) => {
    arrive = resolve;
    fail = reject;
  });
  // Each caller sees the fault; should all have gone, it is nobody's.
  arrived.catch(() => undefined);
  return { arrived, arrive: () => arrive(), fail: (error) => fail(error) };
}
