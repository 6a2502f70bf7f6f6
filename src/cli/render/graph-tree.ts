import { type Graph, keyOf } from '../../rebuilds/index.js';
import type { Paint } from './colour.js';
import { whyStale } from './graph.js';
import { ago, safe } from './text.js';

/** A line, and how many steps it stands above the ground. */
export interface Line {
  readonly text: string;
  readonly depth: number;
}

/**
 * The images as a tree, each below what it stands on. One with several parents has its own above the first of them, and
 * is named at the others.
 */
export function graphTree(graph: Graph, keys: readonly string[], now: Date, paint: Paint): string {
  const shown = new Set(keys);
  const above = new Map<string, string[]>();
  for (const key of keys) {
    for (const ground of groundsOf(graph, key, shown)) above.set(ground, [...(above.get(ground) ?? []), key]);
  }
  const lines: Line[] = [];
  const told = new Set<string>();
  const tell = (root: string): void => {
    const path = [{ key: root, depth: 0 }];
    for (let at = path.pop(); at !== undefined; at = path.pop()) {
      const { key, depth } = at;
      const again = told.has(key);
      lines.push({
        depth,
        text: again ? `${safe(key)} ${paint('grey', '(as above)')}` : textOf(graph, key, now, paint),
      });
      if (again) continue;
      told.add(key);
      for (const next of [...(above.get(key) ?? [])].reverse()) path.push({ key: next, depth: depth + 1 });
    }
  };
  const grounds = [...above.keys()].filter((key) => !shown.has(key)).sort();
  const rootless = keys.filter((key) => groundsOf(graph, key, shown).length === 0);
  for (const root of [...grounds, ...rootless]) tell(root);
  // What stands on each other stands on no ground.
  for (const key of keys) if (!told.has(key)) tell(key);
  return withBranches(lines).join('\n');
}

/** Where a node stands in the tree: on its parents of ours that are shown, else on the images of others. */
function groundsOf(graph: Graph, key: string, shown: ReadonlySet<string>): readonly string[] {
  const parents = (graph.parents.get(key) ?? []).filter((parent) => shown.has(parent) && parent !== key);
  if (parents.length > 0) return parents;
  const edges = graph.nodes.get(key)?.parents ?? [];
  const others = edges.filter(({ from }) => from === null || !graph.nodes.has(keyOf(from)));
  return [...new Set(others.map(({ resolved }) => resolved))];
}

function textOf(graph: Graph, key: string, now: Date, paint: Paint): string {
  const node = graph.nodes.get(key);
  if (node === undefined) return `${safe(key)} ${paint('grey', '(not ours)')}`;
  const words = [paint('bold', safe(key)), safe(node.image?.nvr ?? 'no image yet')];
  const stale = graph.stale.get(key);
  if (stale !== undefined) {
    const since = stale.since === '' ? '' : ` since ${ago(stale.since, now).replace(/ ago$/, '')}`;
    words.push(paint('yellow', `out of date${since}: ${safe(whyStale(graph, key) ?? '')}`));
  }
  if (node.last.state === 'failed') words.push(paint('red', 'its last build failed'));
  return words.join('  ');
}

/** The signs of a tree before each line. */
export function withBranches(lines: readonly Line[]): readonly string[] {
  // From the last line up: which steps go on below.
  const open: boolean[] = [];
  const drawn: string[] = [];
  for (const { depth, text } of [...lines].reverse()) {
    let signs = '';
    for (let step = 1; step < depth; step += 1) signs += open[step] === true ? '│  ' : '   ';
    if (depth > 0) signs += open[depth] === true ? '├─ ' : '└─ ';
    open.length = depth;
    open[depth] = true;
    drawn.push(signs + text);
  }
  return drawn.reverse();
}
