import type { Clock } from '../runtime/clock.js';
import type { Terminal } from './terminal.js';

/** Exit codes of the command line (`docs/cli.md`). Others are not used. */
export const EXIT = {
  ok: 0,
  /** A build failed, or was called off. */
  failed: 1,
  usage: 2,
  /** Something needed is unavailable (EX_UNAVAILABLE of sysexits). */
  unavailable: 69,
  /** A fault of Layerwright itself (EX_SOFTWARE of sysexits). */
  internal: 70,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

/** What every command gets: the outside of the process as values. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock: Clock;
  readonly version: string;
  /** Ends with Ctrl-C or SIGTERM. */
  readonly interrupt: AbortSignal;
  /** Ends with the second signal. */
  readonly interruptNow: AbortSignal;
  /** Tells that this command ends by itself within a bound of its own once it is interrupted. */
  endsItself(): void;
  /** Sets the exit code; the last one set holds. */
  exitWith(code: number): void;
}

/** Makes a commander action of work that ends with an exit code. */
export function act<Args extends unknown[]>(
  context: Pick<CliContext, 'exitWith'>,
  work: (...args: Args) => Promise<number> | number,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    context.exitWith(await work(...args));
  };
}
