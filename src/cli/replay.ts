import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { ServiceError } from '../kernel/service-error.js';
import type { Entry, Plan, PlanSettings, SendOutcome, Spool } from '../replay/index.js';
import { agentOf } from './cancel.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { describeFault } from './faults.js';
import { JSON_OPTION } from './json.js';
import { parseCount, parseEachOf, parseSince } from './options.js';
import { checkSource, openForesight, openLineage, openSource, type SourceOptions } from './replay-parts.js';
import type { ReplayTold } from './replay-told.js';
import type { Session } from './session.js';

interface Options extends SourceOptions {
  readonly component?: string;
  readonly id?: string;
  readonly build?: string;
  readonly after?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly foreign?: boolean;
  readonly strict?: boolean;
  readonly rate: number;
  readonly limit?: number;
  readonly json?: boolean;
}

/** Messages a second: a thousand pushes take less than a minute, and other work goes on beside them. */
const DEFAULT_RATE = 20;

/** `layerwright replay`: messages of the past once more. */
export function replayCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('replay')
      .summary('send messages of the past once more')
      .description(
        'Sends pushes and build requests of the past once more, from the logs of the bus, a dump or an archive: what was lost is built, what is known does nothing. What comes in while it runs is not taken. Exits with 1 when a line is no message or a message could not be sent.',
      )
      .option(
        '--log <name>',
        'from this log of the bus, ours or git; without a source both',
        parseEachOf(['ours', 'git']),
      )
      .option('--dump <file>', 'from a dump, as `layerwright record` writes it; - for standard input')
      .option('--datagrepper <url>', 'from an HTTP server that answers as datagrepper does')
      .option('--since <time>', 'from here: an ISO time, or 10m, 2h, 3d', (text) => parseSince(text))
      .option('--until <time>', 'up to here', (text) => parseSince(text))
      .option('--topic <pattern>', 'only topics that match (`*` one word, `#` any number); may be repeated', gather)
      .option('--component <name>', 'only what is about this component')
      .option('--build <build>', 'only what is about this build: an NVR, an id or its beginning')
      .option('--id <message>', 'only this message')
      .option('--after <place>', 'go on after this message: its id, or its line in a dump')
      .option('--dry-run', 'show what would be built and what not, and why; send nothing')
      .option('--force', 'build anew, under new ids, what is known; send commands too')
      .option('--foreign', 'send also what is neither ours nor a push')
      .option('--strict', 'send nothing when a line of the dump is no message')
      .option('--rate <count>', 'messages a second at most', parseRate, DEFAULT_RATE)
      .option('--limit <count>', 'messages at most', parseCount)
      .option(...JSON_OPTION)
      .action(act(context, (options: Options, command: Command) => replay(context, options, command))),
    [
      'layerwright replay --since 2h --dry-run',
      'layerwright replay --log git --since 2026-11-23T10:00:00Z --component httpd',
      'layerwright replay --dump lost.jsonl --strict',
      'layerwright replay --datagrepper https://apps.fedoraproject.org/datagrepper --since 1d --topic "#.git.receive"',
      'layerwright replay --build httpd-2.4-17.f41 --force',
    ],
  );
}

