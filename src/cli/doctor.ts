import type { Command } from 'commander';
import type { Finding } from './checks/finding.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';

interface Options {
  readonly json?: boolean;
}

/** `layerwright doctor`: looks at all that the service needs, and says what to do about each fault. */
export function doctorCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('doctor')
      .summary('check everything that builds need')
      .description(
        'Checks configuration, state folder, clock, bus, engines, registries (an engine really pushes a tiny image there) and git, and says what to do about each fault. Exits with 69 when something needed is unavailable.',
      )
      .option(...JSON_OPTION)
      .action(act(context, (options: Options, command: Command) => doctor(context, options, command))),
    ['layerwright doctor', 'layerwright doctor --config /etc/layerwright/config.yaml --json'],
  );
}

const SIGNS: Readonly<Record<Finding['status'], string>> = { ok: 'ok   ', warn: 'look ', fault: 'fault' };

async function doctor(context: CliContext, options: Options, command: Command): Promise<number> {
  const [{ examine }, { painter }, { safe }] = await Promise.all([
    import('./checks/examine.js'),
    import('./render/colour.js'),
    import('./render/text.js'),
  ]);
  const { terminal } = context;
  const paint = painter(terminal.colour);
  let worst: Finding['status'] = 'ok';
  for await (const finding of examine(context, command)) {
    if (finding.status === 'fault' || (finding.status === 'warn' && worst === 'ok')) worst = finding.status;
    if (options.json) {
      terminal.out(jsonLine(finding));
      continue;
    }
    const colour = finding.status === 'ok' ? 'green' : finding.status === 'warn' ? 'yellow' : 'red';
    terminal.out(`${paint(colour, SIGNS[finding.status])}  ${safe(finding.name)}: ${safe(finding.text)}`);
    if (finding.advice !== '') terminal.out(`       → ${safe(finding.advice)}`);
  }
  if (!options.json) terminal.out(SUMMARY[worst]);
  return worst === 'fault' ? EXIT.unavailable : EXIT.ok;
}

const SUMMARY: Readonly<Record<Finding['status'], string>> = {
  ok: 'all is well',
  warn: 'it works; look at what is marked',
  fault: 'builds can not work like this',
};
