import type { Term } from './packed-terms.js';
import { BUCKETS, bucketOf } from './terms.js';

/** Terms for which memory is taken at a time, 36 bytes each: a power of two. What is taken stays where it is. */
const PIECE = 32_768;
const PIECE_BITS = Math.log2(PIECE);

/** Numbers that make a term: key, n, place, at. */
const WORDS = 4;

/**
 * Terms in memory, found by their keys: those of a bucket hang together, the last one first. What came last can be taken
 * back.
 */
export class PendingTerms {
  readonly #words: Float64Array[] = [];
  /** Of each term the one of its bucket that came before it, counted from 1; 0 for none. */
  readonly #before: Int32Array[] = [];
  /** Of each bucket the last term, counted from 1; 0 for none. */
  readonly #last = new Int32Array(BUCKETS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add({ key, n, place, at }: Term): void {
    const [piece, within] = [this.#size >>> PIECE_BITS, this.#size & (PIECE - 1)];
    this.#words[piece] ??= new Float64Array(PIECE * WORDS);
    this.#before[piece] ??= new Int32Array(PIECE);
    const [words, before] = [this.#words[piece], this.#before[piece]];
    words[within * WORDS] = key;
    words[within * WORDS + 1] = n;
    words[within * WORDS + 2] = place;
    words[within * WORDS + 3] = at;
    const bucket = bucketOf(key);
    before[within] = this.#last[bucket] ?? 0;
    this.#size += 1;
    this.#last[bucket] = this.#size;
  }

  /** Takes back all but the first so many. */
  shrinkTo(size: number): void {
    while (this.#size > size) {
      this.#size -= 1;
      this.#last[bucketOf(this.#word(this.#size, 0))] = this.#beforeThat(this.#size);
    }
  }

  /** Those that came after the first so many, in order. */
  since(size: number): Term[] {
    return Array.from({ length: this.#size - size }, (_, index) => this.#term(size + index));
  }

  /** Those of a bucket, or of one key in it, the last one first. */
  ofBucket(bucket: number, sought: number | null = null): Term[] {
    const found: Term[] = [];
    for (let next = this.#last[bucket] ?? 0; next > 0; next = this.#beforeThat(next - 1))
      if (sought === null || sought === this.#word(next - 1, 0)) found.push(this.#term(next - 1));
    return found;
  }

  #term(at: number): Term {
    return { key: this.#word(at, 0), n: this.#word(at, 1), place: this.#word(at, 2), at: this.#word(at, 3) };
  }

  #word(at: number, which: number): number {
    return this.#words[at >>> PIECE_BITS]?.[(at & (PIECE - 1)) * WORDS + which] ?? Number.NaN;
  }

  #beforeThat(at: number): number {
    return this.#before[at >>> PIECE_BITS]?.[at & (PIECE - 1)] ?? 0;
  }
}
