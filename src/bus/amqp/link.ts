import type { ChannelModel } from 'amqplib';
import { ServiceError, toError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import type { AmqpSettings } from '../settings.js';
import { withoutSecrets } from '../settings.js';
import { closeConnection } from './close.js';
import { type ConnectOptions, connectAmqp } from './connect.js';
import { amqpFault } from './faults.js';

/** Pauses between tries to connect: the first, doubled each time up to the longest; milliseconds. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** How much a pause varies, so that processes don't come back in step. */
const JITTER = 0.3;

export interface LinkOptions extends ConnectOptions {
  readonly settings: AmqpSettings;
  /** Gets what has no caller: a break, and work on a new connection that fails. */
  readonly onFault: (error: Error) => void;
}

type Work = (model: ChannelModel) => Promise<void>;

interface Waiter {
  readonly resolve: (model: ChannelModel) => void;
  readonly reject: (error: Error) => void;
}

/** A connection that comes back by itself, on the next URL that takes it, and has what stood on it built anew. */
export class Link {
  readonly #options: LinkOptions;
  readonly #closing = new AbortController();
  readonly #ups = new Set<Work>();
  readonly #downs = new Set<() => void>();
  readonly #waiters = new Set<Waiter>();
  #model: ChannelModel | null = null;
  #connecting: Promise<void> = Promise.resolve();
  #breaks = 0;
  #fault: ServiceError | null = null;
  #blocked: string | null = null;
  /** Which URL is tried first: the one that worked, or the next after it broke. */
  #first = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** How often the connection broke. */
  get breaks(): number {
    return this.#breaks;
  }

  get up(): boolean {
    return this.#model !== null;
  }

  /** Why it is down; null when it is up. */
  get fault(): string | null {
    return this.#fault?.message ?? null;
  }

  /** Why the broker takes no messages (its alarm of memory or disk); null when it takes them. */
  get blocked(): string | null {
    return this.#blocked;
  }

  /** The connection of now; null while it is down. */
  get now(): ChannelModel | null {
    return this.#model;
  }

  /** The first connection. Throws after each URL was tried once. */
  async open(): Promise<void> {
    try {
      await this.#rebuild();
    } catch (thrown) {
      throw amqpFault(thrown, this.#place);
    }
  }

  /** The connection of now, or the next one. Throws `bus_unavailable` with the last reason when `patienceMs` are over. */
  model(patienceMs: number): Promise<ChannelModel> {
    if (this.#model !== null) return Promise.resolve(this.#model);
    if (this.#closing.signal.aborted) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      // A timer can't wait for ever: that is no timer.
      const timer = Number.isFinite(patienceMs)
        ? setTimeout(() => waiter.reject(this.#fault ?? closed()), patienceMs)
        : undefined;
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        resolve: (model) => {
          done();
          resolve(model);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /**
   * Runs `work` now, if up, and on each new connection before anybody gets it, in the order of the calls. When it fails
   * the connection is closed, and made again. Gives the way to stop that.
   */
  onUp(work: Work): () => void {
    this.#ups.add(work);
    const model = this.#model;
    if (model !== null) {
      work(model).catch((thrown: unknown) => this.#broken(model, toError(thrown)));
    }
    return () => this.#ups.delete(work);
  }

  /** Calls `work` once for each break, at once. Gives the way to stop that. */
  onDown(work: () => void): () => void {
    this.#downs.add(work);
    return () => this.#downs.delete(work);
  }

  /** Gives up a connection that is not what it seems: a new one is made. */
  renew(reason: Error): void {
    if (this.#model !== null) this.#broken(this.#model, reason);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    for (const waiter of this.#waiters) waiter.reject(closed());
    const model = this.#model;
    this.#model = null;
    await this.#connecting;
    if (model !== null) await closeConnection(model);
  }

  async #connect(): Promise<ChannelModel> {
    const { settings } = this.#options;
    try {
      return await connectAmqp(settings, this.#options, this.#first);
    } catch (thrown) {
      this.#fault = amqpFault(thrown, this.#place);
      throw this.#fault;
    }
  }

  get #place(): string {
    return this.#options.settings.urls.map(withoutSecrets).join(', ');
  }

  /** From here on it is the connection of now. */
  #take(model: ChannelModel): void {
    this.#model = model;
    this.#fault = null;
    this.#blocked = null;
    let reason: Error = new Error('Unexpected close');
    model.on('error', (error: Error) => {
      reason = error;
    });
    model.on('close', (error?: Error) => this.#broken(model, error ?? reason));
    model.on('blocked', (why: string) => {
      if (this.#model === model) this.#blocked = why;
    });
    model.on('unblocked', () => {
      if (this.#model === model) this.#blocked = null;
    });
    for (const waiter of [...this.#waiters]) waiter.resolve(model);
  }

  #broken(model: ChannelModel, reason: Error): void {
    if (this.#model !== model || this.#closing.signal.aborted) return;
    this.#model = null;
    this.#blocked = null;
    this.#breaks += 1;
    this.#first += 1;
    this.#fault = amqpFault(reason, this.#place);
    this.#options.onFault(this.#fault);
    for (const work of [...this.#downs]) work();
    this.#connecting = Promise.all([closeConnection(model), this.#comeBack()]).then(() => undefined);
  }

  async #comeBack(): Promise<void> {
    const { signal } = this.#closing;
    for (let tries = 0; !signal.aborted; tries += 1) {
      const base = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 10));
      await pause(base * (1 + JITTER * (Math.random() - 0.5)), signal);
      if (signal.aborted) return;
      try {
        if (await this.#rebuild()) return;
      } catch (thrown) {
        this.#fault = amqpFault(thrown, this.#place);
        // Said once at the break; again only where trying again does not help.
        if (!this.#fault.transient) this.#options.onFault(this.#fault);
      }
    }
  }

  /** A connection with all that stands on it. False when it broke meanwhile, or is no longer wanted. */
  async #rebuild(): Promise<boolean> {
    const model = await this.#connect();
    let broken: Error | null = null;
    const notice = (error?: Error): void => {
      broken = error ?? new Error('Unexpected close');
    };
    model.on('close', notice);
    try {
      // Over the set itself: what is added meanwhile is done too.
      for (const work of this.#ups) await work(model);
    } catch (thrown) {
      await closeConnection(model);
      throw thrown;
    }
    model.removeListener('close', notice);
    if (broken !== null) throw broken;
    if (this.#closing.signal.aborted) {
      await closeConnection(model);
      return false;
    }
    this.#take(model);
    return true;
  }
}

function closed(): ServiceError {
  return new ServiceError('bus_unavailable', 'the bus is closed');
}
