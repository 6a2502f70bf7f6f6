/** Which files of a folder of ours go: the oldest first, until the rest fits. */

/** Something in a folder that can be made again: a mirror, a log. */
export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970 of its last use. */
  readonly usedAt: number;
}

export interface FilePolicy {
  /** Bytes that may stay. */
  readonly keepBytes: number;
  /** Milliseconds after its last use for which a file may stay; null: for ever. */
  readonly keepMs: number | null;
  /** Milliseconds after its last use in which nothing is touched: somebody may be at it. */
  readonly graceMs: number;
}

export type FileReason = 'too_old' | 'over_keep_bytes';

export interface FileGoing {
  readonly file: StoredFile;
  readonly reason: FileReason;
}

/** In the order in which they go. What is in use stays, and counts as what stays. `now` in milliseconds since 1970. */
export function filesThatGo(
  files: readonly StoredFile[],
  { keepBytes, keepMs, graceMs }: FilePolicy,
  inUse: ReadonlySet<string>,
  now: number,
): readonly FileGoing[] {
  const going: FileGoing[] = [];
  let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const file of [...files].sort(byAge)) {
    // A time far in the future is one of a clock that was wrong then: nobody uses the file now.
    const idle = Math.abs(now - file.usedAt);
    if (inUse.has(file.name) || idle < graceMs) continue;
    const tooOld = keepMs !== null && now - file.usedAt > keepMs;
    if (!tooOld && total <= keepBytes) continue;
    going.push({ file, reason: tooOld ? 'too_old' : 'over_keep_bytes' });
    total -= file.bytes;
  }
  return going;
}

function byAge(a: StoredFile, b: StoredFile): number {
  return a.usedAt - b.usedAt || (a.name < b.name ? -1 : 1);
}
