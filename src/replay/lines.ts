import type { Readable } from 'node:stream';
import { ServiceError, toError } from '../kernel/service-error.js';

export interface Line {
  /** From 1. */
  readonly line: number;
  /** Null where it is too long; no more than the longest line is held. */
  readonly text: Buffer | null;
}

/** The lines of an input. Throws `usage` when it can't be read. */
export async function* linesOf(input: () => Readable, name: string, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let length = 0;
  let line = 1;
  const add = (part: Buffer): void => {
    length += part.length;
    if (length > maxBytes) parts = [];
    else if (part.length > 0) parts.push(part);
  };
  const take = (): Line => {
    const taken = { line, text: length > maxBytes ? null : Buffer.concat(parts) };
    parts = [];
    length = 0;
    line += 1;
    return taken;
  };
  for await (const chunk of chunksOf(input, name)) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      add(chunk.subarray(from, end));
      yield take();
      from = end + 1;
    }
    add(chunk.subarray(from));
  }
  if (length > 0) yield take();
}

async function* chunksOf(input: () => Readable, name: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of input()) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
  } catch (cause) {
    throw new ServiceError('usage', `${name} can't be read: ${toError(cause).message}`, { cause });
  }
}
