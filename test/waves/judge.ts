/** What is found of a world by its log, its registry and its git alone, once it rests. */
import type { BuildRow, WaveRow } from '../../src/ledger/index.js';
import { aboveOf } from './images.js';
import { endOf } from './ledger.js';
import { contentOf, type Made, nameOf, type Outside } from './outside.js';
import type { World } from './world.js';

export interface Violation {
  readonly kind: 'twice' | 'order' | 'for_nothing' | 'missed' | 'open' | 'differs';
  readonly text: string;
}

const TARGET = 'f41';

/** Whether each wave built what it had to, once, and after its parents; and whether anything was left. */
export function judgeWaves(world: World): readonly Violation[] {
  const found: Violation[] = [];
  const waves = world.ledger.waves({ limit: Number.MAX_SAFE_INTEGER });
  const byWave = rebuildsByWave(world);
  for (const wave of waves) {
    if (wave.closedAt === null) found.push({ kind: 'open', text: `the wave ${wave.id} is not over` });
    found.push(...judgeWave(world, wave, byWave.get(wave.id) ?? new Map()));
  }
  for (const [component, count] of executionsOfOne(world))
    if (count > 1) found.push({ kind: 'twice', text: `the build ${component} was built ${count} times` });
  found.push(...unfinished(world), ...forNothing(world), ...leftBehind(world));
  return found;
}

/** The rebuilds of each wave by component, those that were told to be skipped among them. */
function rebuildsByWave({ ledger }: World): ReadonlyMap<string, Map<string, BuildRow[]>> {
  const byWave = new Map<string, Map<string, BuildRow[]>>();
  for (const row of ledger.rows.values()) {
    const { wave } = row.cause;
    if (wave === null) continue;
    const rows = byWave.get(wave) ?? new Map<string, BuildRow[]>();
    byWave.set(wave, rows.set(row.component, [...(rows.get(row.component) ?? []), row]));
  }
  return byWave;
}

function judgeWave(world: World, wave: WaveRow, rows: ReadonlyMap<string, readonly BuildRow[]>): readonly Violation[] {
  const found: Violation[] = [];
  const members = new Set(wave.members);
  for (const [component, built] of rows) {
    if (!members.has(`${TARGET}/${component}`))
      found.push({ kind: 'twice', text: `${component} is no member of ${wave.id}` });
    if (built.length > 1)
      found.push({ kind: 'twice', text: `${component} was asked for ${built.length} times in the wave ${wave.id}` });
    const [row] = built;
    if (row === undefined || row.state === 'skipped') continue;
    for (const parent of world.outside.spec(component).parents) {
      const below = rows.get(parent.component)?.[0];
      if (below === undefined) continue;
      if (isStopped(world, below, row))
        found.push({ kind: 'order', text: `${component} was asked for though ${parent.component} was not built` });
      const pinned = row.cause.parents?.find(({ name }) => name === nameOf(parent));
      const text = `${component} was asked for in the wave ${wave.id} before ${parent.component} was done`;
      if (endOf(below) > row.requestedSeq || (below.requestedSeq > row.requestedSeq && below.state !== 'skipped'))
        found.push({ kind: 'order', text });
      else if (hasNames(below) && isOlder(world, pinned?.digest ?? '', below))
        found.push({ kind: 'order', text: `${component} stands on an older ${parent.component} than its wave made` });
    }
  }
  for (const { member, outcome, build } of wave.results) {
    const row = rows.get(member.slice(TARGET.length + 1))?.[0];
    const is = row === undefined ? null : row.state === 'skipped' ? 'stopped' : row.state;
    if ((row?.id ?? null) !== build || (is !== null && is !== outcome))
      found.push({ kind: 'differs', text: `the wave ${wave.id} says that ${member} is ${outcome}, the log ${is}` });
  }
  return found;
}

/** Whether a member came to nothing, and nobody built its component until what stands on it was asked for. */
function isStopped(
  { ledger }: World,
  { component, state, requestedSeq, messages }: BuildRow,
  above: BuildRow,
): boolean {
  if (state !== 'failed' && state !== 'skipped') return false;
  const since = state === 'failed' ? endOf({ messages }) : requestedSeq;
  const later = ledger.builds({ component, target: TARGET, states: ['completed'] });
  return !later.some((one) => endOf(one) > since && endOf(one) < above.requestedSeq);
}

/** Not when a newer build of its component was done before it. */
function hasNames({ image }: Pick<BuildRow, 'image'>): boolean {
  return image?.references.some((name) => name.endsWith(':latest')) === true;
}

function isOlder({ ledger }: World, pinned: string, than: BuildRow): boolean {
  const row = ledger.byDigest(pinned);
  return row === null || endOf(row) < endOf(than);
}

function executionsOfOne({ executions }: World): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { id } of executions) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

function unfinished({ ledger }: World): readonly Violation[] {
  const rows = ledger.builds({ states: ['requested', 'started'], limit: Number.MAX_SAFE_INTEGER });
  return rows.map((row) => ({ kind: 'open' as const, text: `the build of ${row.component} is still ${row.state}` }));
}

