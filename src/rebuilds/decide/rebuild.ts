/** What a component would be rebuilt on, read off the graph (design, section 4, "Identity", and section 7). */
import { buildId, derivedId } from '../../kernel/ids.js';
import { lastTold } from '../../kernel/last-told.js';
import type { RowMessage } from '../../ledger/index.js';
import type { Edge, EndedBuild, GraphNode } from './graph.js';

/** The build that would put a node on the images that the names of its parents stand for now. */
export interface Rebuild {
  readonly id: string;
  /** Part of the id: of one last build over the same parents there is one rebuild, whatever became of it. */
  readonly causeKey: string;
  /** The last image's build; where there is none, the one that failed. It is built from the same source. */
  readonly basis: EndedBuild;
  /** What it is to stand on. */
  readonly pins: readonly { readonly name: string; readonly digest: string }[];
  /** The parents that have changed; at least one. */
  readonly changed: readonly Edge[];
  /** The message with which the last of it came about. */
  readonly moment: RowMessage;
}

/** Null when no parent of a node has changed. */
export function rebuildOf({ image, last, parents }: GraphNode): Rebuild | null {
  const changed = parents.filter((edge) => edge.changed);
  if (changed.length === 0) return null;
  const basis = image ?? last;
  const pins = parents
    .flatMap(({ resolved, now }) =>
      now?.image && basis.parents.some((parent) => parent.resolved === resolved)
        ? [{ name: resolved, digest: now.image.digest }]
        : [],
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const moments = [basis, ...changed.map(({ now }) => now)].flatMap((build) => (build === null ? [] : endOf(build)));
  const moment = moments.reduce<RowMessage | null>(
    (late, one) => (late === null || one.seq > late.seq ? one : late),
    null,
  );
  if (moment === null) return null;
  const causeKey = `rebuild ${derivedId('rebuild', basis.id, ...pins.map(({ name, digest }) => `${name}@${digest}`))}`;
  const { component, target, source, buildArgs } = basis;
  const id = buildId({ component, target, commit: source.commit, kind: 'official', buildArgs, causeKey });
  return { id, causeKey, basis, pins, changed, moment };
}

/** The message that told of a build's end, as a list of one. */
export function endOf(build: Pick<EndedBuild, 'messages'>): readonly RowMessage[] {
  const told = lastTold(build, 'completed') ?? lastTold(build, 'failed');
  return told === null ? [] : [told];
}
