import { hash } from 'node:crypto';
import type { Channel, ChannelModel } from 'amqplib';
import { ServiceError } from '../../kernel/service-error.js';
import type { AmqpSettings } from '../settings.js';
import { ClaimTalk } from './claim-talk.js';
import { closeChannel, closeConnection } from './close.js';
import { connectAmqp } from './connect.js';
import { amqpFault, NOT_FOUND, replyCode } from './faults.js';
import type { Names } from './names.js';

/** Seconds between heartbeats of the connection with the claims: the broker ends it after twice as long a silence. */
export const CLAIM_HEARTBEAT_S = 2;
/** A process that stood still for longer has lost its connection, whether or not it has been told; milliseconds. */
const STOOD_STILL_MS = 2 * CLAIM_HEARTBEAT_S * 1_000;
/** How often a process looks whether it stood still; milliseconds. */
const TICK_MS = 1_000;
/** How long an answer of the broker is waited for; milliseconds. */
const REPLY_PATIENCE_MS = 4_000;
/** Channels that are kept for the next claim. */
const IDLE_CHANNELS = 8;

/** AMQP's reply code for an exclusive queue of another connection (0-9-1, 1.2.1). */
const RESOURCE_LOCKED = 405;

/** Who holds a claim whose process stands still, or is no process of ours. */
export const NO_ANSWER = 'a process that does not answer';

interface SessionParts {
  readonly settings: AmqpSettings;
  readonly names: Names;
  /** Who holds a key in this process; waits for a claim that is under way. */
  readonly ownerOf: (key: string) => Promise<string | null>;
}

/** One connection with claims, as long as it lasts. */
export class ClaimSession {
  readonly ended: Promise<void>;
  readonly #parts: SessionParts;
  readonly #model: ChannelModel;
  readonly #idle: Channel[] = [];
  #talk: ClaimTalk | null = null;
  #alive = true;
  #end: () => void = () => undefined;
  #tickedAt = performance.now();
  readonly #ticker: NodeJS.Timeout;

  private constructor(parts: SessionParts, model: ChannelModel) {
    this.#parts = parts;
    this.#model = model;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    model.on('error', () => this.#die());
    model.on('close', () => this.#die());
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  static async open(parts: SessionParts): Promise<ClaimSession> {
    const options = { heartbeatS: CLAIM_HEARTBEAT_S, name: 'layerwright claims' };
    const session = new ClaimSession(parts, await connectAmqp(parts.settings, options));
    try {
      const talk = await within(session.#model.createChannel(), parts.names.place);
      talk.on('error', () => session.#die());
      talk.on('close', () => session.#die());
      session.#talk = await within(ClaimTalk.open(talk, parts.names, parts.ownerOf), parts.names.place);
      return session;
    } catch (thrown) {
      await session.close();
      throw amqpFault(thrown, parts.names.place);
    }
  }

  /** True while everything that was taken on this connection is held. */
  get alive(): boolean {
    // Told before asking: the broker may have given the claims away while this process stood still.
    this.#tick();
    return this.#alive;
  }

  /** Takes a key; false when it is taken. */
  take(key: string): Promise<boolean> {
    return this.#refusable(RESOURCE_LOCKED, (channel) =>
      channel.assertQueue(this.#queue(key), { exclusive: true, durable: false }),
    );
  }

  /** True when this connection has the key. Never throws: what could not be asked is not known to be held. */
  has(key: string): Promise<boolean> {
    return this.#onChannel((channel) => channel.checkQueue(this.#queue(key))).then(
      () => this.alive,
      () => false,
    );
  }

  /** Gives a key back; of a key that others have nothing. One that times out is still done when the broker reads again. */
  async free(key: string): Promise<void> {
    if (!this.#alive) return;
    try {
      await this.#refusable(RESOURCE_LOCKED, (channel) => channel.deleteQueue(this.#queue(key)));
    } catch (thrown) {
      if (this.#alive) throw amqpFault(thrown, this.#parts.names.place);
    }
  }

  /** Who holds a key that is not of this process; null when it is free. */
  async ask(key: string): Promise<string | null> {
    if (await this.#isFree(key)) return null;
    const by = await this.#talk?.whoHas(key);
    if (typeof by === 'string') return by;
    return (await this.#isFree(key)) ? null : NO_ANSWER;
  }

  /** Ends the connection; the broker frees what was taken on it before it answers. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    const over = !this.#alive;
    this.#alive = false;
    if (!over) await closeConnection(this.#model);
    this.#die();
  }

  #die(): void {
    this.#alive = false;
    clearInterval(this.#ticker);
    this.#end();
  }

  #tick(): void {
    const now = performance.now();
    const stood = now - this.#tickedAt;
    this.#tickedAt = now;
    if (stood < STOOD_STILL_MS || !this.#alive) return;
    this.#die();
    void closeConnection(this.#model);
  }

  #queue(key: string): string {
    return this.#parts.names.claim(claimName(key));
  }

  /** A passive declare of a queue of others: locked when it is there, not found when it is not. */
  async #isFree(key: string): Promise<boolean> {
    try {
      // Neither: it is this connection's own, and being given back.
      return await this.#refusable(RESOURCE_LOCKED, (channel) => channel.checkQueue(this.#queue(key)));
    } catch (thrown) {
      if (replyCode(thrown) === NOT_FOUND) return true;
      throw thrown;
    }
  }

  /** False when the broker refuses with this code. */
  async #refusable(code: number, ask: (channel: Channel) => Promise<unknown>): Promise<boolean> {
    try {
      await this.#onChannel(ask);
      return true;
    } catch (thrown) {
      if (replyCode(thrown) === code) return false;
      throw thrown;
    }
  }

  /** A refusal closes a channel, so each question has one of its own; those that are still open are used again. */
  async #onChannel<T>(ask: (channel: Channel) => Promise<T>): Promise<T> {
    if (!this.#alive) throw connectionLost(this.#parts.names.place);
    const { place } = this.#parts.names;
    const channel = this.#idle.pop() ?? (await this.#newChannel());
    const answer = ask(channel);
    void answer.then(
      () => this.#giveBack(channel),
      () => undefined,
    );
    return within(answer, place);
  }

  #giveBack(channel: Channel): void {
    if (!this.#alive) return;
    if (this.#idle.length < IDLE_CHANNELS) this.#idle.push(channel);
    else void closeChannel(channel);
  }

  async #newChannel(): Promise<Channel> {
    const channel = await within(this.#model.createChannel(), this.#parts.names.place);
    const remove = (): void => {
      const index = this.#idle.indexOf(channel);
      if (index >= 0) this.#idle.splice(index, 1);
    };
    // What it was refused, its caller is told.
    channel.on('error', remove);
    channel.on('close', remove);
    return channel;
  }
}

/** What a queue's name says of a key: the key itself, or its hash when a name can't hold it or it is long. */
export function claimName(key: string): string {
  if (/^[\w.:@/-]{1,100}$/.test(key)) return key;
  return `~${hash('sha256', key)}`;
}

export function connectionLost(place: string): ServiceError {
  return new ServiceError('bus_unavailable', `the connection for claims to the bus ${place} is lost`, {
    transient: true,
  });
}

async function within<T>(work: Promise<T>, place: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(connectionSilent(place)), REPLY_PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}

function connectionSilent(place: string): ServiceError {
  return new ServiceError('bus_unavailable', `the bus ${place} does not answer on the connection for claims`, {
    transient: true,
  });
}
