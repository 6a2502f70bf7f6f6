/** Which image each name in a registry should stand for, by the log (design, section 6, step 9: "tags are derived from the log"). */
import { lastTold } from '../../../kernel/last-told.js';
import type { BuildRow, Stream } from '../../../ledger/index.js';
import type { Graph, GraphNode } from '../../../rebuilds/index.js';

type EndedBuild = NonNullable<GraphNode['image']>;

/** An image and the names that should stand for it. */
export interface NamedImage extends Stream {
  readonly build: string;
  readonly nvr: string | null;
  readonly digest: string;
  /** As `registry.example.org/f41/httpd:latest`, sorted; at least one. */
  readonly references: readonly string[];
}

/**
 * The images that have names, of each component and target the one that its names were moved to last. Where targets share
 * a name it belongs to the build that was the last to be given it: one of them must not take it from the other for ever.
 */
export function namedImages(graph: Pick<Graph, 'nodes'>, isOut: (stream: Stream) => boolean): readonly NamedImage[] {
  const holders = new Map<string, EndedBuild>();
  const builds: EndedBuild[] = [];
  for (const { image: build } of graph.nodes.values()) {
    if (build?.image == null) continue;
    builds.push(build);
    for (const reference of namesOf(build)) {
      const other = holders.get(reference);
      if (other === undefined || completedAt(build) > completedAt(other)) holders.set(reference, build);
    }
  }
  return builds.flatMap((build) => {
    const references = namesOf(build).filter((reference) => holders.get(reference) === build);
    if (references.length === 0 || isOut(build)) return [];
    const { id, component, target, nvr, image } = build;
    return [{ component, target, build: id, nvr, digest: image?.digest ?? '', references: references.sort() }];
  });
}

/** Whether no other build of a component is giving its names away just now, or has: then what a look saw is true. */
export function isAtRest(
  image: Pick<NamedImage, 'build'>,
  rows: readonly Pick<BuildRow, 'id' | 'state' | 'messages'>[],
): boolean {
  const own = rows.find(({ id }) => id === image.build);
  const since = own === undefined ? -1 : completedAt(own);
  return !rows.some(
    (row) =>
      row.state === 'started' || (row.id !== image.build && row.state === 'completed' && completedAt(row) > since),
  );
}

/** The names that people use: the build's own unique tag is house-keeping's. */
function namesOf({ id, image }: EndedBuild): string[] {
  return (image?.references ?? []).filter((reference) => !reference.endsWith(`:build-${id}`));
}

function completedAt(build: Pick<BuildRow, 'messages'>): number {
  return lastTold(build, 'completed')?.seq ?? -1;
}
