/** What a person who asks for rebuilds gets, and what not: each *no* has its reason. */
import type { BuildRow, Stream } from '../../ledger/index.js';
import type { PinnedParent } from '../../messages/index.js';
import type { Graph } from './graph.js';
import { type Edge, type EndedBuild, keyOf } from './node.js';
import { inOrder } from './order.js';

/** What is known of the build whose source is built again. */
export type Basis = Pick<
  EndedBuild,
  'id' | 'component' | 'target' | 'kind' | 'nvr' | 'source' | 'buildArgs' | 'parents'
>;

export interface HandAsk {
  readonly basis: Basis;
  /** `scratch`: with parents of another time, so that no name may come to stand for it. */
  readonly kind: 'official' | 'scratch';
  /** What it is to stand on; null: its parents as they are when it is built. */
  readonly pins: readonly PinnedParent[] | null;
}

export type WhyNot =
  | 'left_out'
  | 'not_official'
  | 'under_way'
  | 'built_since'
  | 'not_head'
  | 'source_refused'
  | 'follows'
  | 'cycle'
  | 'nothing_then';

export interface HandNot extends Stream {
  readonly code: WhyNot;
  /** One sentence for a person. */
  readonly reason: string;
}

export interface HandPlan {
  /** Of one component and target, what is built once; parents before what stands on them. */
  readonly asks: readonly HandAsk[];
  readonly nots: readonly HandNot[];
}

type Decided = { readonly ask: HandAsk } | { readonly not: HandNot };
type IsOut = (stream: Stream) => boolean;

/** Named by a component: what is closed or retired is left out. Named by a build of its own: it is built all the same. */
export interface Named {
  readonly basis: Basis;
  readonly byComponent: boolean;
}

/** New builds from the sources of some builds, on the parents as they are then. */
export function planNamed(named: readonly Named[], isOut: IsOut): HandPlan {
  return planOf(
    named.map(({ basis, byComponent }) => {
      if (byComponent && isOut(basis)) return leftOut(basis);
      if (basis.kind !== 'official') return notOfficial(basis);
      return ask(basis);
    }),
  );
}

/** The last build of a component and target that failed, and what came of it since. */
export interface Failed {
  readonly failed: Basis;
  /** The newest official build that was asked for later; null when there is none that matters. */
  readonly newer: Pick<BuildRow, 'id' | 'nvr' | 'state'> | null;
}

/** The commit that a ref has now; null where it is gone. An error says why the source can't be built. */
export type Head = { readonly commit: string | null } | { readonly refused: string };

/** What failed, asked for once more: unless it was built since, or its commit is not what the branch has. */
export function planFailed(failed: readonly Failed[], headOf: (basis: Basis) => Head, isOut: IsOut): HandPlan {
  return planOf(failed.map((one) => decideFailed(one, headOf, isOut)));
}

/** Whether the decision on a failed build hangs on the head of its branch. */
export function needsHead({ failed, newer }: Failed, isOut: IsOut): boolean {
  return newer === null && !isOut(failed);
}

function decideFailed({ failed, newer }: Failed, headOf: (basis: Basis) => Head, isOut: IsOut): Decided {
  if (isOut(failed)) return leftOut(failed);
  if (newer !== null) {
    const name = newer.nvr ?? newer.id;
    return newer.state === 'completed'
      ? no(failed, 'built_since', `it was built since: ${name}`)
      : no(failed, 'under_way', `a newer build of it is ${newer.state}: ${name}`);
  }
  const head = headOf(failed);
  const { branch, commit } = failed.source;
  if ('refused' in head) return no(failed, 'source_refused', head.refused);
  if (head.commit === null) return no(failed, 'not_head', `${branch} is gone from ${failed.source.repository}`);
  if (head.commit === commit) return ask(failed);
  return no(
    failed,
    'not_head',
    `${commit.slice(0, 12)} failed, and ${branch} has ${head.commit.slice(0, 12)} now; \`layerwright build ${failed.component} --target ${failed.target}\` builds that`,
  );
}

/** An image as a person names it. */
export interface ImageName {
  /** A component; null where the text can't be one's name. */
  readonly component: string | null;
  /** A reference or a digest: what a parent may be written, looked up or pinned as. */
  readonly reference: string | null;
}

export function standsDirectlyOn({ parents }: { readonly parents: readonly Edge[] }, image: ImageName): boolean {
  return parents.some(({ from, written, resolved, standsOn, now }) => {
    if (image.component !== null && from?.component === image.component) return true;
    const { reference } = image;
    if (reference === null) return false;
    if (reference.startsWith('sha256:')) return standsOn === reference || now?.image?.digest === reference;
    return [written, resolved].some((name) => name === reference || name.endsWith(`/${reference}`));
  });
}

