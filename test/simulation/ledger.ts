import { ServiceError } from '../../src/kernel/service-error.js';
import type { BuildFacts } from '../../src/ledger/facts.js';
import { fold, forged } from '../../src/ledger/fold.js';
import type { BuildFilter, BuildRow, Ledger, LedgerStats, Stream } from '../../src/ledger/index.js';
import { rowOf } from '../../src/ledger/row.js';
import type { Broker, StoredEntry } from './broker.js';
import type { SimulatedBus } from './bus.js';
import type { Scheduler } from './scheduler.js';

type Listener = (rows: readonly BuildRow[]) => void;

/** The fold of a log and its questions, without a store: the real fold, in memory. */
export class Folded {
  readonly #facts = new Map<string, BuildFacts>();
  readonly #rows = new WeakMap<BuildFacts, { readonly row: BuildRow | null }>();
  /** Entries folded so far. */
  seq = 0;

  /** Folds one entry; gives the build's row when it changed. */
  add({ sound, storedAt }: StoredEntry): BuildRow | null {
    const seq = this.seq;
    this.seq += 1;
    if (!sound?.ok) return null;
    const known = this.#facts.get(sound.value.build) ?? null;
    if (forged(sound.value, known) !== null) return null;
    const facts = fold(known, sound.value, { seq, storedAt: storedAt.toISOString() });
    if (facts === known) return null;
    this.#facts.set(facts.id, facts);
    return this.#rowOf(facts);
  }

  row(id: string): BuildRow | null {
    const facts = this.#facts.get(id);
    return facts === undefined ? null : this.#rowOf(facts);
  }

  /** All builds, newest request first. */
  rows(): readonly BuildRow[] {
    return [...this.#facts.values()]
      .map((facts) => this.#rowOf(facts))
      .filter((row) => row !== null)
      .sort((a, b) => b.requestedSeq - a.requestedSeq);
  }

  #rowOf(facts: BuildFacts): BuildRow | null {
    let found = this.#rows.get(facts);
    if (found === undefined) {
      found = { row: rowOf(facts) };
      this.#rows.set(facts, found);
    }
    return found.row;
  }
}

/** A process's ledger: reads the log when the scheduler lets it, so it lags; `caughtUp` brings it up. */
export class SimulatedLedger implements Ledger {
  readonly #bus: SimulatedBus;
  readonly #scheduler: Scheduler;
  readonly #broker: Broker;
  readonly #folded = new Folded();
  readonly #listeners = new Set<Listener>();
  #isComing = false;
  readonly #onEntry = (): void => this.#readSoon();

  constructor(bus: SimulatedBus, scheduler: Scheduler, broker: Broker) {
    this.#bus = bus;
    this.#scheduler = scheduler;
    this.#broker = broker;
    broker.readers.add(this.#onEntry);
    this.#readSoon();
  }

  #readSoon(): void {
    if (this.#isComing || this.#folded.seq >= this.#broker.log.length || !this.#bus.life.alive) return;
    this.#isComing = true;
    this.#scheduler.send(this.#bus.life, 'some of the log', () => {
      this.#isComing = false;
      const left = this.#broker.log.length - this.#folded.seq;
      if (left > 0) this.#readTo(this.#folded.seq + this.#scheduler.random.between(1, left));
      this.#readSoon();
    });
  }

  #readTo(end: number): void {
    const changed = new Map<string, BuildRow>();
    while (this.#folded.seq < end) {
      const entry = this.#broker.log[this.#folded.seq];
      if (entry === undefined) break;
      const row = this.#folded.add(entry);
      if (row !== null) changed.set(row.id, row);
    }
    if (changed.size === 0) return;
    for (const listener of this.#listeners) listener([...changed.values()]);
  }

  async caughtUp(): Promise<void> {
    try {
      const end = await this.#bus.call('catch up', () => this.#broker.log.length);
      this.#readTo(end);
    } catch (cause) {
      throw new ServiceError('ledger_unavailable', 'the ledger does not follow the log just now', {
        transient: true,
        cause,
      });
    }
  }

  build(id: string): BuildRow | null {
    return this.#folded.row(id);
  }

  builds({ component, target, states, ended, commit, limit = 50 }: BuildFilter): readonly BuildRow[] {
    return this.#folded
      .rows()
      .filter(
        (row) =>
          (component === undefined || row.component === component) &&
          (target === undefined || row.target === target) &&
          (states === undefined || states.includes(row.state)) &&
          (ended === undefined || row.ended === ended) &&
          (commit === undefined || row.source.commit === commit),
      )
      .slice(0, limit);
  }

  find(text: string): readonly BuildRow[] {
    return this.#folded.rows().filter((row) => row.id.startsWith(text) || row.nvr === text);
  }

  ownerOfNvr(nvr: string): BuildRow | null {
    const owners = this.#folded.rows().filter((row) => row.nvr === nvr && row.kind !== 'scratch');
    return owners.find(({ state }) => state === 'completed') ?? owners[owners.length - 1] ?? null;
  }

  byDigest(digest: string): BuildRow | null {
    return this.#folded.rows().find((row) => row.image?.digest === digest) ?? null;
  }

  streams(): readonly Stream[] {
    return this.#folded.rows().map(({ component, target }) => ({ component, target }));
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stats(): LedgerStats {
    return { folded: this.#folded.seq, skipped: 0, builds: 0, position: null, rebuilt: false };
  }

  async close(): Promise<void> {
    this.#broker.readers.delete(this.#onEntry);
  }
}
