import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { ServiceError } from '../../kernel/service-error.js';
import { closeChannel } from './close.js';
import { amqpFault } from './faults.js';

/** Messages that the server sends ahead: what one reader has in memory at most, twice over while a batch is handled. */
export const WINDOW = 128;

/** Name of the header in which the server tells a message's offset (rabbitmq.com/docs/streams). */
const OFFSET = 'x-stream-offset';

/** Where a reader begins: an offset is exact, a time (seconds since 1970) is that of a chunk of messages. */
export type StreamStart = 'first' | 'next' | { readonly offset: number } | { readonly seconds: number };

/** A message's place in its stream; -1 when the server did not say: it is no stream. */
export function offsetOf(raw: ConsumeMessage): number {
  const offset: unknown = raw.properties.headers?.[OFFSET];
  return typeof offset === 'number' && Number.isSafeInteger(offset) ? offset : -1;
}

function argument(start: StreamStart): string | number | { readonly '!': 'timestamp'; readonly value: number } {
  if (typeof start === 'string') return start;
  return 'offset' in start ? start.offset : { '!': 'timestamp', value: start.seconds };
}

/**
 * One consumer of one stream, on a channel of its own: a fault of it (no such stream, a delivery held too long) closes
 * the channel, and must not take others along. Pulled: what is not taken is not sent.
 */
export class StreamReader {
  readonly #channel: Channel;
  readonly #place: string;
  #buffer: ConsumeMessage[] = [];
  #fault: ServiceError | null = null;
  #wake: (() => void) | null = null;

  private constructor(channel: Channel, place: string) {
    this.#channel = channel;
    this.#place = place;
  }

  /** Resolves when the server has found the start: what is stored later comes. `place` names the bus in errors. */
  static async open(model: ChannelModel, stream: string, start: StreamStart, place: string): Promise<StreamReader> {
    let reader: StreamReader | null = null;
    try {
      reader = new StreamReader(await model.createChannel(), place);
      await reader.#consume(stream, start);
      return reader;
    } catch (thrown) {
      const fault = reader?.fault ?? amqpFault(thrown, place);
      await reader?.close();
      throw fault;
    }
  }

  /** Why the reader gets nothing more; null while it does. */
  get fault(): ServiceError | null {
    return this.#fault;
  }

  /**
   * All that has come since the last call, in order; waits for one message at least. Throws what ended the reader,
   * `close` included.
   */
  async take(): Promise<readonly ConsumeMessage[]> {
    while (this.#buffer.length === 0 && this.#fault === null) await this.#more();
    const taken = this.#buffer;
    const last = taken.at(-1);
    if (last === undefined) throw this.#fault ?? gone(this.#place);
    this.#buffer = [];
    // Nothing hangs on this acknowledgement but the room for the next window. It throws on a channel that is gone.
    if (this.#fault === null) this.#channel.ack(last, true);
    return taken;
  }

  /** Ends the consumer; harmless when it has ended. */
  async close(): Promise<void> {
    const over = this.#fault !== null;
    this.#end(new ServiceError('bus_unavailable', 'the reader is closed'));
    if (!over) await closeChannel(this.#channel);
  }

  async #consume(stream: string, start: StreamStart): Promise<void> {
    const channel = this.#channel;
    channel.on('error', (thrown: Error) => this.#end(amqpFault(thrown, this.#place)));
    channel.on('close', () => this.#end(gone(this.#place)));
    await channel.prefetch(WINDOW);
    await channel.consume(
      stream,
      (raw) => {
        if (raw === null) this.#end(gone(this.#place));
        else if (this.#fault === null) this.#buffer.push(raw);
        this.#wake?.();
      },
      { noAck: false, arguments: { [OFFSET]: argument(start) } },
    );
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
  }

  /** The first fault is the reason, later ones follow from it. */
  #end(fault: ServiceError): void {
    this.#fault ??= fault;
    this.#wake?.();
  }
}

function gone(place: string): ServiceError {
  return new ServiceError('bus_unavailable', `the bus ${place} ended a reader of a log`, { transient: true });
}
