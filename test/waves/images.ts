/** What a world builds: components in layers, few at the bottom and many at the top. */
import type { Random } from '../simulation/random.js';

/** One component and the images that its Dockerfile names; `tag` null: not ours. */
export interface Spec {
  readonly component: string;
  readonly parents: readonly ParentSpec[];
  /** 0: stands on nothing of ours. */
  readonly level: number;
  /** Fails on about half of what its parents may hold; nobody pushes it. */
  readonly isBrittle: boolean;
  /** Never rebuilt: retired. */
  readonly isOut: boolean;
}

export interface ParentSpec {
  readonly component: string;
  readonly tag: 'latest' | '1';
}

/** Parents come before what stands on them. */
export type Specs = ReadonlyMap<string, Spec>;

/** Chance that a Dockerfile has a second and a third stage with a parent of its own. */
const SECOND_STAGE = 0.35;
const THIRD_STAGE = 0.3;
/** Chance that a stage's parent is of any layer below, not of the next. */
const FAR_BELOW = 0.35;
/** The first of a layer carry the most: this power of an even chance chooses among them. */
const POPULARITY = 2.5;
const BRITTLE = [0, 0.02, 0.08] as const;
/** As often again for what others stand on: leaves are most, and stop nobody. */
const BRITTLE_BELOW = 3;
const OUT = 0.005;

export interface DrawOptions {
  /** Nothing fails, nothing is retired. */
  readonly isCalm?: boolean;
  /** Components of the lowest layer; left out: by chance. */
  readonly bases?: number;
}

/** A graph of `size` components. */
export function drawSpecs(random: Random, size: number, { isCalm = false, bases }: DrawOptions = {}): Specs {
  const layers = layersOf(random, size, bases);
  const brittle = isCalm ? 0 : random.pick(BRITTLE);
  const specs = new Map<string, Spec>();
  const drawn: Spec[][] = [];
  for (const [level, count] of layers.entries()) {
    const layer: Spec[] = [];
    for (let at = 0; at < count; at += 1) {
      const component = `${['base', 'runtime', 'library', 'stack', 'app', 'tool'][level] ?? 'leaf'}-${at}`;
      const parents = level === 0 ? [] : parentsIn(random, drawn);
      const isBelow = level < layers.length - 1;
      const isBrittle = level > 0 && random.chance(isBelow ? BRITTLE_BELOW * brittle : brittle);
      layer.push({
        component,
        parents,
        level,
        isBrittle,
        isOut: !isCalm && !isBrittle && level > 1 && random.chance(OUT),
      });
    }
    drawn.push(layer);
    for (const spec of layer) specs.set(spec.component, spec);
  }
  return specs;
}

/** Sizes of the layers, the lowest first: each some times as large as the one below. */
function layersOf(random: Random, size: number, bases?: number): readonly number[] {
  const growth = 1.8 + 2.2 * random.next();
  const depth = random.between(3, 6);
  const weights = Array.from({ length: depth }, (_, level) => growth ** level);
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const counts = weights.map((weight) => Math.max(1, Math.floor((size * weight) / all)));
  if (bases !== undefined) counts[0] = bases;
  const rest = size - counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count, level) => (level === depth - 1 ? Math.max(1, count + rest) : count));
}

function parentsIn(random: Random, layers: readonly (readonly Spec[])[]): readonly ParentSpec[] {
  const stages = 1 + (random.chance(SECOND_STAGE) ? 1 + (random.chance(THIRD_STAGE) ? 1 : 0) : 0);
  const parents = new Map<string, ParentSpec>();
  for (let stage = 0; stage < stages; stage += 1) {
    const level = stage > 0 && random.chance(FAR_BELOW) ? random.below(layers.length) : layers.length - 1;
    const layer = layers[level] ?? [];
    const spec = layer[Math.floor(layer.length * random.next() ** POPULARITY)];
    if (spec !== undefined)
      parents.set(spec.component, { component: spec.component, tag: random.pick(['latest', 'latest', '1']) });
  }
  return [...parents.values()];
}

/** What stands on a component, however far above; not itself. `passes`: what it does not hold of ends there. */
export function aboveOf(
  specs: Specs,
  below: Iterable<string>,
  passes: (spec: Spec) => boolean = () => true,
): Set<string> {
  const reached = new Set(below);
  const above = new Set<string>();
  // Parents come first: one way through is enough.
  for (const spec of specs.values()) {
    if (!passes(spec) || !spec.parents.some(({ component }) => reached.has(component))) continue;
    reached.add(spec.component);
    above.add(spec.component);
  }
  return above;
}
