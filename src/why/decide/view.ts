import type { BuildRow, Ledger } from '../../ledger/index.js';

/** What is asked of the log; any answer may be missing, or a stranger's. */
export type View = Pick<
  Ledger,
  'build' | 'builds' | 'byDigest' | 'byMessage' | 'causedBy' | 'holderOfName' | 'wave' | 'waves' | 'skippedMessage'
> & {
  /** Whether two images hold the same, though their digests differ. */
  holdTheSame(one: NonNullable<BuildRow['image']>, other: NonNullable<BuildRow['image']>): boolean;
};
