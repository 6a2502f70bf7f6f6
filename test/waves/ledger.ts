import { lastTold } from '../../src/kernel/last-told.js';
import type { BuildFacts } from '../../src/ledger/facts.js';
import { fold, forged, read } from '../../src/ledger/fold.js';
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
import { rowOf } from '../../src/ledger/row.js';
import { foldWave, readWave, type WaveFacts, waveRowOf } from '../../src/ledger/waves.js';
import type { Message } from '../../src/messages/index.js';
import { keyOf } from '../../src/rebuilds/index.js';
import { chosen } from '../support/chosen-builds.js';
import { PREFIX } from '../support/samples.js';

type Listener = (rows: readonly BuildRow[]) => void;
type Rows = ReadonlyMap<string, BuildRow>;

export interface Entry {
  readonly message: Message;
  readonly storedAt: Date;
}

/** The real fold of a log, in memory, and the ledger's questions over it; it never lags. */
export class MemoryLedger implements Ledger {
  readonly #facts: Map<string, BuildFacts>;
  readonly #waveFacts: Map<string, WaveFacts>;
  readonly #rows: Map<string, BuildRow>;
  readonly #waves: Map<string, WaveRow>;
  readonly #openWaves: Set<string>;
  readonly #byDigest: Map<string, string>;
  /** Ids by what is asked for: `stream …`, `state …`, `wave …`, `name …`, `on …`, `cause …`, `waits …`. */
  readonly #index: Map<string, Set<string>>;
  readonly #listeners = new Set<Listener>();
  #seq: number;

  /** `from`: begins with all that another one knows. */
  constructor(from: MemoryLedger | null = null) {
    this.#facts = new Map(from === null ? [] : from.#facts);
    this.#waveFacts = new Map(from === null ? [] : from.#waveFacts);
    this.#rows = new Map(from === null ? [] : from.#rows);
    this.#waves = new Map(from === null ? [] : from.#waves);
    this.#openWaves = new Set(from === null ? [] : from.#openWaves);
    this.#byDigest = new Map(from === null ? [] : from.#byDigest);
    this.#index = new Map([...(from === null ? [] : from.#index)].map(([key, ids]) => [key, new Set(ids)]));
    this.#seq = from === null ? 0 : from.#seq;
  }

  /** Takes the next entry of the log. */
  take({ message, storedAt }: Entry): void {
    const meta = { seq: this.#seq, storedAt: storedAt.toISOString() };
    this.#seq += 1;
    const sound = read(PREFIX, message);
    if (sound === null) {
      this.#takeWave(message, meta);
      return;
    }
    if (!sound.ok) throw new Error(`a message of ours is invalid: ${sound.error}`);
    const known = this.#facts.get(sound.value.build) ?? null;
    const fault = forged(sound.value, known);
    if (fault !== null) throw new Error(fault);
    const facts = fold(known, sound.value, meta);
    if (facts === known) return;
    this.#facts.set(facts.id, facts);
    const row = rowOf(facts);
    if (row === null) return;
    this.#put(row);
    for (const listener of this.#listeners) listener([row]);
  }

  #takeWave(message: Message, meta: { readonly seq: number; readonly storedAt: string }): void {
    const sound = readWave(PREFIX, message);
    if (!sound?.ok) throw new Error(`a message is no one’s: ${message.topic} ${sound?.error ?? ''}`);
    const facts = foldWave(this.#waveFacts.get(sound.value.wave) ?? null, sound.value, meta);
    this.#waveFacts.set(facts.id, facts);
    const row = waveRowOf(facts);
    if (row === null) return;
    this.#waves.set(row.id, row);
    if (row.closedAt === null) this.#openWaves.add(row.id);
    else this.#openWaves.delete(row.id);
  }

  #put(row: BuildRow): void {
    const before = this.#rows.get(row.id);
    this.#rows.set(row.id, row);
    if (before === undefined) {
      this.#indexed(`stream ${keyOf(row)}`).add(row.id);
      if (row.cause.wave !== null) this.#indexed(`wave ${row.cause.wave}`).add(row.id);
      if (row.cause.message !== null) this.#indexed(`cause ${row.cause.message}`).add(row.id);
    }
    for (const component of row.skipped?.waitingFor ?? []) this.#indexed(`waits ${component}`).add(row.id);
    if (row.ended) {
      for (const name of row.image?.references ?? []) this.#indexed(`name ${name}`).add(row.id);
      for (const { digest } of row.parents) this.#indexed(`on ${digest}`).add(row.id);
    }
    if (before !== undefined && before.state !== row.state) this.#indexed(`state ${before.state}`).delete(row.id);
    this.#indexed(`state ${row.state}`).add(row.id);
    if (row.image !== null) this.#byDigest.set(row.image.digest, row.id);
  }

  #indexed(key: string): Set<string> {
    const known = this.#index.get(key);
    if (known !== undefined) return known;
    const made = new Set<string>();
    this.#index.set(key, made);
    return made;
  }

