import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const LOG_FILE = /\.\d+\.log$/;
/** Milliseconds between two looks for files that may go. */
const PRUNE_EVERY_MS = 600_000;

/** Keeps a folder of logs within bounds. Logs that are being written are left alone. */
export class LogFolder {
  readonly #folder: string;
  readonly #keepBytes: number;
  readonly #keepMs: number;
  readonly #open = new Set<string>();
  /** Monotonic milliseconds. */
  #nextPrune = 0;

  constructor(folder: string, keepBytes: number, keepMs: number) {
    this.#folder = folder;
    this.#keepBytes = keepBytes;
    this.#keepMs = keepMs;
  }

  /** A log of this name is being written until the function given back is called. Looks for old files now and then. */
  begin(name: string): () => void {
    this.#open.add(name);
    const now = performance.now();
    if (now >= this.#nextPrune) {
      this.#nextPrune = now + PRUNE_EVERY_MS;
      // Not awaited: a build does not wait for it, and the next look tries again what failed.
      this.#prune(Date.now()).catch(() => undefined);
    }
    return () => this.#open.delete(name);
  }

  async #prune(now: number): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => LOG_FILE.test(name) && !this.#open.has(name));
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#folder, name);
        const { size, mtimeMs } = await stat(path);
        return { path, size, mtimeMs };
      }),
    );
    let bytes = 0;
    for (const { path, size, mtimeMs } of files.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
      bytes += size;
      if (bytes > this.#keepBytes || now - mtimeMs > this.#keepMs) await unlink(path);
    }
  }
}
