import type { Command } from 'commander';
import { ServiceError } from '../kernel/service-error.js';
import type { Ledger } from '../ledger/index.js';
import type { Finding, ReconcilePorts, Tally } from '../planner/index.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';
import { leftOut } from './left-out.js';
import type { Session } from './session.js';

interface Options {
  readonly target?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `layerwright reconcile [COMPONENT…]`: looks once for what no message told, and asks for what is missing. */
export function reconcileCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('reconcile')
      .summary('look for what no message told, and ask for it')
      .description(
        'Looks once, as the planner does every `rebuilds.reconcile`: asks git hosts for the heads of all known repositories, and for the build of each head that has none; asks registries what names stand for, and has wrong ones put right; counts what is out of date and what nobody works on, which waves and the sweeper see to. What it asks for is what the planner would: doing both does it once. Closed targets and retired components are left out. Exits with 69 when a place could not be looked at.',
      )
      .argument('[components...]', 'only these')
      .option('--target <name>', 'only of this target')
      .option('--dry-run', 'show what would be asked for; ask for nothing')
      .option(...JSON_OPTION)
      .action(
        act(context, (components: string[], options: Options, command: Command) =>
          reconcileOnce(context, components, options, command),
        ),
      ),
    ['layerwright reconcile --dry-run', 'layerwright reconcile httpd --target f41', 'layerwright reconcile --json'],
  );
}

async function reconcileOnce(
  context: CliContext,
  components: readonly string[],
  options: Options,
  command: Command,
): Promise<number> {
  const [{ withSession }, { noMemory, reconcile }, { readGraph }] = await Promise.all([
    import('./session.js'),
    import('../planner/index.js'),
    import('../rebuilds/index.js'),
  ]);
  return withSession(context, command, async (session) => {
    const { config } = session.settings;
    const { clock, interrupt, terminal } = context;
    const ports = await openPorts(session);
    const ledger = await session.ledger();
    const scope = { components: components.length === 0 ? null : components, target: options.target ?? null };
    checkScope(scope, ledger, session, ports);
    const isOut = leftOut(config);
    const told = new Told(context, options);
    if (terminal.errorsToPerson)
      terminal.note('layerwright: git hosts and registries are asked; this may take a while');
    const tally = await reconcile(
      { bus: session.bus, ledger, prefix: session.prefix, clock, isOut, ports },
      {
        scope,
        dryRun: options.dryRun ?? false,
        memory: noMemory(),
        signal: interrupt,
        graph: () => readGraph(ledger, isOut),
        onFinding: (finding) => told.add(finding),
      },
    );
    await told.end(tally);
    if (interrupt.aborted) return EXIT.interrupted;
    return tally.faults === 0 ? EXIT.ok : EXIT.unavailable;
  });
}

async function openPorts(session: Session): Promise<ReconcilePorts> {
  const [{ reconcilePorts }, { silentLogger }] = await Promise.all([
    import('./reconcile-ports.js'),
    import('../observability/index.js'),
  ]);
  const registries = await Promise.all(session.settings.registries.map(({ name }) => session.registry(name)));
  return reconcilePorts(session.settings, await session.git(), registries, silentLogger);
}

/** A name that nothing has would be looked at with the best success. */
function checkScope(
  { components, target }: { readonly components: readonly string[] | null; readonly target: string | null },
  ledger: Ledger,
  { settings }: Session,
  { configured }: ReconcilePorts,
): void {
  const targets = settings.config.targets.map(({ name }) => name);
  if (target !== null && !targets.includes(target))
    throw new ServiceError('usage', `there is no target ${target}; the targets are ${targets.join(', ')}`);
  if (components === null) return;
  const known = new Set([...ledger.streams(), ...configured].map(({ component }) => component));
  const unknown = components.find((component) => !known.has(component));
  if (unknown !== undefined)
    throw new ServiceError(
      'not_found',
      `no build of ${JSON.stringify(unknown.slice(0, 200))} is known, so there is nothing to compare it with; \`layerwright build\` makes a first one`,
    );
}

/** What the command prints: each finding for machines as it comes, a table and a sum for people at the end. */
class Told {
  readonly #context: CliContext;
  readonly #options: Options;
  readonly #findings: Finding[] = [];

  constructor(context: CliContext, options: Options) {
    this.#context = context;
    this.#options = options;
  }

  add(finding: Finding): void {
    if (this.#options.json) this.#context.terminal.out(jsonLine(finding));
    else this.#findings.push(finding);
  }

  async end(tally: Tally): Promise<void> {
    const { terminal } = this.#context;
    const dryRun = this.#options.dryRun === true;
    if (this.#options.json) {
      terminal.out(jsonLine({ sum: { ...tally, dry_run: dryRun } }));
      return;
    }
    const { faultNote, findingsTable, tallyLines } = await import('./render/reconcile.js');
    const rows = this.#findings.filter((finding) => finding.kind !== 'fault');
    if (rows.length > 0) terminal.out(await findingsTable(rows, terminal.width));
    for (const line of tallyLines(tally, dryRun)) terminal.out(line);
    for (const finding of this.#findings) if (finding.kind === 'fault') terminal.note(faultNote(finding));
  }
}
