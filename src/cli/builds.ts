import type { Command } from 'commander';
import type { BuildFilter, BuildState } from '../ledger/index.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';
import { parseCount, parseEachOf } from './options.js';

interface Options {
  readonly component?: string;
  readonly target?: string;
  readonly state?: readonly BuildState[];
  readonly limit: number;
  readonly json?: boolean;
}

export const BUILD_STATES: readonly BuildState[] = [
  'requested',
  'skipped',
  'started',
  'completed',
  'failed',
  'canceled',
];
const DEFAULT_LIMIT = 20;

/** `layerwright builds`: a table of builds, newest first. */
export function buildsCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('builds')
      .summary('list builds, newest first')
      .description('Lists builds, newest first.')
      .option('--component <name>', 'only of this component')
      .option('--target <name>', 'only of this target')
      .option(
        '--state <state>',
        `only in this state, may be repeated (${BUILD_STATES.join(', ')})`,
        parseEachOf(BUILD_STATES),
      )
      .option('--limit <count>', 'at most this many', parseCount, DEFAULT_LIMIT)
      .option(...JSON_OPTION)
      .action(act(context, (options: Options, command: Command) => list(context, options, command))),
    [
      'layerwright builds',
      'layerwright builds --component httpd --state failed',
      'layerwright builds --json --limit 100',
    ],
  );
}

async function list(context: CliContext, options: Options, command: Command): Promise<number> {
  const [{ withSession }, { buildCells, buildColumns, buildJson }, { painter }, { table }] = await Promise.all([
    import('./session.js'),
    import('./render/build.js'),
    import('./render/colour.js'),
    import('./render/table.js'),
  ]);
  return withSession(context, command, async (session) => {
    const ledger = await session.ledger();
    const rows = ledger.builds(filterOf(options));
    const { terminal } = context;
    if (options.json) {
      for (const row of rows) terminal.out(jsonLine(buildJson(row)));
      return EXIT.ok;
    }
    if (rows.length === 0) {
      terminal.note('no build fits; `layerwright build COMPONENT` asks for one');
      return EXIT.ok;
    }
    const now = context.clock.now();
    const cells = rows.map((row) => buildCells(row, now));
    terminal.out(await table(buildColumns(painter(terminal.colour)), cells, terminal.width));
    return EXIT.ok;
  });
}

function filterOf({ component, target, state, limit }: Options): BuildFilter {
  return {
    ...(component === undefined ? {} : { component }),
    ...(target === undefined ? {} : { target }),
    ...(state === undefined ? {} : { states: state }),
    limit,
  };
}
