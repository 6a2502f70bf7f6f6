import type { BuildRow, BuildState, Ledger, Stream } from '../ledger/index.js';
import type { Parent } from '../messages/index.js';
import { type Graph, graphOf } from './decide/graph.js';
import { type EndedBuild, movedNames, type Sightings } from './decide/node.js';

/** How much further back each look goes, where the newest builds are not what is looked for. */
const FURTHER = 8;

/** The graph of all that the ledger knows, but for what `isOut` leaves out. `sightings`: of names that are not ours. */
export function readGraph(
  ledger: Ledger,
  isOut: (stream: Stream) => boolean = () => false,
  sightings: Sightings = new Map(),
): Graph {
  return graphOf(readBuilds(ledger, isOut), sightings);
}

/** The builds that `graphOf` needs of the ledger. */
export function readBuilds(ledger: Ledger, isOut: (stream: Stream) => boolean): readonly EndedBuild[] {
  const builds = new Map<string, BuildRow>();
  const add = (row: BuildRow | null): void => {
    if (row !== null) builds.set(row.id, row);
  };
  for (const stream of ledger.streams()) {
    if (isOut(stream)) continue;
    for (const state of ['completed', 'failed'] as const)
      add(newest(ledger, stream, state, ({ kind }) => kind === 'official'));
    add(newest(ledger, stream, 'completed', (row) => row.kind === 'official' && movedNames(row)));
  }
  const named = new Set<string>();
  for (const { parents } of [...builds.values()]) {
    for (const parent of parents) {
      const made = madeBy(ledger, parent);
      if (made === null || isOut(made)) continue;
      add(made);
      if (named.has(parent.resolved)) continue;
      named.add(parent.resolved);
      // Who has the name now need not be the newest of them: a version's tag stays with that version.
      add(newest(ledger, made, 'completed', ({ image }) => image?.references.includes(parent.resolved) === true));
    }
  }
  return [...builds.values()];
}

function madeBy(ledger: Ledger, { build, digest }: Parent): BuildRow | null {
  return (build === null ? null : ledger.build(build)) ?? ledger.byDigest(digest);
}

/** The newest build of a component and target in a state that fits; null when none does. */
function newest(
  ledger: Ledger,
  { component, target }: Stream,
  state: BuildState,
  fits: (row: BuildRow) => boolean,
): BuildRow | null {
  for (let limit = 1; ; limit *= FURTHER) {
    const rows = ledger.builds({ component, target, states: [state], limit });
    const found = rows.find(fits);
    if (found !== undefined) return found;
    if (rows.length < limit) return null;
  }
}
