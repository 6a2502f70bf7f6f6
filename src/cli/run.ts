import { Argument, type Command } from 'commander';
import { act, type CliContext } from './context.js';
import { examples } from './examples.js';
import { ROLES, type Role } from './role-names.js';
import { type ServeOptions, serveOptions } from './serve-options.js';

/** `layerwright run ROLE…`: some roles; any number of such processes on one bus. */
export function runCommand(program: Command, context: CliContext): Command {
  const command = program
    .createCommand('run')
    .summary('run some roles; any number of processes on one bus')
    .description('Runs the given roles until Ctrl-C or SIGTERM. Any number of processes may run any roles on one bus.')
    .addArgument(new Argument('<roles...>', `of ${ROLES.join(', ')}`).choices(ROLES))
    .action(
      act(context, async (roles: readonly Role[], options: ServeOptions, self: Command) => {
        const { serve } = await import('./serve.js');
        return serve(context, self, [...new Set(roles)], options, false);
      }),
    );
  return examples(serveOptions(command), ['layerwright run builder', 'layerwright run trigger planner --listen off']);
}
