import type { Term } from './packed-terms.js';
import { BUCKETS, bucketOf } from './terms.js';

/** Terms for which memory is taken at a time, 36 bytes each. */
const GROWTH = 32_768;

/** Numbers that make a term: key, n, place, at. */
const WORDS = 4;

/**
 * Terms in memory, found by their keys: those of a bucket hang together, the last one first. What came last can be taken
 * back.
 */
export class PendingTerms {
  #words = new Float64Array(0);
  /** Of each term the one of its bucket that came before it, counted from 1; 0 for none. */
  #before = new Int32Array(0);
  /** Of each bucket the last term, counted from 1; 0 for none. */
  readonly #last = new Int32Array(BUCKETS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add({ key, n, place, at }: Term): void {
    if (this.#size === this.#before.length) this.#grow();
    const first = this.#size * WORDS;
    this.#words[first] = key;
    this.#words[first + 1] = n;
    this.#words[first + 2] = place;
    this.#words[first + 3] = at;
    const bucket = bucketOf(key);
    this.#before[this.#size] = this.#last[bucket] ?? 0;
    this.#size += 1;
    this.#last[bucket] = this.#size;
  }

  /** Takes back all but the first so many. */
  shrinkTo(size: number): void {
    while (this.#size > size) {
      this.#size -= 1;
      this.#last[bucketOf(this.#key(this.#size))] = this.#before[this.#size] ?? 0;
    }
  }

  /** Those that came after the first so many, in order. */
  since(size: number): Term[] {
    return Array.from({ length: this.#size - size }, (_, index) => this.#term(size + index));
  }

  /** Those of a bucket, or of one key in it, the last one first. */
  ofBucket(bucket: number, sought: number | null = null): Term[] {
    const found: Term[] = [];
    for (let next = this.#last[bucket] ?? 0; next > 0; next = this.#before[next - 1] ?? 0)
      if (sought === null || sought === this.#key(next - 1)) found.push(this.#term(next - 1));
    return found;
  }

  #key(at: number): number {
    return this.#words[at * WORDS] ?? 0;
  }

  #term(at: number): Term {
    const first = at * WORDS;
    return {
      key: this.#key(at),
      n: this.#words[first + 1] ?? 0,
      place: this.#words[first + 2] ?? 0,
      at: this.#words[first + 3] ?? Number.NaN,
    };
  }

  #grow(): void {
    const [words, before] = [this.#words, this.#before];
    this.#words = new Float64Array(words.length + GROWTH * WORDS);
    this.#words.set(words);
    this.#before = new Int32Array(before.length + GROWTH);
    this.#before.set(before);
  }
}
