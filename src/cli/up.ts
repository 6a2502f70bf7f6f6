import type { Command } from 'commander';
import { act, type CliContext } from './context.js';
import { examples } from './examples.js';
import { ROLES } from './role-names.js';
import { type ServeOptions, serveOptions } from './serve-options.js';

/** `layerwright up`: all roles in this process, one such process a state folder. */
export function upCommand(program: Command, context: CliContext): Command {
  const command = program
    .createCommand('up')
    .summary('run the whole service in one process')
    .description(
      'Runs all roles in one process until Ctrl-C or SIGTERM. A state folder has one; a second one is refused and told who has it.',
    )
    .action(
      act(context, async (options: ServeOptions, self: Command) => {
        const { serve } = await import('./serve.js');
        return serve(context, self, ROLES, options, true);
      }),
    );
  return examples(serveOptions(command), [
    'layerwright up',
    'layerwright up --config /etc/layerwright/config.yaml --log-file /var/log/layerwright.jsonl',
    'layerwright up --listen 0.0.0.0:8087 --log-level debug',
  ]);
}
