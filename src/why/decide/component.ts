/** Why the image of a component is as it is: up to date since when, or what it waits for. */
import type { BuildRow, Stream, WaveRow } from '../../ledger/index.js';
import type { Edge, Graph, GraphNode, Rebuild, WaveSettings } from '../../rebuilds/index.js';
import { whyBuild } from './build.js';
import { outcomeOf } from './outcome.js';
import { buildName, nameOf, type Reason, reason, rule, shortDigest, Telling } from './reason.js';
import type { View } from './view.js';

/** Steps down to the image that is to blame for what is out of date above it. */
const MAX_STEPS = 10;
/** Images below it of which it is told how they stand. */
const MAX_BELOW = 12;
/** What it stands on, of which one answer names no more. */
const MAX_PARENTS = 20;

export interface ComponentFacts {
  readonly stream: Stream;
  /** Of the component and what it stands on. */
  readonly graph: Graph;
  /** True when there is more below than the graph has. */
  readonly cut: boolean;
  readonly rebuildOf: (node: GraphNode) => Rebuild | null;
  readonly isOut: (stream: Stream) => boolean;
  /** Open waves, the oldest first. */
  readonly open: readonly WaveRow[];
  readonly settings: WaveSettings;
  readonly now: Date;
}

/** A component in a target: how its image stands, and why that was built; and what came to nothing since. */
export function whyComponent(facts: ComponentFacts, view: View): Reason {
  const { stream, graph } = facts;
  const telling = new Telling();
  const of = { component: stream.component, target: stream.target, limit: 1 } as const;
  const [newest] = view.builds({ ...of, kind: 'official' });
  const node = graph.nodes.get(nameOf(stream)) ?? null;
  const image = node?.image == null ? null : view.build(node.image.id);
  const text = image === null ? `${nameOf(stream)} has no image yet` : `${nameOf(stream)} is ${buildName(image)}`;
  const ids =
    image === null ? {} : { build: image.id, ...(image.image === null ? {} : { digest: image.image.digest }) };
  const because: Reason[] = [];
  if (facts.isOut(stream))
    because.push(rule('left_out', 'its target is closed, or the component retired: it is never rebuilt by itself'));
  if (node !== null && image !== null) because.push(...standingOf(node, facts, view, new Set(), 0));
  if (newest !== undefined && newest.id !== image?.id) because.push(whyBuild(newest, view, telling, 1));
  if (image !== null) because.push(whyBuild(image, view, telling, 1));
  return reason('component', text, { at: image?.endedAt ?? null, ids, because });
}

/** Whether an image is up to date; if not, why it is not rebuilt yet. */
function standingOf(
  node: GraphNode,
  facts: ComponentFacts,
  view: View,
  seen: Set<string>,
  step: number,
): readonly Reason[] {
  const { graph, cut } = facts;
  const key = nameOf(node);
  if (seen.has(key)) return [];
  seen.add(key);
  const stale = graph.stale.get(key);
  if (stale === undefined) {
    const more = cut ? '; it stands on more than was looked at' : '';
    // What is not ours has changed, or its target has a schedule.
    const wave = facts.open.find((one) => one.members.includes(key) && askedIn(one, node, view) === undefined);
    return [
      ...(wave === undefined ? [] : [waitsInWave(node, wave, facts, view)]),
      rule('up_to_date', `it is up to date${more}`, {
        at: node.image?.endedAt ?? null,
        because: node.parents.slice(0, MAX_PARENTS).map(heldParent),
      }),
    ];
  }
  const changed = node.parents.filter(({ staleSince }) => staleSince !== null);
  const because = [
    ...changed.slice(0, MAX_PARENTS).map(changedParent),
    ...(stale.itself ? whyNotYet(node, facts, view) : []),
    ...belowOf(node, facts, view, seen, step),
  ];
  return [rule('out_of_date', 'it is out of date', { at: stale.since, because })];
}

/** For what stands on something that is out of date itself: what that waits for. */
function belowOf(
  node: GraphNode,
  facts: ComponentFacts,
  view: View,
  seen: Set<string>,
  step: number,
): readonly Reason[] {
  if (step >= MAX_STEPS) return [];
  return (facts.graph.parents.get(nameOf(node)) ?? []).slice(0, MAX_PARENTS).flatMap((key) => {
    const parent = facts.graph.nodes.get(key);
    if (parent === undefined || !facts.graph.stale.has(key)) return [];
    if (seen.size >= MAX_BELOW && !seen.has(key))
      return [
        reason('more', `it stands on ${key}, which is out of date as well: \`layerwright why ${parent.component}\``),
      ];
    const because = standingOf(parent, facts, view, seen, step + 1);
    return [reason('parent', `it stands on ${key}${because.length === 0 ? ' (as above)' : ''}`, { because })];
  });
}

