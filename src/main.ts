import { readFileSync } from 'node:fs';
import { type CliContext, EXIT } from './cli/context.js';
import { describeFault } from './cli/faults.js';
import { makeProgram, runProgram } from './cli/program.js';
import { openTerminal } from './cli/terminal.js';
import { toError } from './kernel/service-error.js';
import { systemClock } from './runtime/clock.js';
import { stopSignals } from './runtime/signals.js';

/** Milliseconds that a command which does not end by itself gets after Ctrl-C. */
const GRACE_MS = 2_000;

/** The composition root of every process: runs the command line on the real outside. Resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const terminal = openTerminal(process);
  const signals = stopSignals();
  // Whoever read us is gone (`| head`): there is nobody to tell, so end quietly.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.unavailable),
  );
  process.stderr.on('error', () => undefined);
  signals.now.addEventListener('abort', () => process.exit(EXIT.interrupted));
  let endsItself = false;
  signals.stop.addEventListener('abort', () => {
    if (!endsItself) setTimeout(() => process.exit(EXIT.interrupted), GRACE_MS).unref();
  });
  let code: number = EXIT.ok;
  const context: CliContext = {
    terminal,
    env: process.env,
    cwd: process.cwd(),
    clock: systemClock,
    version: versionOfPackage(),
    interrupt: signals.stop,
    interruptNow: signals.now,
    endsItself: () => {
      endsItself = true;
    },
    exitWith: (given) => {
      code = given;
    },
  };
  try {
    return (await runProgram(makeProgram(context), argv)) ?? code;
  } catch (thrown) {
    const { text, exit } = describeFault(toError(thrown), Boolean(process.env['LAYERWRIGHT_DEBUG']));
    terminal.note(text);
    return exit;
  } finally {
    signals.release();
  }
}

function versionOfPackage(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
