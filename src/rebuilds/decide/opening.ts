/** Which rebuilds make a wave together, and what the messages say that open it (design, section 7). */
import { derivedId } from '../../kernel/ids.js';
import type { RowMessage } from '../../ledger/index.js';
import type { WaveOpenedV1 } from '../../messages/index.js';
import { type EndedBuild, keyOf } from './node.js';
import { reachedFrom, together } from './order.js';
import type { Rebuild } from './rebuild.js';
import type { WaveView } from './standing.js';

export type Opening = Omit<WaveOpenedV1, 'process'>;

/** What the members of a wave may take of the message that closes it; it has room for somewhat more. */
const WAVE_BYTES = 900_000;
/** What a result takes in the message that closes a wave, beside the names in it; bytes. */
const RESULT_BYTES = 130;
/** Parents that stopped a member of which a result names no more. */
export const MAX_THROUGH = 3;
/** Open waves that a component may be a member of: the next waits, so that what is deep down gets its turn. */
const MAX_OVERLAPPING = 2;
/** What the reasons of a wave may take of the message that opens it, in characters, and how many the schema allows. */
const MAX_REASONS = 200_000;
const MAX_LISTED = 1_000;

/** What hangs together, and would be one wave. */
export interface Group {
  /** Parents first. */
  readonly members: readonly string[];
  readonly rebuilds: readonly Rebuild[];
  /** Those of them whose component is not being built just now. */
  readonly due: readonly Rebuild[];
}

/** `waiting`: the rebuilds that no open wave will ask for, by key. `overlapping`: how many open waves a key is a member of. */
export function groupsOf(
  view: WaveView,
  waiting: ReadonlyMap<string, Rebuild>,
  cyclic: ReadonlyMap<string, unknown>,
  overlapping: (key: string) => number,
): readonly Group[] {
  if (waiting.size === 0) return [];
  const { graph } = view;
  const isMember = (key: string): boolean => {
    const node = graph.nodes.get(key);
    return node !== undefined && !cyclic.has(key) && !view.isOut(node);
  };
  const reached = reachedFrom(waiting.keys(), graph.dependents, isMember);
  // What stands on one image that has changed is one wave, though that image is no member.
  const [changed, outside] = [new Set<string>(), new Map<string, string[]>()];
  for (const [key, rebuild] of waiting) {
    for (const { from, resolved } of rebuild.changed) {
      const name = `image ${resolved}`;
      if (from !== null) changed.add(keyOf(from));
      else if (outside.get(name)?.push(key) === undefined) outside.set(name, [key]);
    }
  }
  const ways = { get: (key: string) => outside.get(key) ?? graph.parents.get(key) };
  return together(new Set([...reached, ...changed, ...outside.keys()]), ways).flatMap((linked) => {
    const keys = linked.filter((key) => reached.has(key));
    const rebuilds = keys.flatMap((key) => waiting.get(key) ?? []);
    const due = rebuilds.filter(({ basis }) => !view.isBusy(keyOf(basis)));
    const isFull = keys.some((key) => overlapping(key) >= MAX_OVERLAPPING);
    if (due.length === 0 || isFull) return [];
    return [{ members: keys.sort((a, b) => graph.rankOf(a) - graph.rankOf(b) || (a < b ? -1 : 1)), rebuilds, due }];
  });
}

/**
 * What opens the wave of a group, or the several that it is cut into where one message can't carry what became of it
 * (`resultBytes`). These hang together: each names the message that opens the one before as its cause, and all are opened at once, so
 * that nobody is built before a parent that is another part's.
 */
export function openingsOf(view: WaveView, group: Group, resultBytes = WAVE_BYTES): readonly Opening[] {
  const [first] = [...group.rebuilds].sort((a, b) => a.moment.seq - b.moment.seq || (a.id < b.id ? -1 : 1));
  if (first === undefined) return [];
  const openings: Opening[] = [];
  let message = first.moment.id;
  for (const members of partsOf(group.members, resultBytes)) {
    const wave = waveOf(view, message, first.id);
    openings.push(openingOf(view, wave, members, group.rebuilds));
    message = derivedId('message', wave.id, 'opened');
  }
  return openings;
}

/** A wave's names. Of one that was opened for the same and has not asked for it, the next one's: it follows from that one's end. */
function waveOf({ isKnown }: WaveView, message: string, rebuild: string): Opening['wave'] {
  for (let cause = message; ; ) {
    const id = derivedId('wave', cause, rebuild);
    if (!isKnown(id)) return { id, message: cause, rebuild };
    cause = derivedId('message', id, 'closed');
  }
}

function openingOf(
  { graph }: WaveView,
  wave: Opening['wave'],
  members: readonly string[],
  all: readonly Rebuild[],
): Opening {
  const taken = new Set(members);
  const rebuilds = all.filter(({ basis }) => taken.has(keyOf(basis)));
  const changes = new Map<string, Opening['changes'][number]>();
  const outside = new Map<string, NonNullable<Opening['outside']>[number]>();
  for (const { now, seen, resolved } of rebuilds.flatMap(({ changed }) => changed)) {
    const change = now === null ? null : changeOf(now);
    if (change !== null) changes.set(change.build, change);
    if (seen !== null) outside.set(resolved, { name: resolved, digest: seen.digest, seen_at: seen.seenAt });
  }
  const due = rebuilds.flatMap((rebuild) => (rebuild.due ? [keyOf(rebuild.basis)] : []));
  const touched = graph.cycles.filter((cycle) =>
    cycle.some((key) => (graph.parents.get(key) ?? []).some((parent) => taken.has(parent))),
  );
  return {
    wave,
    changes: asManyAsFit([...changes.values()]),
    ...(outside.size === 0 ? {} : { outside: asManyAsFit([...outside.values()]) }),
    ...(due.length === 0 ? {} : { due }),
    members: [...members],
    cycles: asManyAsFit(touched.map((cycle) => [...cycle])),
  };
}

function changeOf({ component, target, id, nvr, image, messages }: EndedBuild): Opening['changes'][number] | null {
  const message = lastMessage(messages);
  if (image === null || message === null) return null;
  return { component, target, build: id, nvr, digest: image.digest, message };
}

function lastMessage(messages: readonly RowMessage[]): string | null {
  return messages.findLast(({ topic }) => topic.endsWith('.build.completed'))?.id ?? null;
}

/** The first of the reasons: for a person they are enough, and nothing is decided by them. */
function asManyAsFit<T>(reasons: readonly T[]): T[] {
  let characters = 0;
  const end = reasons.findIndex((reason, at) => {
    characters += JSON.stringify(reason).length;
    return at >= MAX_LISTED || characters > MAX_REASONS;
  });
  return reasons.slice(0, end === -1 ? reasons.length : end);
}

function partsOf(members: readonly string[], resultBytes: number): readonly (readonly string[])[] {
  const parts: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const key of members) {
    const more = RESULT_BYTES + (1 + MAX_THROUGH) * key.length;
    if (bytes + more > resultBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(key);
    bytes += more;
  }
  return parts;
}