function gather(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function parseRate(text: string): number {
  const rate = Number(text);
  if (!(rate >= 0.01 && rate <= 10_000)) throw new InvalidArgumentError('Give a number from 0.01 to 10000.');
  return rate;
}

async function replay(context: CliContext, options: Options, command: Command): Promise<number> {
  await checkSource(options);
  const [{ withSession }, { Spool }, { ReplayTold }, { withReleasers }] = await Promise.all([
    import('./session.js'),
    import('../replay/index.js'),
    import('./replay-told.js'),
    import('../runtime/releasers.js'),
  ]);
  return withSession(context, command, (session) =>
    withReleasers(async (releasers) => {
      const told = new ReplayTold(context, options.json ?? false);
      const spool = options.dryRun ? null : await Spool.open();
      if (spool !== null) releasers.push('what is to be sent', () => spool.close());
      return planAndSend(context, session, options, { told, spool });
    }),
  );
}

interface Parts {
  readonly told: ReplayTold;
  /** Null in a dry run. */
  readonly spool: Spool | null;
}

async function planAndSend(
  context: CliContext,
  session: Session,
  options: Options,
  { told, spool }: Parts,
): Promise<number> {
  const settings = await planSettings(context, session, options);
  const plan = await plans(context, session, options, settings, { told, spool });
  if (plan === null) {
    told.note('interrupted before anything was sent');
    return EXIT.interrupted;
  }
  if (options.strict && told.faults > 0) {
    told.note(
      `nothing was sent: ${told.faults === 1 ? 'a line is' : `${told.faults} lines are`} no message (--strict)`,
    );
    return EXIT.failed;
  }
  if (spool === null) {
    for (const entry of plan.entries) told.entry(entry, null);
    told.sum(plan, settings.run, null, 0);
    if (plan.isFull) tellRest(told, plan.entries.findLast(({ action }) => action !== 'none') ?? null, options);
    return told.faults > 0 ? EXIT.failed : EXIT.ok;
  }
  const outcome = await send(context, session, options, settings, plan, { told, spool });
  told.sum(plan, settings.run, outcome.sent, outcome.failed);
  if (outcome.interrupted || outcome.fault !== null || plan.isFull) tellRest(told, outcome.last, options);
  if (outcome.fault !== null) {
    const { text, exit } = describeFault(outcome.fault, false);
    context.terminal.note(text);
    return exit;
  }
  if (outcome.interrupted) return EXIT.interrupted;
  return told.faults > 0 || outcome.failed > 0 ? EXIT.failed : EXIT.ok;
}

async function planSettings(context: CliContext, session: Session, options: Options): Promise<PlanSettings> {
  const { anyTopic } = await import('../kernel/topic-pattern.js');
  const { after, topic, component, id, build } = options;
  const line = options.dump !== undefined && after !== undefined && /^\d{1,15}$/.test(after) ? Number(after) : null;
  return {
    run: randomUUID(),
    force: options.force ?? false,
    foreign: options.foreign ?? false,
    limit: options.limit ?? null,
    supersede: session.settings.builder.supersede,
    agent: agentOf(context),
    select: {
      topic: topic === undefined ? null : anyTopic(topic),
      component: component ?? null,
      id: id ?? null,
      build: build === undefined ? null : await buildIdOf(session, build),
      after: after === undefined ? null : line === null ? { id: after } : { line },
    },
  };
}

/** A build that the ledger does not know may still be one of the messages: then it is an id, or its beginning. */
async function buildIdOf(session: Session, text: string): Promise<string> {
  const [row, ...others] = (await session.ledger()).find(text);
  if (others.length > 0)
    throw new ServiceError('usage', `${JSON.stringify(text)} fits several builds; give more of the id`);
  if (row !== undefined) return row.id;
  if (!/^[0-9a-f-]{6,36}$/.test(text)) throw new ServiceError('not_found', `there is no build ${JSON.stringify(text)}`);
  return text;
}

async function plans(
  context: CliContext,
  session: Session,
  options: Options,
  settings: PlanSettings,
  { told, spool }: Parts,
): Promise<Plan | null> {
  const [{ makePlan }, { anyTopic }, { silentLogger }] = await Promise.all([
    import('../replay/index.js'),
    import('../kernel/topic-pattern.js'),
    import('../observability/index.js'),
  ]);
  const { interrupt: signal } = context;
  return makePlan({
    source: await openSource(context, session, options, told),
    settings,
    ledger: await session.ledger(),
    reader: {
      prefix: session.prefix,
      isListenedTo: anyTopic(session.settings.topology.git),
      foresight: await openForesight(session, silentLogger, signal),
    },
    lineage: openLineage(session, signal, (text) => told.note(text)),
    spool,
    readsAll: options.strict ?? false,
    signal,
    onProgress: (count) => told.progress('looked at', count, null, null),
  });
}

async function send(
  context: CliContext,
  { bus, prefix }: Session,
  { rate }: Options,
  { run }: PlanSettings,
  plan: Plan,
  { told, spool }: { readonly told: ReplayTold; readonly spool: Spool },
): Promise<SendOutcome> {
  const { sendPlan } = await import('../replay/index.js');
  const all = plan.entries.filter(({ action }) => action !== 'none').length;
  let at = 0;
  let done = 0;
  /** Those before it of which nothing is sent. */
  const skipTo = (index: number): void => {
    for (; at < index; at += 1) {
      const entry = plan.entries[at];
      if (entry !== undefined) told.entry(entry, false);
    }
  };
  context.endsItself();
  const outcome = await sendPlan(plan, spool, {
    bus,
    prefix,
    run,
    clock: context.clock,
    rate,
    signal: context.interrupt,
    onSent: (index, entry, fault) => {
      skipTo(index);
      at = index + 1;
      done += 1;
      told.entry(entry, fault === null, fault?.message ?? null);
      told.progress('sent', done, all, entry);
    },
  });
  if (!outcome.interrupted && outcome.fault === null) skipTo(plan.entries.length);
  return outcome;
}

/** How to go on where it ended before its time. */
function tellRest(told: ReplayTold, last: Entry | null, { dump }: Options): void {
  const place = dump !== undefined && last?.line != null ? String(last.line) : last?.id;
  told.note(
    place === undefined ? 'nothing was sent; the same command begins anew' : `it goes on with --after ${place}`,
  );
}