  async caughtUp(): Promise<void> {}

  build(id: string): BuildRow | null {
    return this.#rows.get(id) ?? null;
  }

  builds(filter: BuildFilter): readonly BuildRow[] {
    return chosen(this.#fewest(filter), filter);
  }

  /** By whatever leaves the fewest to look at. */
  #fewest({ component, target, states, wave, waitingFor }: BuildFilter): BuildRow[] {
    const keys =
      component !== undefined && target !== undefined
        ? [`stream ${keyOf({ component, target })}`]
        : wave !== undefined
          ? [`wave ${wave}`]
          : waitingFor !== undefined
            ? [`waits ${waitingFor}`]
            : states?.map((state) => `state ${state}`);
    return keys === undefined ? [...this.#rows.values()] : keys.flatMap((key) => this.#found(key));
  }

  #found(key: string): BuildRow[] {
    return [...(this.#index.get(key) ?? [])].flatMap((id) => this.#rows.get(id) ?? []);
  }

  find(text: string): readonly BuildRow[] {
    return this.builds({ limit: this.#rows.size }).filter((row) => row.id.startsWith(text) || row.nvr === text);
  }

  ownerOfNvr(nvr: string): BuildRow | null {
    const owners = this.find(nvr).filter(({ kind }) => kind !== 'scratch');
    return owners.find(({ state }) => state === 'completed') ?? owners.at(-1) ?? null;
  }

  byDigest(digest: string): BuildRow | null {
    return this.build(this.#byDigest.get(digest) ?? '');
  }

  byMessage(id: string): Traced {
    const wave = [...this.#waves.values()].find(({ openedBy }) => openedBy === id) ?? null;
    const rows = wave === null ? [...this.#rows.values()] : [];
    return { build: rows.find(({ messages }) => messages.some((message) => message.id === id)) ?? null, wave };
  }

  skippedMessage(): null {
    return null;
  }

  causedBy(message: string, limit = 50): Caused {
    const waves = this.waves({ limit: this.#waves.size }).filter((wave) => wave.message === message);
    return { builds: newest(this.#found(`cause ${message}`)).slice(0, limit), waves: waves.slice(0, limit) };
  }

  dependentsOfDigest(digest: string, limit = 50): readonly BuildRow[] {
    return newest(this.#found(`on ${digest}`)).slice(0, limit);
  }

  holderOfName(reference: string, { before }: { readonly before?: string } = {}): BuildRow | null {
    const named = this.#found(`name ${reference}`).filter(
      ({ endedAt }) => before === undefined || (endedAt ?? '') < before,
    );
    return named.reduce<BuildRow | null>((last, row) => (last === null || endOf(row) > endOf(last) ? row : last), null);
  }

  streams(): readonly Stream[] {
    const streams = new Map([...this.#rows.values()].map((row) => [keyOf(row), row]));
    return [...streams]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { component, target }]) => ({ component, target }));
  }

  wave(id: string): WaveRow | null {
    return this.#waves.get(id) ?? null;
  }

  waves({ open, limit = 50 }: Parameters<Ledger['waves']>[0]): readonly WaveRow[] {
    const ids = open === true ? this.#openWaves : this.#waves.keys();
    const rows = [...ids].flatMap((id) => this.#waves.get(id) ?? []);
    return rows
      .filter(({ closedAt }) => open === undefined || open === (closedAt === null))
      .sort((a, b) => b.openedSeq - a.openedSeq)
      .slice(0, limit);
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stats(): LedgerStats {
    return { folded: this.#seq, skipped: 0, builds: this.#rows.size, position: null, rebuilt: false };
  }

  async close(): Promise<void> {}

  get rows(): Rows {
    return this.#rows;
  }
}

function newest(rows: readonly BuildRow[]): readonly BuildRow[] {
  return rows.toSorted((a, b) => b.requestedSeq - a.requestedSeq);
}

/** Place on the log of the message that ended a build; -1 when none has. */
export function endOf(row: Pick<BuildRow, 'messages'>): number {
  return (lastTold(row, 'completed') ?? lastTold(row, 'failed'))?.seq ?? -1;
}
