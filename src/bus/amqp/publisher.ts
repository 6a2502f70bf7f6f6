import { randomUUID } from 'node:crypto';
import type { ChannelModel, ConfirmChannel, Options } from 'amqplib';
import { LIMITS } from '../../kernel/limits.js';
import { ServiceError, toError } from '../../kernel/service-error.js';
import type { Headers, RawMessage } from '../../messages/index.js';
import { pause } from '../../runtime/clock.js';
import { closeChannel } from './close.js';
import { amqpFault } from './faults.js';
import type { Link } from './link.js';
import { type Names, TOPIC_EXCHANGE } from './names.js';
import { propertiesOf, ROUTING_HEADERS } from './wire.js';

/** How long a publish may take, a broken connection included, and the pause between two tries; milliseconds. */
const PATIENCE_MS = 15_000;
const PAUSE_MS = 100;
/** Longest routing key, and name of a header; bytes (AMQP 0-9-1, 4.2.5.3: a short string). */
const SHORT_STRING = 255;

interface PublisherParts {
  readonly link: Pick<Link, 'model' | 'blocked' | 'now'>;
  readonly names: Names;
  /** Whether a log keeps a topic: then nobody may lose it silently. */
  readonly isLogged: (topic: string) => boolean;
  /** Makes again what is missing. */
  readonly redeclare: (model: ChannelModel) => Promise<void>;
}

/** One publish, on its way as often as needed. */
interface Parcel {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly options: Options.Publish;
}

/** A channel with confirms, and what the broker gave back or said before it closed it. */
interface Line {
  readonly model: ChannelModel;
  readonly channel: ConfirmChannel;
  readonly returned: Set<string>;
  reason: Error | null;
  closed: boolean;
}

interface Opened {
  readonly model: ChannelModel;
  readonly line: Promise<Line>;
}

/** All publishing of a bus: each publish is confirmed, those that a log keeps are mandatory. */
export class Publisher {
  readonly #parts: PublisherParts;
  readonly #running = new Set<Promise<void>>();
  /** The channel of now; a closed one is forgotten. */
  #opened: Opened | null = null;
  #closed = false;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  /** Throws `bus_unavailable`, `bus_denied`, `message_too_large`, `message_invalid`. */
  async publish(raw: RawMessage): Promise<void> {
    checkTopic(raw.topic);
    checkHeaders(raw.topic, raw.headers);
    await this.#track({
      exchange: TOPIC_EXCHANGE,
      routingKey: raw.topic,
      content: Buffer.from(raw.content),
      options: { ...propertiesOf(raw.id, raw.headers, Date.now()), mandatory: this.#parts.isLogged(raw.topic) },
    });
  }

  /** Puts a message straight into one queue or stream of ours. Throws as `publish`. */
  async store(queue: string, content: Buffer, options: Options.Publish): Promise<void> {
    checkHeaders(queue, (options.headers ?? {}) as Headers);
    await this.#track({
      exchange: this.#parts.names.direct,
      routingKey: queue,
      content,
      options: { correlationId: randomUUID(), ...options, mandatory: true },
    });
  }

  /** Takes nothing more, and waits for what is on its way. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #track(parcel: Parcel): Promise<void> {
    if (this.#closed) return Promise.reject(new ServiceError('bus_unavailable', 'the bus is closed'));
    const work = this.#send(parcel);
    this.#running.add(work);
    const done = (): void => {
      this.#running.delete(work);
    };
    work.then(done, done);
    return work;
  }

  async #send(parcel: Parcel): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        const line = await this.#open(until - performance.now());
        await this.#try(line, parcel, until);
        return;
      } catch (thrown) {
        const fault = amqpFault(thrown, this.#parts.names.place);
        if (closesChannels(fault)) return this.#alone(parcel, until, fault);
        if (!fault.transient || performance.now() > until) throw fault;
        await pause(PAUSE_MS);
      }
    }
  }

  /** A channel is closed for what one publish did: each that was on it is tried once more, on a channel of its own. */
  async #alone(parcel: Parcel, until: number, fault: ServiceError): Promise<void> {
    const model = this.#parts.link.now;
    if (model === null) throw fault;
    const line = await lineOn(model);
    try {
      await this.#try(line, parcel, until);
    } catch (thrown) {
      throw amqpFault(thrown, this.#parts.names.place);
    } finally {
      await closeChannel(line.channel);
    }
  }

  async #open(patienceMs: number): Promise<Line> {
    const model = await this.#parts.link.model(Math.max(0, patienceMs));
    if (this.#opened?.model !== model) this.#opened = this.#openOn(model);
    return this.#opened.line;
  }

  #openOn(model: ChannelModel): Opened {
    const opened: Opened = { model, line: lineOn(model) };
    const forget = (): void => {
      if (this.#opened === opened) this.#opened = null;
    };
    opened.line.then(({ channel }) => channel.once('close', forget), forget);
    return opened;
  }

  async #try(line: Line, parcel: Parcel, until: number): Promise<void> {
    await confirmed(line, parcel, until - performance.now(), () => this.#silence());
    if (!line.returned.delete(keyOf(parcel.exchange, parcel.routingKey, parcel.options))) return;
    await this.#parts.redeclare(line.model);
    const what = `the queues and logs for ${parcel.routingKey} are missing on ${this.#parts.names.place}`;
    throw new ServiceError('bus_unavailable', what, { transient: true });
  }

  #silence(): ServiceError {
    const { link, names } = this.#parts;
    const why = link.blocked === null ? 'does not confirm in time' : `takes no messages: ${link.blocked}`;
    return new ServiceError('bus_unavailable', `${names.place} ${why}`, { transient: true });
  }
}

