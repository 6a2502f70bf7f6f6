import { once } from 'node:events';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceError, toError } from '../kernel/service-error.js';
import type { Build, Message } from '../messages/index.js';
import { linesOf } from './lines.js';

/** Bytes that are kept of what is to be sent, at most. */
const MAX_BYTES = 4_294_967_296;

/** What is to be sent for an entry of the plan. */
export interface Spooled {
  /** Index of the entry. */
  readonly index: number;
  readonly message: Message;
  /** Builds that are asked for in its place; empty where the message itself is sent. */
  readonly asks: readonly Build[];
}

/** What is to be sent, on disk until the plan is whole: a dump may come by a pipe, and a log grows meanwhile. */
export class Spool {
  readonly #folder: string;
  readonly #path: string;
  readonly #file: WriteStream;
  readonly #failed: Promise<never>;
  #bytes = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, 'messages');
    this.#file = createWriteStream(this.#path, { mode: 0o600 });
    this.#failed = once(this.#file, 'error').then(([cause]) => {
      throw new ServiceError('usage', `${this.#path} can't be written to: ${toError(cause).message}`, { cause });
    });
    this.#failed.catch(() => undefined);
  }

  static async open(): Promise<Spool> {
    return new Spool(await mkdtemp(join(tmpdir(), 'layerwright-replay-')));
  }

  /** Throws `usage` when the disk is full, or too much is chosen. */
  async put(record: Spooled): Promise<void> {
    const line = `${JSON.stringify(record)}\n`;
    this.#bytes += Buffer.byteLength(line);
    if (this.#bytes > MAX_BYTES) {
      throw new ServiceError('usage', `more than ${MAX_BYTES} bytes are chosen; replay a shorter time, or use --limit`);
    }
    if (!this.#file.write(line)) await Promise.race([once(this.#file, 'drain'), this.#failed]);
  }

  /** All that was put, in its order. Nothing can be put afterwards. */
  async *records(): AsyncGenerator<Spooled> {
    await Promise.race([new Promise<void>((resolve) => this.#file.end(resolve)), this.#failed]);
    for await (const { text } of linesOf(() => createReadStream(this.#path), this.#path, MAX_BYTES)) {
      if (text !== null) yield JSON.parse(text.toString('utf8')) as Spooled;
    }
  }

  async close(): Promise<void> {
    this.#file.destroy();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
