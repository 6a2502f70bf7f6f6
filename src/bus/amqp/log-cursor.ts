import { randomUUID } from 'node:crypto';
import type { ConsumeMessage } from 'amqplib';
import { ServiceError, toError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import type { LogEntry, LogName, LogPosition, LogStart } from '../contract.js';
import { Failing } from './failing.js';
import { amqpFault, NOT_FOUND, PRECONDITION_FAILED, replyCode } from './faults.js';
import { entryOf, type LogSource, markerOf, placeOfRaw, putMarker } from './log-entries.js';
import { offsetOf, StreamReader, type StreamStart } from './streams.js';

/** How long a reader waits for the connection when it opens, and between two tries to open again; milliseconds. */
const CONNECT_PATIENCE_MS = 5_000;
const REOPEN_PAUSE_MS = 200;
/** How long a stream may be missing after a break (its node may be starting) before the log counts as gone; milliseconds. */
const MISSING_PATIENCE_MS = 10_000;
/**
 * How long a refusal is borne by who is reading already: a host that is made anew has its rights a moment later than its
 * name, and a node that has just come back refuses what it has no copy of yet; milliseconds.
 */
const REFUSED_PATIENCE_MS = 30_000;
/** How long a node of a cluster that has just come back may take to have its copy of a log again; milliseconds. */
const COPY_PATIENCE_MS = 20_000;
/** How long the server may take to send a message that is known to be there; milliseconds. */
const KNOWN_PATIENCE_MS = 10_000;
/** Chunks carry the broker's time, entries their publisher's: reading begins this much earlier and skips; seconds. */
const TIME_SLACK_S = 60;

/** What came at once: a part of the log, and the markers that were in it. */
export interface Slice {
  readonly entries: readonly LogEntry[];
  /** `before`: how many of the entries are before the marker. */
  readonly markers: readonly { readonly id: string; readonly before: number }[];
}

/** What the stream gave and nobody has looked at yet. */
interface Opened {
  readonly reader: StreamReader;
  readonly ahead: readonly ConsumeMessage[];
}

/**
 * A place in a log that moves on as slices are taken. It outlives breaks: the stream is opened again where the last slice
 * ended, if the message there is still the same; else the log was made anew or cut, and that is `position_lost`.
 */
export class LogCursor {
  readonly #source: LogSource;
  readonly #log: LogName;
  readonly #patienceMs: number;
  readonly #closing = new AbortController();
  #from: LogStart;
  #opened: Opened | null = null;

  private constructor(source: LogSource, log: LogName, from: LogStart, patienceMs: number) {
    this.#source = source;
    this.#log = log;
    this.#from = from;
    this.#patienceMs = patienceMs;
  }

  /** `patienceMs`: how long the cursor keeps trying when the log can't be read. Throws `usage`, `position_lost`. */
  static async open(source: LogSource, log: LogName, from: LogStart, patienceMs: number): Promise<LogCursor> {
    const cursor = new LogCursor(source, log, from, patienceMs);
    for (const until = performance.now() + COPY_PATIENCE_MS; ; ) {
      try {
        cursor.#opened = await cursor.#open();
        return cursor;
      } catch (thrown) {
        if (!isCopyMissing(thrown) || performance.now() > until) throw thrown;
        await pause(REOPEN_PAUSE_MS);
      }
    }
  }

  /** The next part of the log; waits for it. Null when the cursor was closed. */
  async next(): Promise<Slice | null> {
    let failing: Failing | null = null;
    while (!this.#closing.signal.aborted) {
      try {
        this.#opened ??= await this.#open();
        return this.#slice(await this.#taken(this.#opened));
      } catch (thrown) {
        await this.#drop();
        failing ??= new Failing();
        this.#mayGoOn(toError(thrown), failing);
        await pause(REOPEN_PAUSE_MS, this.#closing.signal);
      }
    }
    return null;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#drop();
  }

  /** Whether to open again after a fault; throws when that is hopeless. */
  #mayGoOn(error: Error, failing: Failing): void {
    if (this.#closing.signal.aborted) return;
    const fault = error instanceof ServiceError ? error : amqpFault(error, this.#source.place);
    const isMissing = replyCode(fault.cause) === NOT_FOUND;
    const isRefused = fault.code === 'bus_denied' || fault.code === 'bus_incompatible';
    const { totalMs, alikeMs } = failing.note(isMissing ? 'missing' : isRefused ? 'refused' : 'away');
    if (isMissing) {
      if (alikeMs > MISSING_PATIENCE_MS) throw this.#lost('the log is gone');
    } else if (isRefused) {
      if (alikeMs > REFUSED_PATIENCE_MS) throw fault;
    } else if (!fault.transient || totalMs > this.#patienceMs) throw fault;
  }

  async #drop(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    await opened?.reader.close();
  }

  async #taken(opened: Opened): Promise<readonly ConsumeMessage[]> {
    if (opened.ahead.length === 0) return opened.reader.take();
    this.#opened = { reader: opened.reader, ahead: [] };
    return opened.ahead;
  }

  /** Moves on behind `raws`. Markers and what is no entry of this log are places like all others. */
  #slice(raws: readonly ConsumeMessage[]): Slice {
    const entries: LogEntry[] = [];
    const markers: { id: string; before: number }[] = [];
    for (const raw of raws) {
      const marker = markerOf(raw);
      if (marker !== null) markers.push({ id: marker, before: entries.length });
      else {
        const entry = entryOf(this.#source, this.#log, raw);
        if (entry !== null && this.#isWanted(entry)) entries.push(entry);
      }
    }
    const last = raws.at(-1);
    // As long as a time has found nothing, it is still what is looked for.
    if (last !== undefined && !isTime(this.#from)) this.#from = { after: placeOfRaw(last) };
    return { entries, markers };
  }

  async #open(): Promise<Opened> {
    const from = this.#from;
    if (from === 'start') return { reader: await this.#reader('first'), ahead: [] };
    if (from === 'end') return this.#openAtEnd();
    if (isTime(from)) return { reader: await this.#reader(startOfTime(from.time)), ahead: [] };
    return this.#openAfter(from.after);
  }

  async #reader(start: StreamStart): Promise<StreamReader> {
    const { link, names, place } = this.#source;
    const model = await link.model(CONNECT_PATIENCE_MS);
    return StreamReader.open(model, names.log(this.#log), start, place);
  }

  /** The end of a log is where a marker is that was just put there. */
  async #openAtEnd(): Promise<Opened> {
    const { reader, marker, behind } = await this.#findEnd();
    this.#from = { after: marker };
    return { reader, ahead: behind };
  }

  async #openAfter(position: LogPosition): Promise<Opened> {
    const at = /^[0-9]{1,15}$/.test(position.at) ? Number(position.at) : -1;
    const end = await this.#findEnd();
    await end.reader.close();
    // The server waits silently when a number is past the end.
    if (at < 0 || at >= Number(end.marker.at)) throw this.#positionLost(position);
    const reader = await this.#reader({ offset: at });
    try {
      const [first, ...rest] = await this.#known(reader);
      if (first !== undefined && offsetOf(first) === at && placeOfRaw(first).id === position.id)
        return { reader, ahead: rest };
      throw this.#positionLost(position);
    } catch (thrown) {
      await reader.close();
      throw thrown;
    }
  }

  /** Puts a marker into the log and reads until it comes. */
  async #findEnd(): Promise<{
    readonly reader: StreamReader;
    readonly marker: LogPosition;
    readonly behind: readonly ConsumeMessage[];
  }> {
    const reader = await this.#reader('next');
    try {
      const id = randomUUID();
      await putMarker(this.#source, this.#log, id);
      for (;;) {
        const raws = await this.#known(reader);
        const index = raws.findIndex((raw) => markerOf(raw) === id);
        const marker = raws[index];
        if (marker === undefined) continue;
        return { reader, marker: placeOfRaw(marker), behind: raws.slice(index + 1) };
      }
    } catch (thrown) {
      await reader.close();
      throw thrown;
    }
  }

  /** Takes what must be there; a server that does not send it is not one to wait for. */
  async #known(reader: StreamReader): Promise<readonly ConsumeMessage[]> {
    const late = setTimeout(() => void reader.close(), KNOWN_PATIENCE_MS);
    try {
      return await reader.take();
    } catch (thrown) {
      const cause = toError(thrown);
      const text = `the bus ${this.#source.place} does not send what its log ${this.#log} holds`;
      throw cause instanceof ServiceError && cause.transient
        ? cause
        : new ServiceError('bus_unavailable', text, { transient: true, cause });
    } finally {
      clearTimeout(late);
    }
  }

  #isWanted(entry: LogEntry): boolean {
    if (!isTime(this.#from)) return true;
    if (entry.storedAt.getTime() < Math.floor(this.#from.time.getTime() / 1000) * 1000) return false;
    // From the first one on all are given: clocks of publishers differ, and what is left out can't be asked for.
    this.#from = 'start';
    return true;
  }

  #positionLost({ at, id }: LogPosition): ServiceError {
    return this.#lost(`message ${id} is no longer at place ${at}`);
  }

  #lost(what: string): ServiceError {
    return new ServiceError('position_lost', `log ${this.#log}: ${what}: the log was made anew or cut`);
  }
}

function isCopyMissing(thrown: unknown): boolean {
  return thrown instanceof ServiceError && thrown.transient && replyCode(thrown.cause) === PRECONDITION_FAILED;
}

function isTime(from: LogStart): from is { readonly time: Date } {
  return typeof from !== 'string' && 'time' in from;
}

/** Where reading begins for a time. One in the future is looked for from now on. */
export function startOfTime(time: Date, now = new Date()): StreamStart {
  const seconds = Math.floor(Math.min(time.getTime(), now.getTime()) / 1000) - TIME_SLACK_S;
  return seconds > 0 ? { seconds } : 'first';
}
