import { keyOf } from './terms.js';

/** Bits, a megabyte of them: with a million texts in it, one in twenty that is new is not known to be. */
const BITS = 2 ** 23;

/** Knows of most texts that were never added that they were not, in fixed memory (a Bloom filter of two bits a text). */
export class Seen {
  readonly #bytes = new Uint8Array(BITS / 8);

  add(text: string): void {
    for (const bit of bitsOf(text)) this.#bytes[bit >>> 3] = (this.#bytes[bit >>> 3] ?? 0) | (1 << (bit & 7));
  }

  /** True: it was certainly never added. */
  lacks(text: string): boolean {
    return bitsOf(text).some((bit) => ((this.#bytes[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0);
  }
}

function bitsOf(text: string): readonly [number, number] {
  const key = keyOf('message', text);
  return [key % BITS, Math.floor(key / BITS) % BITS];
}
