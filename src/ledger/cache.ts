import { Kept } from '../runtime/kept.js';
import { type BuildFacts, ENDS, type Told } from './facts.js';

/** Builds that are over kept in memory, about 4 KB each: whoever ended one asks for it once more, then hardly anybody. */
const OVER_KEPT = 256;

/** What is seldom followed by another message; a superseded build may be asked for again, and is then read anew. */
const OVER: ReadonlySet<Told['state']> = new Set([...ENDS, 'superseded']);

/**
 * Builds in memory, the least recently touched going first; those not yet written stay. Holds at most `capacity`
 * written ones that go on, and few that are over.
 */
export class FactsCache {
  readonly #open: Kept<BuildFacts>;
  readonly #over = new Kept<BuildFacts>(OVER_KEPT);
  readonly #dirty = new Map<string, BuildFacts>();
  /** The dirty ones that are over. */
  readonly #ended = new Map<string, BuildFacts>();

  constructor(capacity: number) {
    this.#open = new Kept(capacity);
  }

  /** Builds changed since they were last written. */
  get dirty(): ReadonlyMap<string, BuildFacts> {
    return this.#dirty;
  }

  /** Those of them that are over: hardly anything will change them once more. */
  get ended(): ReadonlyMap<string, BuildFacts> {
    return this.#ended;
  }

  get(id: string): BuildFacts | undefined {
    return this.#dirty.get(id) ?? this.#open.get(id) ?? this.#over.get(id);
  }

  /** Takes what the store has. */
  found(facts: BuildFacts): void {
    (isOver(facts) ? this.#over : this.#open).set(facts.id, facts);
  }

  /** Takes what was folded and is not yet written. */
  changed(facts: BuildFacts): void {
    this.#open.delete(facts.id);
    this.#over.delete(facts.id);
    this.#dirty.set(facts.id, facts);
    if (isOver(facts)) this.#ended.set(facts.id, facts);
    else this.#ended.delete(facts.id);
  }

  /** All changed builds that are over have been written. */
  endedWritten(): void {
    for (const facts of this.#ended.values()) {
      this.#dirty.delete(facts.id);
      this.found(facts);
    }
    this.#ended.clear();
  }

  /** All changed builds have been written. */
  written(): void {
    for (const facts of this.#dirty.values()) this.found(facts);
    this.#dirty.clear();
    this.#ended.clear();
  }
}

function isOver({ facts }: BuildFacts): boolean {
  return facts.some(({ told }) => OVER.has(told.state));
}
