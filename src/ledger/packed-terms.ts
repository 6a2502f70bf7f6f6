/**
 * Terms as bytes, in numbers of 64 bits: key and build for most of them; of one that has a place and a time, the key
 * below zero (so that it is known by that), build, place and time. They are a machine's own, as the file is.
 */
import type { Bytes } from './bytes.js';

/** One term of one build. */
export interface Term {
  readonly key: number;
  /** Place of the build (`builds.n`). */
  readonly n: number;
  /** Place of the message that gave the build's image this name, else 0. */
  readonly place: number;
  /** Milliseconds since 1970 of that message; NaN for none. */
  readonly at: number;
}

export function packed(terms: Iterable<Term>): Buffer {
  const words: number[] = [];
  for (const { key, n, place, at } of terms) {
    if (place === 0 && Number.isNaN(at)) words.push(key, n);
    else words.push(-1 - key, n, place, at);
  }
  return Buffer.from(Float64Array.from(words).buffer);
}

/** All, or those of a key. Bytes of a damaged file give terms that lead nowhere. */
export function unpacked(bytes: Bytes, sought: number | null = null): Term[] {
  // Copied: of a Buffer nobody says that its bytes begin where a number may.
  const copy = Buffer.isBuffer(bytes) ? Uint8Array.from(bytes).buffer : bytes;
  const words = new Float64Array(copy, 0, Math.floor(copy.byteLength / Float64Array.BYTES_PER_ELEMENT));
  const found: Term[] = [];
  for (let at = 0; at < words.length; ) {
    const first = words[at] ?? 0;
    const isNamed = first < 0;
    const key = isNamed ? -1 - first : first;
    if (sought === null || sought === key) {
      const n = words[at + 1] ?? Number.NaN;
      const [place = 0, time = Number.NaN] = isNamed ? words.subarray(at + 2, at + 4) : [];
      found.push({ key, n, place, at: time });
    }
    at += isNamed ? 4 : 2;
  }
  return found;
}
