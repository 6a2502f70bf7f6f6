import { randomUUID } from 'node:crypto';
import { toError } from '../../kernel/service-error.js';
import type { Claim } from '../contract.js';
import type { Database } from './database.js';
import { type Engine, read } from './engine.js';
import {
  busKey,
  claimKey,
  dropLease,
  holderOf,
  isHeld,
  LEASE_MS,
  type Lease,
  RENEW_MS,
  reap,
  renewLease,
  takeLease,
} from './leases.js';

const FAST = { durable: false, wakes: false } as const;

interface Held extends Lease {
  readonly lost: AbortController;
}

/**
 * The leases of one open bus: its own, by which others know that it lives, and its claims. One heartbeat renews all of
 * them in one transaction, and frees what dead buses held.
 */
export class Leases {
  readonly #engine: Engine;
  readonly #own: Lease;
  readonly #held = new Set<Held>();
  #timer: NodeJS.Timeout | null = null;
  #beating: Promise<void> | null = null;
  #renewedAt = performance.now();
  #breaks = 0;
  #closed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#own = { key: busKey(engine.id), token: engine.id };
  }

  /** How often this bus was taken for dead, or could have been. */
  get breaks(): number {
    return this.#breaks;
  }

  async open(): Promise<void> {
    await this.#engine.writer.write({ durable: false, wakes: true }, (db) => {
      this.#engine.steady.agree(db);
      reap(db, this.#engine.steady.now());
      takeLease(db, this.#own, String(process.pid), this.#engine.steady.now());
    });
    this.#renewedAt = performance.now();
    this.#next();
  }

  async claim(key: string, by: string): Promise<Claim | null> {
    const held: Held = { key: claimKey(key), token: randomUUID(), lost: new AbortController() };
    const { writer, steady } = this.#engine;
    if (!(await writer.write(FAST, (db) => takeLease(db, held, by, steady.now())))) return null;
    this.#held.add(held);
    return {
      key,
      lost: held.lost.signal,
      verify: () => this.#verify(held),
      release: () => this.#release(held),
    };
  }

  holder(key: string): Promise<string | null> {
    return read(this.#engine, (db) => holderOf(db, claimKey(key), this.#engine.steady.now()));
  }

  /** Frees everything. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#beating;
    const leases = [this.#own, ...this.#held];
    this.#held.clear();
    const free = (db: Database): void => {
      for (const lease of leases) dropLease(db, lease);
      reap(db, this.#engine.steady.now());
    };
    // Where the file takes nothing, they lapse.
    await this.#engine.writer.write({ durable: false, wakes: true }, free).catch(this.#engine.onFault);
  }

  async #verify(held: Held): Promise<boolean> {
    if (!this.#held.has(held)) return false;
    return read(this.#engine, (db) => isHeld(db, held, this.#engine.steady.now()));
  }

  async #release(held: Held): Promise<void> {
    if (!this.#held.delete(held)) return;
    // Where the file takes nothing, the lease lapses: nobody renews it any more.
    await this.#engine.writer.write(FAST, (db) => dropLease(db, held)).catch(this.#engine.onFault);
  }

  #next(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#beating = this.#beat().finally(() => {
        this.#beating = null;
        this.#next();
      });
    }, RENEW_MS);
  }

  async #beat(): Promise<void> {
    const { writer } = this.#engine;
    // Told before asking: a process that stood still must not learn of it from a verify that comes too late.
    if (performance.now() - this.#renewedAt > LEASE_MS) this.#broken(this.#held);
    try {
      const freed = await writer.write(FAST, (db) => this.#renew(db));
      this.#renewedAt = performance.now();
      if (freed > 0) this.#engine.bell.ring();
    } catch (thrown) {
      this.#engine.onFault(toError(thrown));
      if (performance.now() - this.#renewedAt > LEASE_MS) this.#broken(this.#held);
    }
  }

  /** In a transaction. Gives how many deliveries of dead buses came free. */
  #renew(db: Database): number {
    const now = this.#engine.steady.now();
    const lapsed = [...this.#held].filter((held) => !renewLease(db, held, now));
    if (!renewLease(db, this.#own, now) && takeLease(db, this.#own, String(process.pid), now)) this.#breaks += 1;
    if (lapsed.length > 0) this.#lose(lapsed);
    return reap(db, now);
  }

  #broken(held: Iterable<Held>): void {
    this.#breaks += 1;
    this.#lose([...held]);
  }

  /** A lease that lapsed is never taken again silently: whoever held it claims anew. */
  #lose(lapsed: readonly Held[]): void {
    for (const held of lapsed) {
      if (this.#held.delete(held)) held.lost.abort();
    }
  }
}
