import type { ChildProcess } from 'node:child_process';

/** A long-lived program of ours that one caller uses at a time. */
interface Program {
  /** Set when nobody may use it any more. */
  readonly ended: boolean;
  /** An idle one does not keep our process alive; one in use does. */
  hold(held: boolean): void;
  end(): void;
}

/** The program ended while it was asked: it was killed, or met a broken object. `stderr` has its last words. */
export class ProgramEnded extends Error {
  readonly stderr: string;

  constructor(stderr: string) {
    super('a program that git needs ended');
    this.stderr = stderr;
  }
}

/** An unused program ends after this long. */
const IDLE_MS = 60_000;

/** Programs of one kind, started when needed and ended when idle. */
export class Pool<P extends Program> {
  readonly #open: () => P;
  readonly #most: number;
  readonly #idle: { readonly program: P; readonly timer: NodeJS.Timeout }[] = [];
  readonly #used = new Set<P>();

  /** `most`: unused ones that are kept; more are started when work is there. */
  constructor(open: () => P, most: number) {
    this.#open = open;
    this.#most = most;
  }

  /** Runs work with a program of its own; once more on a new one when a kept one had ended. */
  async use<T>(work: (program: P) => Promise<T>): Promise<T> {
    const { program, kept } = this.take();
    let clean = false;
    try {
      const result = await work(program);
      clean = true;
      return result;
    } catch (thrown) {
      if (!(thrown instanceof ProgramEnded) || !kept) throw thrown;
    } finally {
      this.give(program, clean);
    }
    return this.use(work);
  }

  /** A program for a caller who gives it back; `kept` when it was used before. */
  take(): { readonly program: P; readonly kept: boolean } {
    for (let entry = this.#idle.pop(); entry !== undefined; entry = this.#idle.pop()) {
      clearTimeout(entry.timer);
      if (entry.program.ended) continue;
      entry.program.hold(true);
      this.#used.add(entry.program);
      return { program: entry.program, kept: true };
    }
    const program = this.#open();
    this.#used.add(program);
    return { program, kept: false };
  }

  /** `clean`: everything that was asked has been read. */
  give(program: P, clean: boolean): void {
    const known = this.#used.delete(program);
    if (!clean || !known || program.ended || this.#idle.length >= this.#most) {
      program.end();
      return;
    }
    program.hold(false);
    const timer = setTimeout(() => this.#retire(program), IDLE_MS);
    timer.unref();
    this.#idle.push({ program, timer });
  }

  /** Ends all programs, those in use too. */
  close(): void {
    for (const { program, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      program.end();
    }
    for (const program of this.#used) program.end();
    this.#used.clear();
  }

  #retire(program: P): void {
    const at = this.#idle.findIndex((entry) => entry.program === program);
    if (at !== -1) this.#idle.splice(at, 1);
    program.end();
  }
}

/** Whether a child keeps our process alive, with all that it is talked to by. */
export function holdChild(child: ChildProcess, held: boolean): void {
  for (const part of [child, child.stdin, child.stdout, child.stderr]) {
    const handle = part as { ref?: () => void; unref?: () => void } | null;
    if (held) handle?.ref?.();
    else handle?.unref?.();
  }
}
