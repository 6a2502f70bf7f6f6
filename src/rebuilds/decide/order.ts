/** Orders and reaches in a graph of keys. Whatever is given ends: cycles are no trap. */

export type Ways = ReadonlyMap<string, readonly string[]>;

/** The keys, what each points to before it (`ways`: a node's parents). Those of a cycle come in some order. */
export function inOrder(keys: Iterable<string>, ways: Ways): string[] {
  const wanted = new Set(keys);
  const [entered, ordered]: [Set<string>, string[]] = [new Set(), []];
  for (const root of wanted) {
    const path: { readonly key: string; next: number }[] = [];
    const enter = (key: string): void => {
      if (!wanted.has(key) || entered.has(key)) return;
      entered.add(key);
      path.push({ key, next: 0 });
    };
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const below = ways.get(top.key)?.[top.next];
      top.next += 1;
      if (below !== undefined) enter(below);
      else {
        ordered.push(top.key);
        path.pop();
      }
    }
  }
  return ordered;
}

/** The keys that fit, and all that is reached from them over keys that fit. */
export function reachedFrom(keys: Iterable<string>, ways: Ways, fits: (key: string) => boolean): ReadonlySet<string> {
  const reached = new Set<string>();
  const left = [...keys];
  for (let key = left.pop(); key !== undefined; key = left.pop()) {
    if (reached.has(key) || !fits(key)) continue;
    reached.add(key);
    left.push(...(ways.get(key) ?? []));
  }
  return reached;
}

/** The keys in groups: two are together when a way within the keys, in whatever direction, leads from one to the other. */
export function together(keys: ReadonlySet<string>, ways: Pick<Ways, 'get'>): readonly (readonly string[])[] {
  const beside = new Map<string, string[]>([...keys].map((key) => [key, []]));
  for (const key of keys) {
    for (const other of ways.get(key) ?? []) {
      if (!keys.has(other)) continue;
      beside.get(key)?.push(other);
      beside.get(other)?.push(key);
    }
  }
  const groups: string[][] = [];
  const seen = new Set<string>();
  for (const root of keys) {
    if (seen.has(root)) continue;
    const group = [...reachedFrom([root], beside, (key) => !seen.has(key))];
    for (const key of group) seen.add(key);
    groups.push(group);
  }
  return groups;
}

/** Of each key, how many there are one on the other above it, itself included. `ways`: parents; `above`: dependents. */
export function heightsIn(keys: Iterable<string>, ways: Ways, above: Ways): ReadonlyMap<string, number> {
  const heights = new Map<string, number>();
  for (const key of inOrder(keys, ways).reverse()) {
    const highest = (above.get(key) ?? []).reduce((most, one) => Math.max(most, heights.get(one) ?? 0), 0);
    heights.set(key, 1 + highest);
  }
  return heights;
}