/** Rebuilds on what their component stood on already. */
function forNothing({ ledger, outside }: World): readonly Violation[] {
  const found: Violation[] = [];
  for (const row of ledger.rows.values()) {
    if (row.cause.type !== 'rebuild' || row.state !== 'completed') continue;
    const before = ledger
      .builds({ component: row.component, target: TARGET, states: ['completed'], limit: Number.MAX_SAFE_INTEGER })
      .filter((one) => endOf(one) < row.requestedSeq && hasNames(one))
      .reduce<BuildRow | null>((last, one) => (last === null || endOf(one) > endOf(last) ? one : last), null);
    if (before === null) continue;
    const contents = ({ parents }: BuildRow): string =>
      parents.map(({ digest }) => outside.byDigest(digest)?.image.content).join();
    if (contents(before) === contents(row))
      found.push({ kind: 'for_nothing', text: `${row.component} was rebuilt on what it stood on already` });
  }
  return found;
}

/** What of a world is as it is for a reason: it would fail on what its parents are now, or stands on what does. */
export interface Standstill {
  readonly failing: ReadonlySet<string>;
  readonly blocked: ReadonlySet<string>;
}

export function standstillOf({ outside }: World): Standstill {
  const failing = new Set<string>();
  for (const spec of outside.specs.values()) {
    const made = outside.now(nameOf({ component: spec.component, tag: 'latest' }));
    const wanted = wantedBy(outside, spec.component);
    if (spec.isOut || made === null || wanted === null) continue;
    if (isStale(made, wanted) && outside.fails(spec, outside.known(made.commit), wanted)) failing.add(spec.component);
  }
  return { failing, blocked: new Set([...failing, ...aboveOf(outside.specs, failing)]) };
}

/** What a component would be built on now; null while a parent has no image. */
function wantedBy(outside: Outside, component: string): Made['on'] | null {
  const on = new Map<string, `sha256:${string}`>();
  for (const parent of outside.spec(component).parents) {
    const made = outside.now(nameOf(parent));
    if (made === null) return null;
    on.set(parent.component, made.image.content as `sha256:${string}`);
  }
  return on;
}

function isStale({ on }: Made, wanted: Made['on']): boolean {
  return [...wanted].some(([component, content]) => on.get(component) !== content);
}

/** What is out of date though it could be built. */
function leftBehind(world: World): readonly Violation[] {
  const { outside } = world;
  const found: Violation[] = [];
  const { blocked } = standstillOf(world);
  for (const { component, isOut } of outside.specs.values()) {
    if (blocked.has(component) || isOut) continue;
    const made = outside.now(nameOf({ component, tag: 'latest' }));
    const wanted = wantedBy(outside, component);
    if (made !== null && wanted !== null && isStale(made, wanted))
      found.push({ kind: 'missed', text: `${component} does not stand on what its parents are now` });
  }
  return found;
}

/** After one change and nothing else: all that stands on it was rebuilt once, after its own parents, and nothing else was. */
export function judgeOneChange(world: World, changed: string, sinceSeq: number): readonly Violation[] {
  const above = aboveOf(world.outside.specs, [changed], ({ isOut }) => !isOut);
  const built = new Map<string, BuildRow[]>();
  for (const row of world.ledger.rows.values())
    if (row.requestedSeq >= sinceSeq && row.cause.type === 'rebuild')
      built.set(row.component, [...(built.get(row.component) ?? []), row]);
  const found: Violation[] = [];
  for (const component of above) {
    const [row, ...more] = built.get(component) ?? [];
    if (row?.state !== 'completed' || more.length > 0)
      found.push({
        kind: 'twice',
        text: `${component} was rebuilt ${built.get(component)?.length ?? 0} times, not once`,
      });
    for (const parent of world.outside.spec(component).parents) {
      const below = built.get(parent.component)?.[0];
      if (row !== undefined && below !== undefined && endOf(below) > row.requestedSeq)
        found.push({ kind: 'order', text: `${component} was asked for before ${parent.component} was done` });
    }
  }
  for (const component of built.keys())
    if (!above.has(component)) found.push({ kind: 'for_nothing', text: `${component} stands on nothing that changed` });
  return found;
}

/** Where a world stands otherwise than another that had the same commits, or than by those commits it should. */
export function judgeConverged(world: World, other: World): readonly Violation[] {
  const found: Violation[] = [];
  const [here, there] = [standstillOf(world), standstillOf(other)];
  const differ = (text: string): void => void found.push({ kind: 'differs', text });
  if ([...here.blocked].sort().join() !== [...there.blocked].sort().join())
    differ(`what is blocked differs: ${[...here.failing].join()} fails here, ${[...there.failing].join()} there`);
  const should = new Map<string, `sha256:${string}`>();
  for (const { component, parents, isOut } of world.outside.specs.values()) {
    const [mine, theirs] = [world, other].map(({ outside }) => outside.now(nameOf({ component, tag: 'latest' })));
    const head = world.outside.lastSound(component);
    const on = new Map(
      parents.map((parent) => [parent.component, should.get(parent.component) ?? ('sha256:' as const)]),
    );
    const content = isOut ? mine?.image.content : contentOf(component, head?.payload ?? 0, on);
    should.set(component, content as `sha256:${string}`);
    if (mine?.commit !== theirs?.commit) differ(`${component} is of another commit`);
    if (mine?.commit !== head?.id) differ(`${component} is not of the commit it should be of`);
    if (here.blocked.has(component)) continue;
    if (mine?.image.content !== theirs?.image.content) differ(`${component} holds something else`);
    if (mine?.image.content !== should.get(component)) differ(`${component} does not hold what it should`);
  }
  return found;
}
