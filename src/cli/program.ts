import { Command, CommanderError, Option } from 'commander';
import { buildCommand } from './build.js';
import { buildsCommand } from './builds.js';
import { cancelCommand } from './cancel.js';
import { completionCommand } from './completion.js';
import { configCommand } from './config.js';
import { type CliContext, EXIT } from './context.js';
import { doctorCommand } from './doctor.js';
import { graphCommand } from './graph.js';
import { logsCommand } from './logs.js';
import { pruneCommand } from './prune.js';
import { publishCommand } from './publish.js';
import { rebuildCommand } from './rebuild.js';
import { reconcileCommand } from './reconcile.js';
import { recordCommand } from './record.js';
import { replayCommand } from './replay.js';
import { runCommand } from './run.js';
import { showCommand } from './show.js';
import { tryCommand } from './try.js';
import { upCommand } from './up.js';
import { watchCommand } from './watch.js';
import { whyCommand } from './why.js';

const COMMANDS = [
  upCommand,
  runCommand,
  buildCommand,
  tryCommand,
  watchCommand,
  buildsCommand,
  showCommand,
  whyCommand,
  graphCommand,
  rebuildCommand,
  reconcileCommand,
  logsCommand,
  cancelCommand,
  publishCommand,
  recordCommand,
  replayCommand,
  pruneCommand,
  configCommand,
  doctorCommand,
  completionCommand,
] as const;

/** The whole command line as a tree; nothing is opened by making it. Commands load their rooms when they run. */
export function makeProgram(context: CliContext): Command {
  const program = new Command('layerwright')
    .description('Builds layered container images from git, told by a message bus.')
    .version(context.version, '-V, --version')
    .addOption(
      new Option(
        '-c, --config <file>',
        'configuration; without it LAYERWRIGHT_CONFIG, ./layerwright.yaml, ./config/layerwright.yaml, /etc/layerwright/config.yaml',
      ),
    )
    .configureHelp({ showGlobalOptions: true, helpWidth: context.terminal.width })
    .configureOutput({
      writeOut: (text) => context.terminal.raw(text),
      writeErr: (text) => context.terminal.note(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'layerwright: ')),
      getOutHasColors: () => context.terminal.colour,
      getErrHasColors: () => context.terminal.errorColour,
    })
    .exitOverride()
    .addHelpText(
      'after',
      '\nExamples:\n  layerwright up\n  layerwright build httpd\n  layerwright watch --since 1h\n\nExit codes: 0 well, 1 a build failed, 2 wrong usage, 69 something needed is unavailable.\n',
    );
  for (const make of COMMANDS) program.addCommand(withHabits(make(program, context), program));
  return program;
}

/** Sub-commands that were made apart do not inherit from the program by themselves. */
function withHabits(command: Command, program: Command): Command {
  command.copyInheritedSettings(program);
  for (const each of command.commands) withHabits(each, command);
  return command;
}

/** Parses and runs; the exit code of what commander has to say, null when a command ran. Throws what commands throw. */
export async function runProgram(program: Command, argv: readonly string[]): Promise<number | null> {
  try {
    await program.parseAsync(argv, { from: 'user' });
    return null;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    const asked = thrown.code === 'commander.helpDisplayed' || thrown.code === 'commander.version';
    return asked || thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}
