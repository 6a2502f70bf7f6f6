import { type Edge, type GraphNode, keyOf } from './node.js';
import type { Ways } from './order.js';

/** Why a node is out of date. */
export interface Stale {
  /** ISO time. */
  readonly since: string;
  /** True when a parent of its own has changed; false when one that it stands on is out of date. */
  readonly itself: boolean;
  /** Keys of the parents that have changed or are out of date themselves. */
  readonly through: readonly string[];
}

/** What has an outdated parent, and all that stands on it; each since the earliest of its reasons. */
export function staleOf(
  nodes: ReadonlyMap<string, GraphNode>,
  ways: Ways,
  dependents: Ways,
): ReadonlyMap<string, Stale> {
  const changed = new Map<string, readonly Edge[]>();
  const since = new Map<string, string>();
  for (const [key, { parents }] of nodes) {
    const outdated = parents.filter(({ staleSince }) => staleSince !== null);
    if (outdated.length > 0) changed.set(key, outdated);
  }
  const begins = [...changed].map(([key, edges]) => [
    edges.map(({ staleSince }) => staleSince ?? '').sort()[0] ?? '',
    key,
  ]);
  // In the order of their times: what is reached first is reached by its earliest reason.
  for (const [time = '', root = ''] of begins.sort(([a = ''], [b = '']) => (a < b ? -1 : 1))) {
    const reached = [root];
    for (let key = reached.pop(); key !== undefined; key = reached.pop()) {
      if (since.has(key)) continue;
      since.set(key, time);
      reached.push(...(dependents.get(key) ?? []));
    }
  }
  const stale = new Map<string, Stale>();
  for (const key of [...since.keys()].sort()) {
    const own = changed.get(key) ?? [];
    const below = (ways.get(key) ?? []).filter((parent) => since.has(parent));
    const through = [...own.map(({ from, resolved }) => (from === null ? resolved : keyOf(from))), ...below];
    stale.set(key, { since: since.get(key) ?? '', itself: own.length > 0, through: [...new Set(through)].sort() });
  }
  return stale;
}
