import type { BuildFacts } from './facts.js';

/**
 * Builds in memory, the least recently touched going first; those not yet written stay. Holds at most `capacity`
 * written ones.
 */
export class FactsCache {
  readonly #capacity: number;
  readonly #clean = new Map<string, BuildFacts>();
  readonly #dirty = new Map<string, BuildFacts>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Builds changed since they were last written. */
  get dirty(): ReadonlyMap<string, BuildFacts> {
    return this.#dirty;
  }

  get(id: string): BuildFacts | undefined {
    const dirty = this.#dirty.get(id);
    if (dirty !== undefined) return dirty;
    const clean = this.#clean.get(id);
    if (clean !== undefined) this.#touch(id, clean);
    return clean;
  }

  /** Takes what the store has. */
  found(facts: BuildFacts): void {
    this.#touch(facts.id, facts);
  }

  /** Takes what was folded and is not yet written. */
  changed(facts: BuildFacts): void {
    this.#clean.delete(facts.id);
    this.#dirty.set(facts.id, facts);
  }

  /** All changed builds have been written. */
  written(): void {
    for (const [id, facts] of this.#dirty) this.#touch(id, facts);
    this.#dirty.clear();
  }

  clear(): void {
    this.#clean.clear();
    this.#dirty.clear();
  }

  #touch(id: string, facts: BuildFacts): void {
    this.#clean.delete(id);
    this.#clean.set(id, facts);
    if (this.#clean.size <= this.#capacity) return;
    const oldest = this.#clean.keys().next();
    if (!oldest.done) this.#clean.delete(oldest.value);
  }
}
