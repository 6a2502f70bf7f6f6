/** What the log says that decides what may go. Read once a round, after catching up. */
import type { BuildRow, Ledger, Stream } from '../ledger/index.js';
import type { ImageBuild, ImageParent } from './decide/images.js';
import type { TagBuild, TagNeed } from './decide/tags.js';

/** Ended builds, the newest, whose parents are known as such. An older one's parent is taken for a stranger's, and stays. */
const MAX_ENDED = 5_000;
/** Builds of one stream among which the newest that completed is looked for. */
const MAX_SEARCHED = 500;
const MAX_UNENDED = 10_000;

export interface HouseFacts {
  tagBuild(id: string): TagBuild | null;
  imageBuild(id: string): ImageBuild | null;
  /** Null for one that this log has no build of. */
  stream(stream: Stream): { readonly busy: boolean } | null;
  /** Images that builds stood on, by digest. */
  readonly parents: ReadonlyMap<string, ImageParent>;
  /** Digests that a newest build has or stands on. */
  readonly needed: ReadonlySet<string>;
  /** Clone URLs of builds that have not ended. */
  readonly sources: ReadonlySet<string>;
  /** True when a log file is of a build that may still write it. */
  mayBeWritten(build: string): boolean;
  row(id: string): BuildRow | null;
  readonly streams: readonly Stream[];
}

/** `keep`: newest builds of each component and target whose tags stay. Throws what the ledger throws. */
export async function houseFacts(ledger: Ledger, keep: number): Promise<HouseFacts> {
  await ledger.caughtUp();
  const streams = ledger.streams();
  const known = new Set(streams.map(streamOf));
  const unended = ledger.builds({ ended: false, limit: MAX_UNENDED });
  // One that waits for a parent, or was superseded, may do so for ever; it uses nothing meanwhile.
  const active = unended.filter(({ state }) => state === 'requested' || state === 'started');
  const busy = new Set(active.map(streamOf));
  const needs = new Map<string, TagNeed>();
  const needed = new Set<string>();
  const newest = new Set<string>();
  for (const stream of streams) {
    for (const { id } of ledger.builds({ ...stream, limit: keep })) newest.add(id);
    const head = ledger
      .builds({ ...stream, states: ['completed'], limit: MAX_SEARCHED })
      .find(({ kind }) => kind === 'official');
    if (head !== undefined) need(ledger, head, 'newest', needs, needed);
  }
  return {
    tagBuild: (id) => {
      const row = ledger.build(id);
      return row && { ...endOf(row), amongNewest: newest.has(id), need: needs.get(id) ?? null };
    },
    imageBuild: (id) => {
      const row = ledger.build(id);
      return row && { ...endOf(row), busy: busy.has(streamOf(row)) };
    },
    stream: (stream) => (known.has(streamOf(stream)) ? { busy: busy.has(streamOf(stream)) } : null),
    parents: parentsOf(ledger.builds({ ended: true, limit: MAX_ENDED }), busy),
    needed,
    sources: new Set(unended.map(({ source }) => source.repository)),
    mayBeWritten: (id) => {
      const row = ledger.build(id);
      return row === null || row.state === 'started' || row.state === 'requested';
    },
    row: (id) => ledger.build(id),
    streams,
  };
}

/** Marks the build, what it stands on, and what that stands on. */
function need(ledger: Ledger, row: BuildRow, as: TagNeed, needs: Map<string, TagNeed>, needed: Set<string>): void {
  const known = needs.get(row.id);
  if (as === 'newest' || known === undefined) needs.set(row.id, as);
  if (row.image !== null) {
    needed.add(row.image.digest);
    for (const { digest } of row.image.platforms) needed.add(digest);
  }
  if (known !== undefined) return;
  for (const { digest, build } of row.parents) {
    needed.add(digest);
    const parent = ledger.byDigest(digest) ?? (build === null ? null : ledger.build(build));
    if (parent !== null) need(ledger, parent, 'parent', needs, needed);
  }
}

/** When each parent was last built on. Of a stream that has a build in hand, the last build's parents are in use. */
function parentsOf(rows: readonly BuildRow[], busy: ReadonlySet<string>): ReadonlyMap<string, ImageParent> {
  const parents = new Map<string, { usedAt: number; busy: boolean }>();
  const seen = new Set<string>();
  for (const row of rows) {
    if (row.parents.length === 0) continue;
    const stream = streamOf(row);
    const inHand = busy.has(stream) && !seen.has(stream);
    seen.add(stream);
    for (const { digest } of row.parents) {
      const known = parents.get(digest) ?? { usedAt: 0, busy: false };
      parents.set(digest, {
        usedAt: Math.max(known.usedAt, Date.parse(row.endedAt ?? '') || 0),
        busy: known.busy || inHand,
      });
    }
  }
  return parents;
}

function streamOf({ component, target }: Stream): string {
  return `${target} ${component}`;
}

function endOf({ ended, endedAt }: BuildRow): { readonly ended: boolean; readonly endedAt: number | null } {
  return { ended, endedAt: endedAt === null ? null : Date.parse(endedAt) };
}
