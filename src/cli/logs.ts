import type { Command } from 'commander';
import { ServiceError } from '../kernel/service-error.js';
import type { BuildRow } from '../ledger/index.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';
import type { Session } from './session.js';

interface Options {
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** `layerwright logs BUILD`: a build's output, kept or live. */
export function logsCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('logs')
      .summary('print the output of a build')
      .description(
        'Prints the output of a build: from this machine, or from the registry. --follow goes on until the build ends, and then ends with its exit code.',
      )
      .argument('<build>', 'an NVR, an id or its first 6 characters, or a component (its newest build)')
      .option('-f, --follow', 'go on as more comes, until the build ends')
      .option(...JSON_OPTION)
      .action(
        act(context, (text: string, options: Options, command: Command) => logs(context, text, options, command)),
      ),
    ['layerwright logs httpd-2.4-17.f41', 'layerwright logs 1a2b3c4d --follow'],
  );
}

async function logs(context: CliContext, text: string, options: Options, command: Command): Promise<number> {
  const [{ withSession }, { findBuild }, { isOver }] = await Promise.all([
    import('./session.js'),
    import('./find-build.js'),
    import('./follow-build.js'),
  ]);
  return withSession(context, command, async (session) => {
    const row = findBuild(await session.ledger(), text);
    if (options.follow && !isOver(row)) return follow(context, session, row, options);
    const { readLog } = await import('./read-log.js');
    const kept = await readLog(session, row);
    if (kept === null) throw new ServiceError('not_found', nothingKept(row));
    await print(context, row, kept.lines, options);
    return EXIT.ok;
  });
}

async function print(context: CliContext, row: BuildRow, lines: readonly string[], options: Options): Promise<void> {
  if (lines.length === 0) return;
  const { OutputPrinter } = await import('./follow-output.js');
  new OutputPrinter(context, row.id, options.json ?? false, null).print(lines, 0, row.startedAttempt);
}

async function follow(context: CliContext, session: Session, row: BuildRow, options: Options): Promise<number> {
  const [{ followBuild }, { OutputPrinter }, { readLog }] = await Promise.all([
    import('./follow-build.js'),
    import('./follow-output.js'),
    import('./read-log.js'),
  ]);
  const printer = new OutputPrinter(context, row.id, options.json ?? false, null);
  const before = async (): Promise<void> => {
    const kept = await readLog(session, row).catch(() => null);
    if (kept !== null && kept.lines.length > 0) printer.print(kept.lines, 0, kept.attempt ?? row.startedAttempt);
  };
  const end = await followBuild(session, row.id, { onLines: printer.print }, context.interrupt, before);
  if (end === null) return EXIT.interrupted;
  await printer.fill(end, session);
  if (options.json) context.terminal.out(jsonLine({ build: end.id, state: end.state }));
  return end.state === 'completed' ? EXIT.ok : EXIT.failed;
}

function nothingKept(row: BuildRow): string {
  if (row.state === 'requested') return `${row.id} has not begun; --follow waits for it`;
  if (!row.ended) return `${row.id} runs elsewhere; --follow shows what comes`;
  return `the output of ${row.nvr ?? row.id} is not kept any more, neither here nor in the registry`;
}
