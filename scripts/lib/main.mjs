// The frame of every script: arguments, the end, and what is said when something is wrong.

import { isInterrupted, releaseAll } from './processes.mjs';
import { EXIT } from './project.mjs';
import { Fault, sayFault } from './say.mjs';

/**
 * Runs a script's work, undoes what it started, and ends the process with the work's exit code.
 * @param {() => Promise<number>} work
 */
export async function main(work) {
  /** @type {number} */
  let code = EXIT.failed;
  try {
    code = await work();
  } catch (error) {
    if (isInterrupted()) return; // The signal's own handler undoes everything and ends the process.
    sayFault(error);
    code = error instanceof Fault ? error.exitCode : EXIT.failed;
  }
  if (isInterrupted()) return;
  try {
    await releaseAll();
  } catch (error) {
    sayFault(error);
    code = code === EXIT.ok ? EXIT.failed : code;
  }
  process.exit(code);
}

/**
 * @param {string} usage what `--help` prints
 * @param {() => { values: Record<string, unknown>, positionals: string[] }} parse
 */
export function parseOrExplain(usage, parse) {
  let parsed;
  try {
    parsed = parse();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(EXIT.usage);
  }
  if (parsed.values['help'] === true) {
    process.stdout.write(usage);
    process.exit(EXIT.ok);
  }
  return parsed;
}
