import type { Channel, ChannelModel } from 'amqplib';
import { ServiceError, toError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import { amqpFault } from './faults.js';
import type { Link } from './link.js';

/** Pauses before a channel that the broker closed is opened again: the first, doubled up to the longest; milliseconds. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** How long a channel may take to close; milliseconds. */
const CLOSE_PATIENCE_MS = 2_000;

export interface ChannelPlan<C extends Channel> {
  readonly link: Link;
  readonly place: string;
  make(model: ChannelModel): Promise<C>;
  /** Puts on a new channel what belongs there. `alone`: only the channel was lost, not its connection. */
  furnish(channel: C, model: ChannelModel, alone: boolean): Promise<void>;
  readonly onFault: (error: Error) => void;
}

interface Waiter<C> {
  readonly resolve: (channel: C) => void;
  readonly reject: (error: Error) => void;
}

/** A channel that is there again after its connection broke, and after the broker closed it alone. */
export class KeptChannel<C extends Channel> {
  readonly #plan: ChannelPlan<C>;
  readonly #closing = new AbortController();
  readonly #waiters = new Set<Waiter<C>>();
  #now: C | null = null;
  #fault: ServiceError | null = null;
  #forget: () => void = () => undefined;
  #mending = false;

  constructor(plan: ChannelPlan<C>) {
    this.#plan = plan;
  }

  /** Null while there is none. */
  get now(): C | null {
    return this.#now;
  }

  /** Why the last one was lost; null when there is one. */
  get fault(): ServiceError | null {
    return this.#fault;
  }

  /** The first channel. Throws when it can't be had. */
  async open(patienceMs: number): Promise<void> {
    const { link, place } = this.#plan;
    for (;;) {
      const model = await link.model(patienceMs);
      try {
        await this.#build(model, false);
      } catch (thrown) {
        if (link.now !== model) continue;
        throw amqpFault(thrown, place);
      }
      if (link.now === model) break;
    }
    this.#forget = link.onAgain((model) => this.#rebuild(model));
  }

  /** The channel of now, or the next one. Throws `bus_unavailable` with the last reason when `patienceMs` are over. */
  ready(patienceMs: number): Promise<C> {
    if (this.#now !== null) return Promise.resolve(this.#now);
    if (this.#closing.signal.aborted) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => waiter.reject(this.#reason()), patienceMs);
      const waiter: Waiter<C> = {
        resolve: (channel) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(channel);
        },
        reject: (error) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          reject(error);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Gives up a channel that does not do what it should: the next one is made. */
  async renew(): Promise<void> {
    const channel = this.#now;
    if (channel !== null) await shut(channel);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#forget();
    for (const waiter of [...this.#waiters]) waiter.reject(closed());
    const channel = this.#now;
    this.#now = null;
    if (channel !== null) await shut(channel);
  }

  #reason(): ServiceError {
    const { link, place } = this.#plan;
    const text = link.fault ?? this.#fault?.message ?? `${place} did not answer in time`;
    return new ServiceError('bus_unavailable', text, { transient: true, cause: this.#fault ?? undefined });
  }

  async #build(model: ChannelModel, alone: boolean): Promise<void> {
    const { place } = this.#plan;
    const channel = await this.#plan.make(model);
    let reason: Error | null = null;
    let gone = false;
    channel.on('error', (error: Error) => {
      reason = error;
    });
    // Without it a throw in a callback would end the whole connection.
    channel.on('handler-error', (error: Error) => this.#plan.onFault(toError(error)));
    channel.on('close', () => {
      gone = true;
      if (this.#now === channel) this.#lost(reason);
    });
    try {
      await this.#plan.furnish(channel, model, alone);
    } catch (thrown) {
      if (!gone) await shut(channel);
      throw amqpFault(reason ?? thrown, place);
    }
    if (gone) throw amqpFault(reason ?? new Error('Channel closed'), place);
    if (this.#closing.signal.aborted) {
      await shut(channel);
      return;
    }
    this.#now = channel;
    this.#fault = null;
    for (const waiter of [...this.#waiters]) waiter.resolve(channel);
  }

  /** On a new connection. What fails here is tried again by itself: others need the connection too. */
  async #rebuild(model: ChannelModel): Promise<void> {
    if (this.#closing.signal.aborted) return;
    try {
      await this.#build(model, false);
    } catch (thrown) {
      this.#fault = amqpFault(thrown, this.#plan.place);
      if (this.#fault.transient) throw this.#fault;
      this.#plan.onFault(this.#fault);
      void this.#mend();
    }
  }

  #lost(reason: Error | null): void {
    const { link, place, onFault } = this.#plan;
    this.#now = null;
    if (this.#closing.signal.aborted) return;
    if (reason !== null) {
      this.#fault = amqpFault(reason, place);
      onFault(this.#fault);
    }
    // A connection that breaks closes its channels before it says so itself.
    setImmediate(() => {
      if (link.up) void this.#mend();
    });
  }

  async #mend(): Promise<void> {
    if (this.#mending) return;
    this.#mending = true;
    const { link, place, onFault } = this.#plan;
    const { signal } = this.#closing;
    try {
      for (let tries = 0; this.#now === null && !signal.aborted; tries += 1) {
        await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 10)), signal);
        const model = link.now;
        // A new connection builds it anew itself, unless that failed; then it is up here.
        if (model === null || this.#now !== null || signal.aborted) continue;
        try {
          await this.#build(model, true);
        } catch (thrown) {
          const fault = amqpFault(thrown, place);
          if (fault.message !== this.#fault?.message) onFault(fault);
          this.#fault = fault;
        }
      }
    } finally {
      this.#mending = false;
    }
  }
}

function closed(): ServiceError {
  return new ServiceError('bus_unavailable', 'the bus is closed');
}

/** Closes a channel in whatever state it is. */
export async function shut(channel: Channel): Promise<void> {
  const given = new AbortController();
  // On a closed channel the driver throws at once.
  const closing = Promise.resolve()
    .then(() => channel.close())
    .catch(() => undefined);
  await Promise.race([closing, pause(CLOSE_PATIENCE_MS, given.signal)]);
  given.abort();
}
