import { ServiceError } from '../../src/kernel/service-error.js';
import type {
  BuildFilter,
  BuildRow,
  Caused,
  Ledger,
  LedgerStats,
  Stream,
  Traced,
  WaveRow,
} from '../../src/ledger/index.js';
import { chosen } from '../support/chosen-builds.js';
import type { Broker } from './broker.js';
import type { SimulatedBus } from './bus.js';
import { Rows } from './folded.js';
import type { Scheduler } from './scheduler.js';

type Listener = (rows: readonly BuildRow[]) => void;

/** A process's ledger: reads the log when the scheduler lets it, so it lags; `caughtUp` brings it up. */
export class SimulatedLedger implements Ledger {
  readonly #bus: SimulatedBus;
  readonly #scheduler: Scheduler;
  readonly #broker: Broker;
  readonly #read = new Rows();
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
    if (this.#isComing || this.#read.seq >= this.#broker.log.length || !this.#bus.life.alive) return;
    this.#isComing = true;
    this.#scheduler.send(
      this.#bus.life,
      () => 'some of the log',
      () => {
        this.#isComing = false;
        const left = this.#broker.log.length - this.#read.seq;
        if (left > 0) this.#readTo(this.#read.seq + this.#scheduler.random.between(1, left));
        this.#readSoon();
      },
    );
  }

  #readTo(end: number): void {
    const changed = new Map<string, BuildRow>();
    while (this.#read.seq < end) {
      const entry = this.#broker.log[this.#read.seq];
      if (entry === undefined) break;
      this.#read.add(entry.row);
      if (entry.row !== null) changed.set(entry.row.id, entry.row);
    }
    if (changed.size === 0) return;
    for (const listener of this.#listeners) listener([...changed.values()]);
  }

  async caughtUp(): Promise<void> {
    try {
      const end = await this.#bus.call(
        () => 'catch up',
        () => this.#broker.log.length,
      );
      this.#readTo(end);
    } catch (cause) {
      throw new ServiceError('ledger_unavailable', 'the ledger does not follow the log just now', {
        transient: true,
        cause,
      });
    }
  }

  build(id: string): BuildRow | null {
    return this.#read.row(id);
  }

  builds(filter: BuildFilter): readonly BuildRow[] {
    return chosen(this.#read.all(), filter);
  }

  find(text: string): readonly BuildRow[] {
    return this.#read.all().filter((row) => row.id.startsWith(text) || row.nvr === text);
  }

  ownerOfNvr(nvr: string): BuildRow | null {
    const owners = this.#read.all().filter((row) => row.nvr === nvr && row.kind !== 'scratch');
    return owners.find(({ state }) => state === 'completed') ?? owners[owners.length - 1] ?? null;
  }

  byDigest(digest: string): BuildRow | null {
    return this.#read.all().find((row) => row.image?.digest === digest) ?? null;
  }

  streams(): readonly Stream[] {
    return this.#read.all().map(({ component, target }) => ({ component, target }));
  }

  /** What the model builds stands on nothing: no wave is ever opened. */
  wave(): WaveRow | null {
    return null;
  }

  waves(): readonly WaveRow[] {
    return [];
  }

  byMessage(id: string): Traced {
    const build = this.#read.all().find(({ messages }) => messages.some((message) => message.id === id)) ?? null;
    return { build, wave: null };
  }

  skippedMessage(): null {
    return null;
  }

  causedBy(message: string, limit = 50): Caused {
    const builds = this.#read.all().filter(({ cause }) => cause.message === message);
    return { builds: builds.slice(0, limit), waves: [] };
  }

  dependentsOfDigest(digest: string, limit = 50): readonly BuildRow[] {
    const stand = this.#read.all().filter(({ parents }) => parents.some((parent) => parent.digest === digest));
    return stand.slice(0, limit);
  }

  holderOfName(reference: string): BuildRow | null {
    const named = this.#read.all().filter(({ image }) => image?.references.includes(reference) === true);
    const endOf = ({ messages }: BuildRow): number => messages.at(-1)?.seq ?? 0;
    return named.sort((a, b) => endOf(b) - endOf(a))[0] ?? null;
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stats(): LedgerStats {
    return { folded: this.#read.seq, skipped: 0, builds: 0, position: null, rebuilt: false };
  }

  async close(): Promise<void> {
    this.#broker.readers.delete(this.#onEntry);
  }
}
