import type { BuildRow } from '../../ledger/index.js';

type Known = Pick<BuildRow, 'state' | 'ended' | 'kind' | 'cause' | 'source' | 'requestedSeq'>;

/** True for what a newer commit takes the place of: what people push, and heads that nobody told of. */
export function followsCommits({ kind, cause }: Pick<Known, 'kind' | 'cause'>): boolean {
  return kind === 'official' && (cause.type === 'push' || cause.type === 'reconcile');
}

/**
 * The builds of pushes, of all those of its component and target, that a build waits for. What is pushed while one builds
 * makes one build after it; only what was asked for earlier is waited for, so that no two wait for each other. A rebuild
 * waits for all of them, as they may come to stand on its parents; no push waits for a rebuild.
 */
export function goBefore<Rival extends Known>(own: Known, rivals: readonly Rival[]): readonly Rival[] {
  if (own.state !== 'requested' || own.ended) return [];
  const isRebuild = own.kind === 'official' && own.cause.type === 'rebuild';
  if (!isRebuild && !followsCommits(own)) return [];
  return rivals.filter(
    (rival) =>
      followsCommits(rival) &&
      rival.state === 'started' &&
      !rival.ended &&
      rival.source.commit !== own.source.commit &&
      (isRebuild || rival.requestedSeq < own.requestedSeq),
  );
}
