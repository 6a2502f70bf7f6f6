import type { Command } from 'commander';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';

interface Options {
  readonly json?: boolean;
}

/** `layerwright show BUILD|NVR`: all that the log says of one build. */
export function showCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('show')
      .summary('show all that is known of a build')
      .description(
        'Shows all that is known of a build: state, cause, source, parents, digest, tags, timings, messages; of a failed one also why, and what to do.',
      )
      .argument('<build>', 'an NVR, an id or its first 6 characters, or a component (its newest build)')
      .option(...JSON_OPTION)
      .action(
        act(context, (text: string, options: Options, command: Command) => show(context, text, options, command)),
      ),
    ['layerwright show httpd-2.4-17.f41', 'layerwright show 1a2b3c4d', 'layerwright show httpd --json'],
  );
}

async function show(context: CliContext, text: string, options: Options, command: Command): Promise<number> {
  const [{ withSession }, { findBuild }, { buildJson, buildSheet }, { painter }] = await Promise.all([
    import('./session.js'),
    import('./find-build.js'),
    import('./render/build.js'),
    import('./render/colour.js'),
  ]);
  return withSession(context, command, async (session) => {
    const row = findBuild(await session.ledger(), text);
    const { terminal } = context;
    terminal.out(
      options.json ? jsonLine(buildJson(row)) : buildSheet(row, context.clock.now(), painter(terminal.colour)),
    );
    return EXIT.ok;
  });
}
