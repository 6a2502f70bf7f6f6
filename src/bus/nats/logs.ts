import type { StreamInfo } from 'nats';
import { ServiceError, toError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import type { Follower, LogEntry, LogName, LogStart } from '../contract.js';
import type { Link } from './connect.js';
import { API, apiCode } from './faults.js';
import { LogReader, type ReadFrom, type ReadMessage } from './log-reader.js';
import type { Names } from './names.js';
import { streamInfo } from './streams.js';
import { isInternal } from './subjects.js';
import { decodeStored, fromCarried } from './wire.js';

/** How long one who waits to have caught up trusts in messages to come, before the end is asked for; milliseconds. */
const END_CHECK_MS = 250;
/** How long a break is waited for by one who asks for a log's end, and before asking again; milliseconds. */
const BREAK_PATIENCE_MS = 20_000;
const BREAK_PAUSE_MS = 200;

/** One log of a bus. */
export interface Log {
  readonly link: Link;
  readonly name: LogName;
  readonly stream: string;
}

export function logNamed(link: Link, names: Names, name: LogName): Log {
  return { link, name, stream: names[name] };
}

/** Where reading begins, in a stream as it is now. Throws `position_lost`. */
async function startOf(log: Log, info: StreamInfo, from: LogStart): Promise<ReadFrom> {
  if (from === 'start') return { seq: 1 };
  if (from === 'end') return { seq: info.state.last_seq + 1 };
  if ('time' in from) return { time: from.time };
  const seq = /^[1-9][0-9]{0,14}$/.test(from.after.at) ? Number(from.after.at) : 0;
  if (seq > 0 && seq <= info.state.last_seq && (await idAt(log, seq)) === from.after.id) return { seq: seq + 1 };
  throw new ServiceError(
    'position_lost',
    `message ${from.after.id} is no longer at place ${from.after.at} of the log ${log.name}: the log was made anew or cut`,
  );
}

async function idAt({ link, name, stream }: Log, seq: number): Promise<string | null> {
  try {
    const { subject, header, data, time } = await link.jsm.streams.getMessage(stream, { seq });
    const { raw } = fromCarried({ subject, headers: header, data }, name === 'dead');
    const message = decodeStored(raw, stream, seq, time.getTime());
    return message.ok ? message.value.id : null;
  } catch (thrown) {
    if (apiCode(thrown) === API.messageNotFound) return null;
    throw link.errorOf(thrown);
  }
}

async function infoOf({ link, name, stream }: Log): Promise<StreamInfo> {
  const info = await streamInfo(link, stream);
  if (info !== null) return info;
  throw new ServiceError('bus_incompatible', `the log ${name} is not there: the stream ${stream} is missing`);
}

/** As `infoOf`, where a break may be going on: it is waited for, within a bound. */
async function infoWhenBack(log: Log): Promise<StreamInfo> {
  const end = performance.now() + BREAK_PATIENCE_MS;
  for (;;) {
    try {
      await log.link.whenUp(end - performance.now());
      return await infoOf(log);
    } catch (thrown) {
      const fault = log.link.errorOf(thrown);
      if (!fault.transient || log.link.closed || performance.now() > end) throw fault;
      await pause(BREAK_PAUSE_MS);
    }
  }
}

/** Bytes that are no message are left out; their groups dead-letter them. */
function entriesOf(log: Log, messages: readonly ReadMessage[]): LogEntry[] {
  const entries: LogEntry[] = [];
  for (const { msg, place } of messages) {
    if (isInternal(msg.subject)) continue;
    const { raw } = fromCarried(msg, log.name === 'dead');
    const message = decodeStored(raw, place.stream, place.seq, place.storedMs);
    if (!message.ok) continue;
    entries.push({
      position: { at: String(place.seq), id: message.value.id },
      storedAt: new Date(place.storedMs),
      message: message.value,
    });
  }
  return entries;
}

/** A log up to its end at the time of the call. */
export async function* readLog(log: Log, from: LogStart): AsyncGenerator<readonly LogEntry[]> {
  await log.link.whenUp(0);
  const info = await infoOf(log);
  const end = info.state.last_seq;
  const start = await startOf(log, info, from);
  if (info.state.messages === 0 || ('seq' in start && start.seq > end)) return;
  const reader = await LogReader.open(log.link, log.stream, info.created, start);
  try {
    let isOver = reader.waiting === 0;
    while (!isOver) {
      const messages = await reader.next();
      const last = messages?.at(-1)?.place;
      if (messages === null || last === undefined) return;
      isOver = last.seq >= end || last.pending === 0;
      const entries = entriesOf(
        log,
        messages.filter(({ place }) => place.seq <= end),
      );
      if (entries.length > 0) yield entries;
    }
  } finally {
    await reader.close();
  }
}

type OnBatch = (batch: readonly LogEntry[]) => void | Promise<void>;

/** Follows a log until it is stopped. */
export class NatsFollower implements Follower {
  readonly stopped: Promise<void>;
  readonly #log: Log;
  readonly #reader: LogReader;
  readonly #onBatch: OnBatch;
  #handled: number;
  #stopping = false;
  /** `onBatch` runs. */
  #busy = false;
  #waiting: { readonly seq: number; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  private constructor(log: Log, reader: LogReader, handled: number, onBatch: OnBatch) {
    this.#log = log;
    this.#reader = reader;
    this.#handled = handled;
    this.#onBatch = onBatch;
    this.stopped = this.#run();
    // Whoever looks at `stopped` sees the fault; whoever does not must not be ended by it.
    this.stopped.catch(() => undefined);
  }

  static async open(log: Log, from: LogStart, onBatch: OnBatch): Promise<NatsFollower> {
    await log.link.whenUp(0);
    const info = await infoOf(log);
    const start = await startOf(log, info, from);
    const reader = await LogReader.open(log.link, log.stream, info.created, start);
    return new NatsFollower(log, reader, 'seq' in start ? start.seq - 1 : 0, onBatch);
  }

  async caughtUp(): Promise<void> {
    if (this.#stopping) throw this.#hasStopped();
    const { state } = await infoWhenBack(this.#log);
    if (state.last_seq <= this.#handled) return;
    if (this.#stopping) throw this.#hasStopped();
    const there = new Promise<void>((resolve, reject) => this.#waiting.push({ seq: state.last_seq, resolve, reject }));
    const check = setInterval(() => void this.#checkEnd(state.last_seq), END_CHECK_MS);
    if (state.messages === 0 || state.last_seq - this.#handled > state.messages) void this.#checkEnd(state.last_seq);
    await there.finally(() => clearInterval(check));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#reader.close();
    await this.stopped.catch(() => undefined);
  }

  /** The last messages of a log may have been deleted: none of them will come. */
  async #checkEnd(seq: number): Promise<void> {
    const handled = this.#handled;
    try {
      if (this.#busy || !(await this.#reader.isAtEnd()) || this.#busy || handled !== this.#handled) return;
      this.#arrive(Math.max(seq, this.#handled));
    } catch {
      // The reader is being mended; it is looked at again.
    }
  }

  async #run(): Promise<void> {
    try {
      await this.#giveBatches();
    } finally {
      this.#stopping = true;
      for (const { reject } of this.#waiting.splice(0)) reject(this.#hasStopped());
      await this.#reader.close();
    }
  }

  async #giveBatches(): Promise<void> {
    for (;;) {
      const messages = await this.#reader.next();
      if (messages === null || this.#stopping) return;
      this.#busy = true;
      const entries = entriesOf(this.#log, messages);
      try {
        if (entries.length > 0) await this.#onBatch(entries);
      } catch (thrown) {
        throw toError(thrown);
      } finally {
        this.#busy = false;
      }
      this.#arrive(messages.at(-1)?.place.seq ?? this.#handled);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #arrive(seq: number): void {
    this.#handled = seq;
    const there = this.#waiting.filter((one) => one.seq <= seq);
    this.#waiting = this.#waiting.filter((one) => one.seq > seq);
    for (const { resolve } of there) resolve();
  }

  #hasStopped(): ServiceError {
    return new ServiceError('bus_unavailable', `the follower of the log ${this.#log.name} has stopped`);
  }
}
