interface Visit {
  readonly index: number;
  low: number;
  onStack: boolean;
}

/**
 * Groups of nodes that can reach each other, and nodes that point to themselves; each sorted, the groups by their first.
 * `ways`: of each node those that it points to; what is no key of it is left out. Tarjan's algorithm, without recursion:
 * a chain may be longer than the call stack.
 */
export function cyclesOf(ways: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const visits = new Map<string, Visit>();
  const stack: string[] = [];
  const cycles: string[][] = [];
  const enter = (key: string): { readonly key: string; readonly visit: Visit; next: number } => {
    const visit = { index: visits.size, low: visits.size, onStack: true };
    visits.set(key, visit);
    stack.push(key);
    return { key, visit, next: 0 };
  };
  for (const root of ways.keys()) {
    if (visits.has(root)) continue;
    const path = [enter(root)];
    for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
      const next = ways.get(at.key)?.[at.next];
      at.next += 1;
      if (next !== undefined) {
        const seen = visits.get(next);
        if (seen === undefined && ways.has(next)) path.push(enter(next));
        else if (seen?.onStack === true) at.visit.low = Math.min(at.visit.low, seen.index);
        continue;
      }
      path.pop();
      const below = path.at(-1);
      if (below !== undefined) below.visit.low = Math.min(below.visit.low, at.visit.low);
      if (at.visit.low < at.visit.index) continue;
      const group = stack.splice(stack.lastIndexOf(at.key));
      for (const key of group) {
        const visit = visits.get(key);
        if (visit !== undefined) visit.onStack = false;
      }
      if (group.length > 1 || ways.get(at.key)?.includes(at.key) === true) cycles.push(group.sort());
    }
  }
  return cycles.sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
}
