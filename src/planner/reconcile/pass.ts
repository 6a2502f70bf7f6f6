/** One look at all that messages tell of: heads, names, what is out of date and what nobody works on (design, section 1.4). */
import type { Graph } from '../../rebuilds/index.js';
import type { Tally } from './findings.js';
import { lookAtHeads } from './heads.js';
import { lookAtNames } from './names.js';
import type { Pass, PassParts } from './parts.js';
import { hasStream } from './scope.js';

/** Groups that take requests. */
const LANES = ['builder', 'builder.cascade'] as const;
/** Builds of each state that are counted. */
const MAX_COUNTED = 1_000;

/** Looks at everything once; ends early when the signal ends. Throws what bus and ledger throw: what is outside is told of instead. */
export async function reconcile(parts: PassParts, pass: Pass): Promise<Tally> {
  await parts.ledger.caughtUp();
  const { faults: away, ...heads } = await lookAtHeads(parts, pass);
  const graph = pass.graph();
  const { faults, ...names } = await lookAtNames(parts, pass, graph);
  const all = [...away, ...faults];
  for (const fault of all) pass.onFinding(fault);
  return {
    ...heads,
    ...names,
    stale: staleIn(graph, parts, pass),
    ...(await looseEnds(parts, pass)),
    faults: all.length,
  };
}

function staleIn({ nodes, stale }: Graph, { isOut }: PassParts, { scope }: Pass): number {
  const keys = [...stale.keys()];
  return keys.filter((key) => {
    const node = nodes.get(key);
    return node !== undefined && !isOut(node) && hasStream(scope, node);
  }).length;
}

/** Builds that nobody works on; while requests wait, one that was lost can't be told from one that waits. */
async function looseEnds(
  { bus, ledger }: PassParts,
  { scope, signal }: Pass,
): Promise<Pick<Tally, 'unfinished' | 'unbegun'>> {
  let unfinished = 0;
  for (const row of ledger.builds({ states: ['started'], limit: MAX_COUNTED })) {
    if (signal.aborted) break;
    if (hasStream(scope, row) && (await bus.holder(`build.${row.id}`)) === null) unfinished += 1;
  }
  for (const lane of LANES) if ((await bus.waiting(lane)) > 0) return { unfinished, unbegun: 0 };
  const requested = ledger.builds({ states: ['requested'], limit: MAX_COUNTED });
  return { unfinished, unbegun: requested.filter((row) => hasStream(scope, row)).length };
}