/**
 * What stands directly on an image. Whoever stands on another of them as well is left to the wave that follows, so that
 * it is built once, after that one. `asked`: keys of what is asked for and not begun.
 */
export function planDependents(graph: Graph, image: ImageName, isOut: IsOut, asked: ReadonlySet<string>): HandPlan {
  const cyclic = new Map(graph.cycles.flatMap((cycle) => cycle.map((key) => [key, cycle] as const)));
  const direct = inOrder(
    [...graph.nodes].flatMap(([key, node]) => (standsDirectlyOn(node, image) ? [key] : [])),
    graph.parents,
  );
  const asking = new Set(
    direct.filter((key) => {
      const node = graph.nodes.get(key);
      return node !== undefined && !isOut(node) && !cyclic.has(key);
    }),
  );
  const follows = followersOf(graph, asking);
  return planOf(
    direct.flatMap((key): readonly Decided[] => {
      const node = graph.nodes.get(key);
      if (node === undefined) return [];
      const basis = node.image ?? node.last;
      const cycle = cyclic.get(key);
      const below = follows.get(key);
      if (isOut(node)) return [leftOut(node)];
      if (cycle !== undefined)
        return [no(node, 'cycle', `it stands on itself (${cycle.join(', ')}): no order of builds has it right`)];
      if (below !== undefined)
        return [
          no(node, 'follows', `it stands on ${below} as well: the wave asks for it when that holds something new`),
        ];
      if (asked.has(key)) return [no(node, 'under_way', 'a build of it is asked for already and not begun')];
      return [ask(basis)];
    }),
  );
}

/** Of those that stand on another one of them, directly or not: the first below them. Cycles are no trap. */
function followersOf(graph: Graph, keys: ReadonlySet<string>): ReadonlyMap<string, string> {
  const follows = new Map<string, string>();
  // What is reached from the top down, each node once.
  for (const begin of keys) {
    const seen = new Set<string>();
    const left = [...(graph.parents.get(begin) ?? [])];
    for (let key = left.pop(); key !== undefined; key = left.pop()) {
      if (seen.has(key) || key === begin) continue;
      seen.add(key);
      if (keys.has(key)) {
        follows.set(begin, key);
        break;
      }
      left.push(...(graph.parents.get(key) ?? []));
    }
  }
  return follows;
}

/** Who had a name at a time. */
export type HolderOf = (name: string) => Pick<EndedBuild, 'image'> | null;

/** What a component is built from as of a time; `basis` is null where nothing was built of it by then. */
export interface AsOf {
  readonly stream: Stream;
  readonly basis: Basis | null;
}

/**
 * Scratch builds on the parents as they were: who had the names then, and for what is not ours the digest that the
 * component's own build of then stood on.
 */
export function planAsOf(wanted: readonly AsOf[], holderOf: HolderOf): HandPlan {
  return planOf(
    wanted.map(({ stream, basis }) => {
      if (basis === null) return no(stream, 'nothing_then', 'nothing was built of it by then');
      const pins = basis.parents.map(({ resolved, digest }) => ({
        name: resolved,
        digest: holderOf(resolved)?.image?.digest ?? digest,
      }));
      return { ask: { basis, kind: 'scratch', pins: onceEach(pins) } };
    }),
  );
}

function onceEach(pins: readonly PinnedParent[]): readonly PinnedParent[] {
  return [...new Map(pins.map((pin) => [pin.name, pin])).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What is named twice is asked for once. */
function planOf(decided: readonly Decided[]): HandPlan {
  const asks = new Map<string, HandAsk>();
  const nots = new Map<string, HandNot>();
  for (const one of decided) {
    if ('ask' in one) asks.set(`${keyOf(one.ask.basis)} ${one.ask.basis.source.commit}`, one.ask);
    else nots.set(`${keyOf(one.not)} ${one.not.code}`, one.not);
  }
  return { asks: [...asks.values()], nots: [...nots.values()] };
}

function ask(basis: Basis): Decided {
  return { ask: { basis, kind: 'official', pins: null } };
}

function no({ component, target }: Stream, code: WhyNot, reason: string): Decided {
  return { not: { component, target, code, reason } };
}

function leftOut(stream: Stream): Decided {
  const { component, target } = stream;
  return no(
    stream,
    'left_out',
    `its target is closed, or the component retired; \`layerwright build ${component} --target ${target}\` builds it all the same`,
  );
}

function notOfficial(basis: Basis): Decided {
  const { component, target, source } = basis;
  return no(
    basis,
    'not_official',
    `${basis.nvr ?? basis.id} is no official build; \`layerwright build ${component} --target ${target} --scratch --commit ${source.commit}\` builds its source`,
  );
}
