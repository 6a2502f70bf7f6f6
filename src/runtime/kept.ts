/**
 * What a cache may hold: values by name that weigh at most `capacity` together, the least recently touched going first.
 * Each weighs 1 unless it is said what it weighs; one that is too heavy alone is not kept.
 */
export class Kept<T> {
  readonly #capacity: number;
  readonly #weightOf: (value: T) => number;
  readonly #values = new Map<string, T>();
  #weight = 0;

  constructor(capacity: number, weightOf: (value: T) => number = () => 1) {
    this.#capacity = capacity;
    this.#weightOf = weightOf;
  }

  get(name: string): T | undefined {
    const value = this.#values.get(name);
    if (value !== undefined) this.set(name, value);
    return value;
  }

  set(name: string, value: T): void {
    this.delete(name);
    const weight = this.#weightOf(value);
    if (weight > this.#capacity) return;
    this.#values.set(name, value);
    this.#weight += weight;
    for (const oldest of this.#values.keys()) {
      if (this.#weight <= this.#capacity) return;
      this.delete(oldest);
    }
  }

  delete(name: string): void {
    const value = this.#values.get(name);
    if (value === undefined) return;
    this.#values.delete(name);
    this.#weight -= this.#weightOf(value);
  }
}