function heldParent({ written, from, standsOn, now }: Edge): Reason {
  const ids = standsOn === null ? {} : { digest: standsOn };
  if (now?.image && standsOn !== null && now.image.digest !== standsOn)
    return rule(
      'same_content',
      `${written} was built anew as ${now.nvr ?? now.id} and holds the same: no reason to rebuild`,
      {
        at: now.endedAt,
        ids: { ...ids, build: now.id },
      },
    );
  const by = from === null ? ', which no build of ours makes' : now?.nvr == null ? '' : `, ${now.nvr}`;
  return reason('parent', `stands on ${written}${by}`, { at: now?.endedAt ?? null, ids });
}

function changedParent({ written, standsOn, now, seen, staleSince }: Edge): Reason {
  const digest = now?.image?.digest ?? seen?.digest;
  const name = now?.nvr ?? (digest === undefined ? 'another image' : shortDigest(digest));
  const old = standsOn === null ? 'none' : shortDigest(standsOn);
  return reason(
    'parent',
    `${written} is ${name} now: ${old} → ${digest === undefined ? 'another' : shortDigest(digest)}`,
    {
      at: staleSince,
      ids: { ...(digest === undefined ? {} : { digest }), ...(now === null ? {} : { build: now.id }) },
    },
  );
}

/** The rule by which what is out of date was not rebuilt so far. */
function whyNotYet(node: GraphNode, facts: ComponentFacts, view: View): readonly Reason[] {
  const key = nameOf(node);
  if (facts.isOut(node))
    return [rule('left_out', 'its target is closed, or the component retired: it is never rebuilt by itself')];
  const cycle = facts.graph.cycles.find((one) => one.includes(key));
  if (cycle !== undefined)
    return [rule('cycle', `it stands on itself (${cycle.join(', ')}): no order of builds has it right`)];
  const wanted = facts.rebuildOf(node);
  if (wanted === null) return [];
  const asked = view.build(wanted.id);
  if (asked !== null) return [askedAlready(asked, view)];
  const busy = view.builds({
    component: node.component,
    target: node.target,
    kind: 'official',
    states: ['requested', 'started'],
    limit: 1,
  });
  if (busy[0] !== undefined)
    return [
      rule('under_way', `${buildName(busy[0])} is ${busy[0].state}: when it has ended, it is seen what is left to do`, {
        ids: { build: busy[0].id },
      }),
    ];
  const wave = facts.open.find(({ members }) => members.includes(key));
  return [wave === undefined ? quiet(wanted, facts) : waitsInWave(node, wave, facts, view)];
}

function askedAlready(asked: BuildRow, view: View): Reason {
  const parts = { at: asked.endedAt ?? asked.requestedAt, ids: { build: asked.id } };
  if (asked.state === 'requested' || asked.state === 'started')
    return rule('under_way', `the rebuild is ${asked.state}`, parts);
  const again = `${asked.state === 'skipped' ? 'its rebuild was not begun' : `its rebuild ${asked.state === 'failed' ? 'failed' : 'was called off'}`}: it is not asked for again until a parent changes`;
  return rule('tried', again, { ...parts, because: outcomeOf(asked, view) });
}

function quiet({ moment }: Rebuild, { settings, now }: ComponentFacts): Reason {
  const { quietMs, deadlineMs } = settings;
  const waited = now.getTime() - Date.parse(moment.storedAt);
  const parts = { at: moment.storedAt, ids: { message: moment.id } };
  if (waited > deadlineMs + quietMs)
    return rule('no_wave', 'no wave was opened for it though it is time: does the role planner run?', parts);
  return rule('quiet', `a wave is opened when no other image has changed for ${seconds(quietMs)}`, parts);
}

function waitsInWave(node: GraphNode, wave: WaveRow, facts: ComponentFacts, view: View): Reason {
  const members = new Set(wave.members);
  const pending = (facts.graph.parents.get(nameOf(node)) ?? [])
    .filter((key) => members.has(key))
    .flatMap((key) => {
      const parent = facts.graph.nodes.get(key);
      if (parent === undefined) return [];
      const build = askedIn(wave, parent, view);
      if (build !== undefined && (build.ended || build.state === 'skipped')) return [];
      const state = build === undefined ? 'is not asked for yet' : `is ${build.state}`;
      return [
        reason('parent', `${key} ${state}`, {
          at: build?.requestedAt ?? null,
          ids: build === undefined ? {} : { build: build.id },
        }),
      ];
    });
  const text =
    pending.length === 0 ? 'it is a member of an open wave, and next' : 'it waits in an open wave for its parents';
  return rule('in_wave', text, { at: wave.openedAt, ids: { wave: wave.id, message: wave.openedBy }, because: pending });
}

/** The build that a wave has asked for of a member. */
function askedIn({ id }: WaveRow, { component, target }: Stream, view: View): BuildRow | undefined {
  return view.builds({ component, target, wave: id, limit: 1 })[0];
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
