/** A file system of a few megabytes, to be filled: needs root. */
import { execFileSync } from 'node:child_process';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Pieces with which it is filled: the last leave no page. */
const PIECES = [65_536, 4_096, 1].map((bytes) => Buffer.alloc(bytes));

export class SmallDisk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(megabytes: number): Promise<SmallDisk> {
    const folder = await mkdtemp(join(tmpdir(), 'layerwright-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'pipe' });
    } catch (thrown) {
      await rm(folder, { recursive: true });
      throw thrown;
    }
    return new SmallDisk(folder);
  }

  /** Takes all room that is left. */
  async fill(): Promise<void> {
    const ballast = await open(join(this.folder, 'ballast'), 'a');
    try {
      for (const piece of PIECES) await fillWith(ballast, piece);
    } finally {
      await ballast.close();
    }
  }

  /** Gives it back. */
  async free(): Promise<void> {
    await rm(join(this.folder, 'ballast'), { force: true });
  }

  async remove(): Promise<void> {
    // A driver may let go of its files only when its statements are collected.
    execFileSync('umount', ['--lazy', this.folder]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Why such a disk can't be had here; false when it can. */
export const smallDiskSkip: string | false =
  process.getuid?.() === 0 ? false : 'needs a small file system of its own: run as root';

async function fillWith(file: FileHandle, piece: Buffer): Promise<void> {
  try {
    for (;;) await file.write(piece);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOSPC') throw thrown;
  }
}