function closesChannels({ code }: ServiceError): boolean {
  return code === 'bus_denied' || code === 'bus_incompatible';
}

async function lineOn(model: ChannelModel): Promise<Line> {
  const channel = await model.createConfirmChannel();
  const line: Line = { model, channel, returned: new Set(), reason: null, closed: false };
  channel.on('error', (error: Error) => {
    line.reason = error;
  });
  channel.on('close', () => {
    line.closed = true;
  });
  // The broker gives back before it confirms.
  channel.on('return', ({ fields, properties }) => {
    line.returned.add(keyOf(fields.exchange, fields.routingKey, properties));
  });
  return line;
}

function keyOf(exchange: string, routingKey: string, { messageId, correlationId }: Options.Publish): string {
  return [exchange, routingKey, messageId ?? '', correlationId ?? ''].join('\n');
}

function confirmed(line: Line, parcel: Parcel, patienceMs: number, silence: () => Error): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(silence()), Math.max(0, patienceMs));
    const { exchange, routingKey, content, options } = parcel;
    const end = (error: unknown): void => {
      clearTimeout(timer);
      if (error === null || error === undefined) resolve();
      // What closed the channel is told first by its `error`, or by nothing when the connection broke.
      else setImmediate(() => reject(line.reason ?? toError(error)));
    };
    try {
      line.channel.publish(exchange, routingKey, content, options, end);
    } catch (thrown) {
      clearTimeout(timer);
      reject(line.closed ? (line.reason ?? thrown) : encodingFault(routingKey, thrown));
    }
  });
}

/** The driver throws on what the protocol can't hold, before anything is sent. */
function encodingFault(routingKey: string, thrown: unknown): Error {
  const error = toError(thrown);
  if (error.name === 'IllegalOperationError') return error;
  const code = error instanceof RangeError ? 'message_too_large' : 'message_invalid';
  return new ServiceError(code, `AMQP can't carry a message to ${routingKey}: ${error.message}`, { cause: thrown });
}

function checkTopic(topic: string): void {
  const bytes = Buffer.byteLength(topic);
  if (bytes <= SHORT_STRING) return;
  throw new ServiceError('message_invalid', `AMQP can't carry a topic of ${bytes} bytes: ${SHORT_STRING} are the most`);
}

function checkHeaders(topic: string, headers: Headers): void {
  const bytes = Buffer.byteLength(JSON.stringify(headers));
  if (bytes > LIMITS.headerBytes) {
    const text = `the headers of a message to ${topic} have ${bytes} bytes, more than ${LIMITS.headerBytes}`;
    throw new ServiceError('message_too_large', text);
  }
  const routing = ROUTING_HEADERS.find((name) => Object.hasOwn(headers, name));
  if (routing !== undefined) {
    const text = `a message to ${topic} can't have the header ${routing}: RabbitMQ would route by it`;
    throw new ServiceError('message_invalid', text);
  }
  const long = Object.keys(headers).find((name) => Buffer.byteLength(name) > SHORT_STRING);
  if (long !== undefined) {
    throw new ServiceError(
      'message_invalid',
      `AMQP can't carry the header ${long.slice(0, 40)}…: its name is too long`,
    );
  }
}
