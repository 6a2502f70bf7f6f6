import { ServiceError, toError } from '../../kernel/service-error.js';
import { pause } from '../../runtime/clock.js';
import type { Claim } from '../contract.js';
import type { AmqpSettings } from '../settings.js';
import { ClaimSession, connectionLost } from './claim-session.js';
import { amqpFault } from './faults.js';
import type { Names } from './names.js';

/** How long a claim or a question waits for a broker that is away, and the pause between two tries; milliseconds. */
const PATIENCE_MS = 5_000;
const RETRY_PAUSE_MS = 200;

export interface ClaimsParts {
  readonly settings: AmqpSettings;
  readonly names: Names;
  /** Gets faults that have no caller. */
  readonly onFault: (error: Error) => void;
}

/** A claim of this process, from before it is asked for until the broker has let it go. */
interface Held {
  readonly key: string;
  readonly by: string;
  readonly lost: AbortController;
  /** Null while the broker is asked. */
  session: ClaimSession | null;
  /** Ends when the broker has answered. */
  asked: Promise<unknown>;
  released: boolean;
}

/**
 * The claims of one open bus: exclusive queues on a connection of their own. The broker frees them when the connection
 * ends, and a connection is never taken up again: whoever had a claim on it has lost it, and claims anew.
 */
export class AmqpClaims {
  readonly #parts: ClaimsParts;
  readonly #held = new Map<string, Held>();
  #session: Promise<ClaimSession> | null = null;
  #breaks = 0;
  #closed = false;

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
  }

  /** How often a connection with claims broke. */
  get breaks(): number {
    return this.#breaks;
  }

  /** Throws `bus_unavailable`, `bus_denied`. */
  async claim(key: string, by: string): Promise<Claim | null> {
    if (this.#held.has(key)) return null;
    const held: Held = {
      key,
      by,
      lost: new AbortController(),
      session: null,
      asked: Promise.resolve(),
      released: false,
    };
    this.#held.set(key, held);
    const asked = this.#take(held);
    held.asked = asked.catch(() => false);
    try {
      if (await asked) return this.#claimOf(held);
      this.#held.delete(key);
      return null;
    } catch (thrown) {
      // The broker may have done it and not said so in time.
      const session = await this.#session?.catch(() => null);
      await session?.free(key).catch(() => undefined);
      this.#held.delete(key);
      throw thrown;
    }
  }

  /** Throws `bus_unavailable`, `bus_denied`. */
  async holder(key: string): Promise<string | null> {
    const own = this.#held.get(key);
    if (own?.session?.alive) return own.by;
    return this.#patiently((session) => session.ask(key));
  }

  /** Frees everything at once. */
  async close(): Promise<void> {
    this.#closed = true;
    const session = this.#session;
    this.#session = null;
    for (const held of this.#held.values()) held.released = true;
    this.#held.clear();
    await (await session?.catch(() => null))?.close();
  }

  #take(held: Held): Promise<boolean> {
    return this.#patiently(async (session) => {
      if (!(await session.take(held.key))) return false;
      if (!session.alive) throw connectionLost(this.#parts.names.place);
      held.session = session;
      return true;
    });
  }

  async #ownerOf(key: string): Promise<string | null> {
    const held = this.#held.get(key);
    await held?.asked;
    return held?.session?.alive && !held.released ? held.by : null;
  }

  #claimOf(held: Held): Claim {
    return {
      key: held.key,
      lost: held.lost.signal,
      verify: () => this.#verify(held),
      release: () => this.#release(held),
    };
  }

  async #verify(held: Held): Promise<boolean> {
    const { session, lost } = held;
    const isMine = (): boolean => session?.alive === true && !held.released && !lost.signal.aborted;
    if (session === null || !isMine()) return false;
    // Asked on the connection that took it: an answer says that the broker has not ended that connection.
    return (await session.has(held.key)) && isMine();
  }

  async #release(held: Held): Promise<void> {
    if (held.released || this.#held.get(held.key) !== held) return;
    held.released = true;
    // The key is taken until the broker has let go: a queue of this connection would be given to it once more.
    await held.session?.free(held.key).catch(this.#parts.onFault);
    if (this.#held.get(held.key) === held) this.#held.delete(held.key);
  }

  /** Tries again, within a bound, what failed because the broker was away. */
  async #patiently<T>(work: (session: ClaimSession) => Promise<T>): Promise<T> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      if (this.#closed) throw new ServiceError('bus_unavailable', 'the bus is closed');
      try {
        return await work(await this.#current());
      } catch (thrown) {
        const fault = amqpFault(thrown, this.#parts.names.place);
        if (!fault.transient || performance.now() > until) throw fault;
        await pause(RETRY_PAUSE_MS);
      }
    }
  }

  #current(): Promise<ClaimSession> {
    this.#session ??= this.#open();
    return this.#session;
  }

  async #open(): Promise<ClaimSession> {
    try {
      const session = await ClaimSession.open({ ...this.#parts, ownerOf: (key) => this.#ownerOf(key) });
      void session.ended.then(() => this.#lose(session));
      return session;
    } catch (thrown) {
      this.#session = null;
      throw toError(thrown);
    }
  }

  /** What was taken on a connection that broke is lost; the next claim opens another. */
  #lose(session: ClaimSession): void {
    if (this.#closed) return;
    this.#session = null;
    this.#breaks += 1;
    for (const held of [...this.#held.values()]) {
      if (held.session !== session) continue;
      this.#held.delete(held.key);
      if (!held.released) held.lost.abort();
    }
  }
}
