import type { Command } from 'commander';
import { ServiceError } from '../kernel/service-error.js';
import type { WhyParts } from '../why/index.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';
import { leftOut } from './left-out.js';
import type { Session } from './session.js';

interface Options {
  readonly target?: string;
  readonly json?: boolean;
}

/** Answers that are named when the beginning of an id fits several builds. */
const NAMED = 5;

/** `layerwright why BUILD|COMPONENT|IMAGE|MESSAGE`: what led to it, or the rule that said no. */
export function whyCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('why')
      .summary('tell what led to a build or an image, or why there is none')
      .description(
        'Tells what led to a build, an image or what became of a message: down to pushes, message ids and digests. Where nothing was built, the rule that said no; of a component also whether it is up to date, and what it waits for.',
      )
      .argument(
        '<what>',
        'a build (NVR, id or its first 6 characters), a component, an image (digest or reference), or the id of a message',
      )
      .option('--target <name>', 'only of this target')
      .option(...JSON_OPTION)
      .action(act(context, (what: string, options: Options, command: Command) => why(context, what, options, command))),
    [
      'layerwright why httpd-2.4-17.f41',
      'layerwright why httpd --target f41',
      'layerwright why registry.example.org/f41/httpd:2.4',
      'layerwright why 2026-8f14e45f-ceea-467f-a8a5-2f0b6f6c1e3b',
    ],
  );
}

async function why(context: CliContext, what: string, options: Options, command: Command): Promise<number> {
  const [{ withSession }, { explain }, { whyTree }, { painter }] = await Promise.all([
    import('./session.js'),
    import('../why/index.js'),
    import('./render/why.js'),
    import('./render/colour.js'),
  ]);
  return withSession(context, command, async (session) => {
    const { terminal } = context;
    const { reasons, ambiguous } = await explain(what, options.target ?? null, await partsOf(context, what, session));
    if (reasons.length === 0) throw new ServiceError('not_found', nothing(what, options.target));
    if (ambiguous)
      throw new ServiceError('usage', `${JSON.stringify(what)} fits ${reasons.length} builds; give more of the id`, {
        detail: reasons
          .slice(0, NAMED)
          .map(({ text, ids }) => `${ids.build ?? ''} ${text}`)
          .join('\n'),
      });
    const paint = painter(terminal.colour);
    for (const reason of reasons) terminal.out(options.json ? jsonLine(reason) : whyTree(reason, paint));
    return EXIT.ok;
  });
}

function nothing(what: string, target: string | undefined): string {
  const where = target === undefined ? '' : ` for the target ${target}`;
  return `nothing is known of ${JSON.stringify(what.slice(0, 200))}${where}: it is no build, component, image or message of these logs. No push of it has come to this bus, or that is longer ago than the log of pushes goes back`;
}

async function partsOf({ terminal, clock, interrupt }: CliContext, what: string, session: Session): Promise<WhyParts> {
  const { otherLogs } = await import('./other-logs.js');
  const { config } = session.settings;
  return {
    ledger: await session.ledger(),
    logs: otherLogs(session, interrupt, (log) => terminal.note(`the log ${log} is long; it was not read to its end`)),
    settings: config.rebuilds,
    targets: config.targets.map(({ name }) => name),
    hosts: await hostsFor(what, session),
    isOut: leftOut(config),
    now: clock.now(),
  };
}

/** Registries of ours are asked for their names only where an image may be meant. */
async function hostsFor(what: string, session: Session): Promise<readonly string[]> {
  if (!/[/:]/.test(what)) return [];
  const names = new Set(session.settings.config.targets.map(({ candidate }) => candidate));
  return Promise.all([...names].map(async (name) => (await session.registry(name)).host));
}
