import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { ServiceError } from '../kernel/service-error.js';
import type { Build } from '../messages/index.js';
import type { HandPlan } from '../rebuilds/index.js';
import { request } from './build.js';
import { agentOf } from './cancel.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';
import { parseSince } from './options.js';

interface Options {
  readonly failed?: boolean;
  readonly since?: Date;
  readonly dependentsOf?: string;
  readonly asOf?: Date;
  readonly target?: string;
  readonly reason?: string;
  readonly dryRun?: boolean;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** `layerwright rebuild COMPONENT|NVR…`: asks once more for what was built, for what failed, or for what stands on an image. */
export function rebuildCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('rebuild')
      .summary('ask again for what was built, what failed, or what stands on an image')
      .description(
        'Asks over the bus for builds from the sources of last builds, on their parents as they are now, and ends; in the lane of what people push. Says for each what it asks for, and what it does not and why.',
      )
      .argument('[what...]', 'components, NVRs, or ids of builds')
      .option('--failed', 'all whose last build failed, unless it was built since or its branch has moved on')
      .option('--since <time>', 'with --failed: what failed since then, as 2h or an ISO time', (text) =>
        parseSince(text, context.clock.now()),
      )
      .option('--dependents-of <image>', 'what stands directly on a component, a reference or a digest')
      .option(
        '--as-of <time>',
        'on the parents as they were then, as 3d or an ISO time; scratch builds, which move no tag',
        (text) => parseSince(text, context.clock.now()),
      )
      .option('--target <name>', 'only of this target')
      .option('--reason <text>', 'kept with the builds')
      .option('--dry-run', 'say what would be asked for, and ask for nothing')
      .option('--follow', 'follow the builds to their ends; without it, ask and end at once')
      .option(...JSON_OPTION)
      .action(
        act(context, (what: readonly string[], options: Options, command: Command) =>
          rebuild(context, what, options, command),
        ),
      ),
    [
      'layerwright rebuild httpd',
      'layerwright rebuild --failed --since 2h --dry-run',
      'layerwright rebuild --dependents-of registry.example.org/f41/base:1.0',
      'layerwright rebuild httpd-2.4-17.f41 --as-of 2026-11-23T10:00:00Z --follow',
    ],
  );
}

async function rebuild(
  context: CliContext,
  what: readonly string[],
  options: Options,
  command: Command,
): Promise<number> {
  checkUsage(what, options);
  const [{ withSession }, { planRebuilds }, { planJson, planText }, { painter }] = await Promise.all([
    import('./session.js'),
    import('./plan-rebuilds.js'),
    import('./render/rebuild.js'),
    import('./render/colour.js'),
  ]);
  return withSession(context, command, async (session) => {
    const wanted = {
      what,
      failedSince: options.failed ? (options.since ?? ('ever' as const)) : null,
      dependentsOf: options.dependentsOf ?? null,
      asOf: options.asOf ?? null,
      target: options.target ?? null,
    };
    const plan = await planRebuilds(session, wanted);
    const builds = options.dryRun ? [] : await buildsOf(context, plan, options);
    const follow = options.follow === true && builds.length > 0;
    // What it says of a build that is not followed is that it was asked for.
    if (!follow) await request(context, session, builds);
    const { terminal } = context;
    const json = options.json ?? false;
    if (json) for (const line of planJson(plan, builds)) terminal.out(jsonLine(line));
    else if (plan.asks.length + plan.nots.length === 0) terminal.note(nothing(options));
    else terminal.out(planText(plan, builds, painter(terminal.colour)));
    if (!follow) return EXIT.ok;
    const { followAll } = await import('./follow-output.js');
    return followAll(context, session, builds, { json, publish: () => request(context, session, builds) });
  });
}

function checkUsage(what: readonly string[], { failed, since, dependentsOf, asOf }: Options): void {
  const ways = [what.length > 0, failed === true, dependentsOf !== undefined].filter(Boolean).length;
  if (ways === 0) throw new ServiceError('usage', 'name what is to be rebuilt, or give --failed or --dependents-of');
  if (ways > 1)
    throw new ServiceError('usage', 'give either names, or --failed, or --dependents-of: one command does one of them');
  if (since !== undefined && !failed) throw new ServiceError('usage', '--since goes with --failed');
  if (asOf !== undefined && what.length === 0) throw new ServiceError('usage', '--as-of goes with names');
}

function nothing({ failed, dependentsOf }: Options): string {
  if (failed) return 'nothing has failed';
  return `nothing that was built stands on ${JSON.stringify(dependentsOf ?? '')}`;
}

async function buildsOf(context: CliContext, plan: HandPlan, { reason }: Options): Promise<readonly Build[]> {
  const { buildByHand } = await import('../rebuilds/index.js');
  const whom = { request: randomUUID(), agent: agentOf(context), reason: reason ?? null };
  return plan.asks.map((ask) => buildByHand(ask, whom));
}
