/** One component in a target, and what it stands on: read off its last builds (design, section 7). */
import { lastTold } from '../../kernel/last-told.js';
import { primaryTag } from '../../kernel/nvr.js';
import type { BuildRow, Stream } from '../../ledger/index.js';
import type { Parent } from '../../messages/index.js';

/** What the graph needs of a build that completed or failed. */
export type EndedBuild = Pick<
  BuildRow,
  | 'id'
  | 'component'
  | 'target'
  | 'kind'
  | 'state'
  | 'version'
  | 'release'
  | 'nvr'
  | 'source'
  | 'buildArgs'
  | 'image'
  | 'parents'
  | 'endedAt'
  | 'messages'
>;

/** What a registry said that a name stands for which no build of ours makes. */
export interface Sighting {
  readonly digest: string;
  /** Other digests that stand for the same image: those of its platforms, and of indexes that hold the same ones. */
  readonly same: readonly string[];
  /** ISO time at which this digest was seen first. */
  readonly seenAt: string;
  /**
   * Place on the log of the last end of a build that was known when the registry was asked last: of a build that ended
   * after it, it is not known which of the two looked later.
   */
  readonly seq: number;
}

/** By the name that was looked up. */
export type Sightings = ReadonlyMap<string, Sighting>;

/** A parent of a node. */
export interface Edge {
  /** As the Dockerfile has it, and as it was looked up. */
  readonly written: string;
  readonly resolved: string;
  /** Who makes it; null when no build of ours does. */
  readonly from: Stream | null;
  /** Digest that the node's image stands on; null when it has none, or the parent came with a build that failed. */
  readonly standsOn: string | null;
  /** The build that has the name now; null for what is not ours. */
  readonly now: EndedBuild | null;
  /** What was seen of a name that is not ours and has changed; null for all others. */
  readonly seen: Sighting | null;
  /** ISO time since which the name stands for another image than `standsOn`; null while it does not. */
  readonly staleSince: string | null;
  /** True when the name stands for another image now than the one that the node's last image was made on, or the build that failed where there is none. */
  readonly changed: boolean;
}

/** A component in a target. */
export interface GraphNode extends Stream {
  /** The image that its names stand for; null when there is none yet. */
  readonly image: EndedBuild | null;
  /** The build that ended last, with an image or without. */
  readonly last: EndedBuild;
  readonly parents: readonly Edge[];
}

/** The name of a node, as `f41/httpd`. */
export function keyOf({ component, target }: Stream): string {
  return `${target}/${component}`;
}

/**
 * Of the builds of a node, the one that ended last first: whose image the names of its component stand for. A build that
 * came to its end after a newer one moved no name but its own two, so that its image is not the component's.
 */
export function imageOf(stream: readonly EndedBuild[]): EndedBuild | null {
  const completed = stream.filter(({ state }) => state === 'completed');
  return completed.find(movedNames) ?? completed[0] ?? null;
}

/** Whether a build moved names that its component had before it. */
export function movedNames({
  id,
  version,
  release,
  image,
}: Pick<EndedBuild, 'id' | 'version' | 'release' | 'image'>): boolean {
  const own = [`build-${id}`, version === null || release === null ? null : primaryTag({ version, release })];
  return image?.references.some((name) => !own.includes(name.slice(name.lastIndexOf(':') + 1))) === true;
}

/** Place of a build's end on the log. */
export function endSeq(build: Pick<EndedBuild, 'messages'>): number {
  return Math.max(lastTold(build, 'completed')?.seq ?? -1, lastTold(build, 'failed')?.seq ?? -1);
}

/** The parents that the last build had, the image's where that one came to none, each once. */
export function parentsOf(image: EndedBuild | null, last: EndedBuild): readonly Parent[] {
  return last.parents.length > 0 ? last.parents : (image?.parents ?? []);
}
