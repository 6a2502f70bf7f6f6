import { Pool, ProgramEnded } from './pool.js';
import { type GitOutcome, type GitRun, Shell } from './shell.js';

/** Idle shells that are kept. */
const KEPT = 4;
/** As a shell says of a program that was killed. */
const KILLED: GitOutcome = { code: 137, stdout: Buffer.alloc(0), stderr: 'git was killed' };

/** Runs git by shells that are kept for the next command. */
export class Commands {
  readonly #shells: Pool<Shell>;

  /** `env`: says where programs are found. */
  constructor(env: NodeJS.ProcessEnv) {
    this.#shells = new Pool(() => new Shell(env['PATH']), KEPT);
  }

  /**
   * Runs git to its end; once more when a kept shell had gone: all that we ask of git may be done twice. Throws
   * `source_unavailable` on a time-out, the signal's reason when that ends, `internal` without git.
   */
  async run(run: GitRun): Promise<GitOutcome> {
    run.signal?.throwIfAborted();
    try {
      return await this.#shells.use((shell) => shell.run(run));
    } catch (thrown) {
      if (thrown instanceof ProgramEnded) return KILLED;
      throw thrown;
    }
  }

  /** Ends the idle ones; what runs ends by itself, or by its signal. */
  close(): void {
    this.#shells.close();
  }
}
