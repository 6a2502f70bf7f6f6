import type { Command } from 'commander';

/** Adds the examples that `--help` ends with; every command has some. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`);
}
