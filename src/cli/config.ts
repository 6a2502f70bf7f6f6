import { readFile } from 'node:fs/promises';
import { Argument, type Command } from 'commander';
import { ServiceError } from '../kernel/service-error.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';

interface Options {
  readonly json?: boolean;
}

const DEEDS = ['check', 'show', 'schema'] as const;
type Deed = (typeof DEEDS)[number];

/** `layerwright config`: checks, shows or describes the configuration. */
export function configCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('config')
      .summary('check or show the configuration')
      .description(
        'check: says every fault of the configuration at once, with place and hint. show: the whole configuration as it holds, defaults filled in. schema: the JSON schema of the file.',
      )
      .addArgument(new Argument('[what]', 'what to do').choices(DEEDS).default('check'))
      .option(...JSON_OPTION)
      .action(act(context, (deed: Deed, options: Options, command: Command) => run(context, deed, options, command))),
    [
      'layerwright config check',
      'layerwright config show --config other.yaml',
      'layerwright config schema > layerwright.schema.json',
    ],
  );
}

async function run(context: CliContext, deed: Deed, options: Options, command: Command): Promise<number> {
  const { terminal } = context;
  if (deed === 'schema') {
    terminal.raw(await readFile(new URL('../../schemas/config/config.v1.json', import.meta.url), 'utf8'));
    return EXIT.ok;
  }
  const [{ readConfig }, { shownBus }] = await Promise.all([import('./settings.js'), import('../config/index.js')]);
  const read = await readConfig(context, command).catch((thrown: unknown) => {
    if (options.json && thrown instanceof ServiceError && thrown.code === 'config_file_invalid') return thrown;
    throw thrown;
  });
  if (read instanceof ServiceError) {
    terminal.out(jsonLine({ ok: false, message: read.message, faults: read.detail.split('\n') }));
    return EXIT.usage;
  }
  const { place } = read;
  const config = { ...read.config, bus: shownBus(read.config.bus) };
  const where = place.path ?? 'the built-in default';
  if (deed === 'check') {
    terminal.out(
      options.json
        ? jsonLine({ ok: true, file: place.path, hash: config.hash })
        : `${where} (${place.how}) is valid; hash ${config.hash}`,
    );
    return EXIT.ok;
  }
  if (options.json) {
    terminal.out(jsonLine(config));
    return EXIT.ok;
  }
  const { stringify } = await import('yaml');
  const { hash, file: _file, ...rest } = config;
  terminal.out(`# ${where} (${place.how}), normal form: milliseconds, bytes, absolute paths\n# hash ${hash}`);
  terminal.raw(stringify(rest));
  return EXIT.ok;
}
