import type { BuildRow, Ledger, Stream } from '../ledger/index.js';
import { type Graph, graphOf } from './decide/graph.js';
import { type EndedBuild, keyOf, movedNames } from './decide/node.js';

/** How far back the last image is looked for whose names were moved: of builds that came to their end too late there are few. */
const FAR_BACK = 100;

type Asked = Pick<Ledger, 'build' | 'builds' | 'byDigest' | 'holderOfName'>;

export interface Around {
  /** Of one component and all that it stands on. */
  readonly graph: Graph;
  /** True when there is more below than was looked at. */
  readonly cut: boolean;
}

/** What a component stands on, the nearest first; at most `limit` components. Takes no longer where the ledger has more. */
export function readAround(ledger: Asked, begin: Stream, limit: number): Around {
  const builds = new Map<string, EndedBuild>();
  const seen = new Set<string>([keyOf(begin)]);
  const left: Stream[] = [begin];
  const add = (row: BuildRow | null): void => {
    if (row !== null) builds.set(row.id, row);
  };
  const answers = new Map<string, BuildRow | null>();
  const once = (question: string, ask: () => BuildRow | null): BuildRow | null => {
    const known = answers.get(question);
    if (known !== undefined) return known;
    const found = ask();
    answers.set(question, found);
    return found;
  };
  for (let taken = 0; left.length > 0 && taken < limit; taken += 1) {
    const stream = left.shift();
    if (stream === undefined) break;
    for (const row of lastOf(ledger, stream)) {
      add(row);
      for (const { build, digest, resolved } of row.parents) {
        // Many stand on the same.
        const made = once(
          `${build} ${digest}`,
          () => (build === null ? null : ledger.build(build)) ?? ledger.byDigest(digest),
        );
        const now = once(resolved, () => ledger.holderOfName(resolved));
        for (const parent of [made, now]) {
          add(parent);
          if (parent === null || seen.has(keyOf(parent))) continue;
          seen.add(keyOf(parent));
          left.push(parent);
        }
      }
    }
  }
  return { graph: graphOf([...builds.values()]), cut: left.length > 0 };
}

/** The builds of a component that a graph is drawn from: what completed and what failed last, and whose image its names are. */
function lastOf(ledger: Asked, { component, target }: Stream): readonly BuildRow[] {
  const of = { component, target, kind: 'official' } as const;
  const completed = ledger.builds({ ...of, states: ['completed'], limit: 1 });
  const failed = ledger.builds({ ...of, states: ['failed'], limit: 1 });
  const [last] = completed;
  if (last === undefined || movedNames(last)) return [...completed, ...failed];
  const holder = ledger.builds({ ...of, states: ['completed'], limit: FAR_BACK }).find(movedNames);
  return [...completed, ...failed, ...(holder === undefined ? [] : [holder])];
}
