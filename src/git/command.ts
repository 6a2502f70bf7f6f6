import { type GitOutcome, type GitRun, Shell, ShellEnded } from './shell.js';

/** Idle shells that are kept; more are opened when work is there. */
const KEPT = 4;
/** As a shell says of a program that was killed. */
const KILLED: GitOutcome = { code: 137, stdout: Buffer.alloc(0), stderr: 'git was killed' };

/** Runs git by shells that are kept for the next command. */
export class Commands {
  readonly #path: string | undefined;
  readonly #idle: Shell[] = [];
  #closed = false;

  /** `env`: says where programs are found. */
  constructor(env: NodeJS.ProcessEnv) {
    this.#path = env['PATH'];
  }

  /** Runs git to its end. Throws `source_unavailable` on a time-out, the signal's reason when that ends, `internal` without git. */
  async run(run: GitRun): Promise<GitOutcome> {
    run.signal?.throwIfAborted();
    for (;;) {
      const kept = this.#take();
      const shell = kept ?? new Shell(this.#path);
      try {
        return await shell.run(run);
      } catch (thrown) {
        if (!(thrown instanceof ShellEnded)) throw thrown;
        // A kept one may have gone before it was asked; all that we ask of git may be done twice.
        if (kept === null) return KILLED;
      } finally {
        this.#give(shell);
      }
    }
  }

  /** Ends the idle ones; what runs ends by itself, or by its signal. */
  close(): void {
    this.#closed = true;
    for (const shell of this.#idle.splice(0)) shell.end();
  }

  #take(): Shell | null {
    for (let shell = this.#idle.pop(); shell !== undefined; shell = this.#idle.pop()) {
      if (shell.ended) continue;
      shell.hold(true);
      return shell;
    }
    return null;
  }

  #give(shell: Shell): void {
    if (shell.ended) return;
    if (this.#closed || this.#idle.length >= KEPT) {
      shell.end();
      return;
    }
    shell.hold(false);
    this.#idle.push(shell);
  }
}
