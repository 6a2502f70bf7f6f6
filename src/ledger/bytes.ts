/** libsql gives bytes as a Buffer for one row, and as an ArrayBuffer for many. */
export type Bytes = Buffer | ArrayBuffer;

export function bufferOf(bytes: Bytes): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes);
}

export function textOf(bytes: Bytes): string {
  return bufferOf(bytes).toString();
}
