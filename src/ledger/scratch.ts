/** Bytes that hold most builds; a Unicode text may take three for each of its characters. */
const SIZE = 65_536;
const MAX_BYTES_A_CHARACTER = 3;

/**
 * Memory for the bytes of one text at a time: SQLite copies what it gets, and a buffer for each of a million builds is
 * work for the collector of garbage.
 */
export class Scratch {
  readonly #bytes = Buffer.allocUnsafeSlow(SIZE);

  /** The text as UTF-8; good until the next call. */
  bytesOf(text: string): Buffer {
    if (text.length * MAX_BYTES_A_CHARACTER > SIZE) return Buffer.from(text);
    return this.#bytes.subarray(0, this.#bytes.write(text));
  }
}
