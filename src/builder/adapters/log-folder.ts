import { type LogFiles, logFiles } from './log-files.js';

/** Milliseconds between two looks for files that may go. */
const PRUNE_EVERY_MS = 600_000;

/** Keeps a folder of logs within bounds. Logs that are being written are left alone. */
export class LogFolder {
  readonly #files: LogFiles;
  readonly #keepBytes: number;
  readonly #keepMs: number;
  readonly #open = new Set<string>();
  /** Monotonic milliseconds. */
  #nextPrune = 0;

  constructor(folder: string, keepBytes: number, keepMs: number) {
    this.#files = logFiles(folder);
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
    const ended = (await this.#files.files()).filter(({ name }) => !this.#open.has(name));
    let bytes = 0;
    for (const file of ended.sort((a, b) => b.usedAt - a.usedAt)) {
      bytes += file.bytes;
      if (bytes > this.#keepBytes || now - file.usedAt > this.#keepMs) await this.#files.remove(file);
    }
  }
}
