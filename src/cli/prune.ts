import type { Command } from 'commander';
import type { AreaKind, Item, Outcome, Round, Scope } from '../keeper/index.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';
import { parseEachOf } from './options.js';
import type { Session } from './session.js';

interface Options {
  readonly dryRun?: boolean;
  readonly only?: readonly AreaKind[];
  readonly json?: boolean;
}

const AREAS: readonly AreaKind[] = ['images', 'mirrors', 'logs', 'tags'];
/** Milliseconds that a process which keeps house just now is waited for, and between two looks at it. */
const WAIT_MS = 60_000;
const LOOK_MS = 500;

/** `layerwright prune`: keeps house now, or shows what would go. */
export function pruneCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('prune')
      .summary('take away what is old, or show it')
      .description(
        'Keeps house once, as a process with the role builder does now and then: images and cache of the engines over `engines[].keep_bytes`, mirrors and logs of the state folder over `keep`, and old build tags of the candidate registries. Only what builds of this log have made is touched. Exits with 69 when a place could not be looked at.',
      )
      .option('--dry-run', 'show what would go, and why; touch nothing')
      .option('--only <area>', `only here, may be repeated (${AREAS.join(', ')})`, parseEachOf(AREAS))
      .option(...JSON_OPTION)
      .action(act(context, (options: Options, command: Command) => prune(context, options, command))),
    ['layerwright prune --dry-run', 'layerwright prune --only tags --json'],
  );
}

async function prune(context: CliContext, options: Options, command: Command): Promise<number> {
  const [{ withSession }, { kindsOf, SCOPES }] = await Promise.all([
    import('./session.js'),
    import('../keeper/index.js'),
  ]);
  return withSession(context, command, async (session) => {
    const kinds = options.only ?? AREAS;
    const told = new Told(context, options);
    let finished = true;
    for (const scope of SCOPES) {
      const wanted = kindsOf(scope, kinds);
      if (wanted.length === 0) continue;
      const round = await keep(context, session, scope, wanted, options, told);
      if (round === null) {
        context.terminal.note('layerwright: another process is keeping house just now; try again when it has done');
        return EXIT.unavailable;
      }
      told.add(round);
      finished &&= round.finished;
    }
    await told.end();
    if (context.interrupt.aborted) return EXIT.interrupted;
    return finished && told.isWell ? EXIT.ok : EXIT.unavailable;
  });
}

/** One scope, under its claim; a dry run needs none. Null when another process has the claim for too long. */
async function keep(
  { clock, interrupt }: CliContext,
  session: Session,
  scope: Scope,
  kinds: readonly AreaKind[],
  { dryRun = false }: Options,
  told: Told,
): Promise<Round | null> {
  const [{ keepHouse, openAreas }, { houseStores }, { withReleasers }] = await Promise.all([
    import('../keeper/index.js'),
    import('./house.js'),
    import('../runtime/releasers.js'),
  ]);
  return withReleasers(async (releasers) => {
    const claim = dryRun ? null : await claimSoon(session, scope, interrupt);
    if (claim !== null) releasers.push('the claim of the house', () => claim.release());
    else if (!dryRun) return null;
    const parts = {
      ...(await houseStores(session.settings, releasers)),
      ledger: await session.ledger(),
      registries: await registriesOf(session),
      settings: session.settings.keeper,
      clock,
    };
    const signal = claim === null ? interrupt : AbortSignal.any([interrupt, claim.lost]);
    return keepHouse(await openAreas(parts, kinds), {
      dryRun,
      signal,
      isOurs: () => claim?.verify() ?? Promise.resolve(true),
      onItem: (item, outcome) => told.item(item, outcome),
    });
  });
}

async function claimSoon({ bus, settings }: Session, scope: Scope, interrupt: AbortSignal) {
  const [{ claimScope }, { pause }] = await Promise.all([import('../keeper/index.js'), import('../runtime/clock.js')]);
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const claim = await claimScope(bus, scope, settings.process.host, settings.process.id);
    if (claim !== null || interrupt.aborted || performance.now() >= deadline) return claim;
    await pause(LOOK_MS, interrupt);
  }
}

async function registriesOf(session: Session): Promise<ReadonlyMap<string, Awaited<ReturnType<Session['registry']>>>> {
  const names = new Set(Object.values(session.settings.keeper.targets).map(({ candidate }) => candidate));
  return new Map(await Promise.all([...names].map(async (name) => [name, await session.registry(name)] as const)));
}

/** What the command prints: each thing for machines as it goes, a table and a sum for people at the end. */
class Told {
  readonly #context: CliContext;
  readonly #options: Options;
  readonly #items: { readonly item: Item; readonly outcome: Outcome | null }[] = [];
  readonly #rounds: Round[] = [];

  constructor(context: CliContext, options: Options) {
    this.#context = context;
    this.#options = options;
  }

  get isWell(): boolean {
    return this.#rounds.every(({ faults }) => faults.length === 0);
  }

  item(item: Item, outcome: Outcome | null): void {
    if (this.#options.json) this.#context.terminal.out(jsonLine({ ...item, outcome: outcome ?? 'would_go' }));
    else this.#items.push({ item, outcome });
  }

  add(round: Round): void {
    this.#rounds.push(round);
  }

  async end(): Promise<void> {
    const { terminal } = this.#context;
    const { pruneTable, sumLine } = await import('./render/prune.js');
    const { safe } = await import('./render/text.js');
    const sum = (pick: (round: Round) => number): number => this.#rounds.reduce((all, round) => all + pick(round), 0);
    const total = {
      gone: sum(({ gone }) => gone),
      bytes: sum(({ bytes }) => bytes),
      stayed: sum(({ stayed }) => stayed),
    };
    const dryRun = this.#options.dryRun === true;
    const notes = [...new Set(this.#rounds.flatMap((round) => round.notes))];
    const faults = this.#rounds.flatMap((round) => round.faults);
    if (this.#options.json) {
      const places = faults.map(({ place, error }) => ({ place, reason: error.message }));
      terminal.out(jsonLine({ sum: { ...total, dry_run: dryRun, notes, faults: places } }));
      return;
    }
    if (this.#items.length > 0) terminal.out(await pruneTable(this.#items, this.#context.clock.now(), terminal.width));
    terminal.out(sumLine(total, dryRun));
    for (const note of notes) terminal.note(safe(note));
    for (const { place, error } of faults) terminal.note(`layerwright: ${safe(place)}: ${safe(error.message)}`);
  }
}
