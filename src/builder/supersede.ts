import type { FetchedRef } from '../git/index.js';
import type { BuildRow } from '../ledger/index.js';
import type { Build } from '../messages/index.js';
import { followsCommits } from './decide/coalesce.js';
import { type Successor, standsOn } from './decide/supersede.js';
import type { BuilderParts } from './parts.js';
import { newestOf, rivalsOf } from './rivals.js';
import type { BuilderSettings } from './settings.js';

/**
 * The build that makes this one needless before it has begun (design, sections 6 and 7); null when there is none, or git
 * could not say so. For a push, the newest commit that was asked for. For a rebuild, a newer build that has completed on the
 * parents that it was to stand on: one that stands on others leaves it to do.
 */
export async function successorOf(
  { supersede }: Pick<BuilderSettings, 'supersede'>,
  { ledger }: Pick<BuilderParts, 'ledger'>,
  build: Build,
  { requestedSeq }: Pick<BuildRow, 'requestedSeq'>,
  fetched: FetchedRef | null,
): Promise<Successor | null> {
  if (!supersede || fetched === null) return null;
  const { commit } = build.source;
  const own = { ...build, commit, requestedSeq };
  if (followsCommits(build)) {
    // Nothing else is newer than the head; its rivals are not read.
    if (fetched.head === commit) return null;
    const rivals = rivalsOf(ledger, build).filter((rival) => rival.source.commit !== commit);
    const newest = await newestOf(own, rivals, fetched);
    return newest === null ? null : { kind: 'commit', id: newest.id, commit: newest.source.commit };
  }
  const pins = build.cause.parents ?? [];
  if (build.kind !== 'official' || build.cause.type !== 'rebuild' || pins.length === 0) return null;
  const rivals = rivalsOf(ledger, build, { states: ['completed'] }).filter(({ parents }) => standsOn(parents, pins));
  const newest = await newestOf(own, rivals, fetched);
  return newest === null ? null : { kind: 'parents', id: newest.id, name: newest.nvr ?? newest.id };
}
