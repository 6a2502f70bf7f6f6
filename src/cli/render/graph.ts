import { type Edge, type Graph, type GraphNode, keyOf } from '../../rebuilds/index.js';
import { type Column, table } from './table.js';
import { ago, safe } from './text.js';

/** Keys of a component's nodes, what they stand on and what stands on them; all keys for null. */
export function around(graph: Graph, component: string | null): readonly string[] {
  const keys = [...graph.nodes.keys()];
  if (component === null) return keys;
  const begin = keys.filter((key) => graph.nodes.get(key)?.component === component);
  const below = reached(begin, (key) => graph.parents.get(key) ?? []);
  const above = reached(begin, (key) => graph.dependents.get(key) ?? []);
  return keys.filter((key) => below.has(key) || above.has(key));
}

function reached(begin: readonly string[], next: (key: string) => readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const queue = [...begin];
  for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
    if (seen.has(key)) continue;
    seen.add(key);
    queue.push(...next(key));
  }
  return seen;
}

/** A node for machines. */
export function nodeJson({ nodes, stale, cycles }: Graph, key: string): object {
  const node = nodes.get(key);
  if (node === undefined) return {};
  const { component, target, image, last, parents } = node;
  return {
    component,
    target,
    nvr: image?.nvr ?? null,
    build: image?.id ?? null,
    digest: image?.image?.digest ?? null,
    last: { build: last.id, state: last.state, ended_at: last.endedAt },
    parents: parents.map(({ written, resolved, from, standsOn, now, seen, staleSince }) => ({
      written,
      resolved,
      component: from?.component ?? null,
      target: from?.target ?? null,
      stands_on: standsOn,
      now: now === null ? null : { build: now.id, nvr: now.nvr, digest: now.image?.digest ?? null },
      stale_since: staleSince,
      seen: seen?.digest ?? null,
    })),
    stale: stale.get(key) ?? null,
    cycle: cycles.find((cycle) => cycle.includes(key)) ?? null,
  };
}

const COLUMNS: readonly Column[] = [
  { title: 'IMAGE', flexible: true },
  { title: 'NVR', flexible: true },
  { title: 'SINCE' },
  { title: 'WHY', flexible: true },
];

/** A row for each image that is out of date, the oldest first. */
export function staleTable(graph: Graph, keys: readonly string[], now: Date, width: number): Promise<string> {
  const since = (key: string): string => graph.stale.get(key)?.since ?? '';
  const rows = [...keys]
    .sort((a, b) => (since(a) === since(b) ? 0 : since(a) < since(b) ? -1 : 1))
    .map((key) => [
      safe(key),
      safe(graph.nodes.get(key)?.image?.nvr ?? ''),
      ago(since(key), now),
      safe(whyStale(graph, key) ?? ''),
    ]);
  return table(COLUMNS, rows, width);
}

/** Characters of a digest that tell it from others. */
const SHORT_DIGEST = 'sha256:'.length + 12;

/** Why an image is out of date, in words; null when it is not. */
export function whyStale({ nodes, stale }: Graph, key: string): string | null {
  const found = stale.get(key);
  const node = nodes.get(key);
  if (found === undefined || node === undefined) return null;
  const changed = node.parents.filter(({ staleSince }) => staleSince !== null).map(changeOf);
  if (changed.length > 0) return changed.join(', ');
  return `stands on ${found.through.join(', ')}`;
}

function changeOf({ from, resolved, now, seen }: Edge): string {
  const what = now?.nvr ?? now?.image?.digest ?? seen?.digest.slice(0, SHORT_DIGEST) ?? 'another image';
  return `${from === null ? resolved : keyOf(from)} is ${what} now`;
}

export function cycleNote(cycle: readonly string[]): string {
  if (cycle.length === 1) return `layerwright: ${cycle[0]} stands on itself: no build has it right`;
  return `layerwright: ${cycle.join(', ')} stand on each other: no order of builds has them right`;
}

/** For Graphviz: an arrow from what stands to what it stands on; what is not ours is dashed, what is out of date filled. */
export function dotOf(graph: Graph, keys: readonly string[]): string {
  const shown = new Set(keys);
  const others = new Set<string>();
  const lines: string[] = [];
  for (const key of keys) {
    const node = graph.nodes.get(key);
    if (node === undefined) continue;
    lines.push(
      `  ${quoted(key)} [label=${quoted(labelOf(key, node))}${graph.stale.has(key) ? ', style=filled' : ''}];`,
    );
    for (const { from, resolved, staleSince } of node.parents) {
      const to = from !== null && graph.nodes.has(keyOf(from)) ? keyOf(from) : resolved;
      if (!shown.has(to)) others.add(to);
      lines.push(`  ${quoted(key)} -> ${quoted(to)}${staleSince === null ? '' : ' [style=bold]'};`);
    }
  }
  for (const other of [...others].sort()) lines.push(`  ${quoted(other)} [style=dashed];`);
  return ['digraph images {', '  rankdir=RL;', '  node [shape=box];', ...lines, '}'].join('\n');
}

function labelOf(key: string, { image }: GraphNode): string {
  return image?.nvr == null ? key : `${key}\n${image.nvr}`;
}

/** As DOT's grammar has it: only quotes and the backslash need one before them. */
function quoted(text: string): string {
  const lines = text.split('\n').map((line) => safe(line).replace(/["\\]/g, '\\$&'));
  return `"${lines.join('\\n')}"`;
}
