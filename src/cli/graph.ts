import type { Command } from 'commander';
import type { Stream } from '../ledger/index.js';
import type { SeenNow } from '../planner/index.js';
import type { Graph } from '../rebuilds/index.js';
import { act, type CliContext, EXIT } from './context.js';
import { examples } from './examples.js';
import { JSON_OPTION, jsonLine } from './json.js';
import { leftOut } from './left-out.js';
import { safe } from './render/text.js';
import type { Session } from './session.js';

interface Options {
  readonly target?: string;
  readonly stale?: boolean;
  readonly poll?: boolean;
  readonly dot?: boolean;
  readonly json?: boolean;
}

/** Milliseconds between two words of how far it is. */
const PROGRESS_MS = 2_000;

/** `layerwright graph [COMPONENT]`: who stands on whom, and what is out of date. */
export function graphCommand(program: Command, context: CliContext): Command {
  return examples(
    program
      .createCommand('graph')
      .summary('show which image stands on which, and what is out of date')
      .description(
        'Shows which image stands on which, as the last builds of each component have it. An image is out of date when the name that its Dockerfile has for a parent stands for another image now, or when one that it stands on is. Closed targets and retired components are left out.',
      )
      .argument('[component]', 'only this one, what it stands on and what stands on it')
      .option('--target <name>', 'only of this target')
      .option('--stale', 'only what is out of date: since when, and why')
      .option('--poll', 'ask registries now for the images that are not ours, and count those that have changed')
      .option('--dot', 'for Graphviz')
      .option(...JSON_OPTION)
      .action(
        act(context, (component: string | undefined, options: Options, command: Command) =>
          show(context, component ?? null, options, command),
        ),
      ),
    ['layerwright graph', 'layerwright graph --stale --poll', 'layerwright graph base --dot | dot -Tsvg > base.svg'],
  );
}

async function show(
  context: CliContext,
  component: string | null,
  options: Options,
  command: Command,
): Promise<number> {
  const [{ withSession }, { readGraph }, graphs, { graphTree }, { painter }] = await Promise.all([
    import('./session.js'),
    import('../rebuilds/index.js'),
    import('./render/graph.js'),
    import('./render/graph-tree.js'),
    import('./render/colour.js'),
  ]);
  return withSession(context, command, async (session) => {
    const isLeftOut = leftOut(session.settings.config);
    const isOut = (stream: Stream): boolean =>
      isLeftOut(stream) || (options.target !== undefined && stream.target !== options.target);
    const ledger = await session.ledger();
    const first = readGraph(ledger, isOut);
    const seen = options.poll ? await pollNow(context, session, first) : null;
    const graph = seen === null ? first : readGraph(ledger, isOut, seen.sightings);
    const shown = graphs.around(graph, component);
    const { terminal } = context;
    const now = context.clock.now();
    const { stale, dot, json } = options;
    const keys = stale ? shown.filter((key) => graph.stale.has(key)) : shown;
    if (json) for (const key of keys) terminal.out(jsonLine(graphs.nodeJson(graph, key)));
    else if (dot) terminal.out(graphs.dotOf(graph, keys));
    else if (keys.length === 0) terminal.note(nothing(graph, component, stale === true));
    else if (stale) terminal.out(await graphs.staleTable(graph, keys, now, terminal.width));
    else terminal.out(graphTree(graph, keys, now, painter(terminal.colour)));
    if (!json && !dot) for (const cycle of graph.cycles) terminal.note(graphs.cycleNote(cycle));
    if (context.interrupt.aborted) return EXIT.interrupted;
    return seen === null || seen.isWhole ? EXIT.ok : EXIT.unavailable;
  });
}

/** What registries say of the images that are not ours. Tells how far it is, and of which nothing is known. */
async function pollNow(
  { terminal, clock, interrupt }: CliContext,
  session: Session,
  { nodes }: Graph,
): Promise<{ readonly sightings: SeenNow['sightings']; readonly isWhole: boolean }> {
  const [{ outsideOf }, { seeNow }] = await Promise.all([
    import('../rebuilds/index.js'),
    import('../planner/index.js'),
  ]);
  const { config, registries: named } = session.settings;
  const registries = await Promise.all(named.map(({ name }) => session.registry(name)));
  const { pollsPerMinute } = config.rebuilds;
  let told = clock.monotonic();
  const onProgress = (done: number, of: number, waitMs: number): void => {
    if (clock.monotonic() - told < PROGRESS_MS && waitMs < PROGRESS_MS) return;
    told = clock.monotonic();
    const wait = waitMs < PROGRESS_MS ? '' : `; the next in ${Math.ceil(waitMs / 1_000)} s (rebuilds.polls_per_minute)`;
    terminal.note(`layerwright: ${done} of ${of} images asked for${wait}`);
  };
  const { sightings, unwatched, faults } = await seeNow(outsideOf(nodes), registries, {
    pollsPerMinute,
    clock,
    signal: interrupt,
    onProgress,
  });
  for (const [name, reason] of unwatched) terminal.note(`layerwright: ${safe(name)} is not watched: ${safe(reason)}`);
  for (const [name, reason] of faults) terminal.note(`layerwright: ${safe(name)} is not known: ${safe(reason)}`);
  return { sightings, isWhole: faults.size === 0 };
}

function nothing({ nodes }: Graph, component: string | null, stale: boolean): string {
  if (nodes.size === 0) return 'no component has been built yet';
  if (stale) return 'nothing is out of date';
  return `no image of ${JSON.stringify(component)} has been built`;
}
