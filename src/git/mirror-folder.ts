import { randomUUID } from 'node:crypto';
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { resolve as absolute, join } from 'node:path';
import { mirrorUrl } from './access.js';
import { folderName } from './mirror.js';

/** A mirror as a folder that takes room. */
export interface MirrorFile {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970 of the last fetch. */
  readonly usedAt: number;
}

/** The folder of the mirrors, for who has to make room. */
export interface MirrorFolder {
  readonly folder: string;
  /** Name of the mirror of a clone URL, whether it is there or not. */
  nameOf(url: string): string;
  files(): Promise<readonly MirrorFile[]>;
  /**
   * Takes a mirror away, for all processes at once: one that reads it finds it broken, and fetches anew. False when it
   * was fetched into after it was listed.
   */
  remove(file: MirrorFile): Promise<boolean>;
}

const MIRROR = /\.git$/;

export function mirrorFolder(mirrors: string): MirrorFolder {
  const folder = absolute(mirrors);
  return {
    folder,
    nameOf: (url) => folderName(mirrorUrl(url)),
    async files() {
      const names = (await readdir(folder).catch(ifAbsent([] as string[]))).filter((name) => MIRROR.test(name));
      const found: MirrorFile[] = [];
      for (const name of names) {
        const usedAt = await usedAtOf(join(folder, name));
        if (usedAt !== null) found.push({ name, bytes: await bytesBelow(join(folder, name)), usedAt });
      }
      return found;
    },
    async remove({ name, usedAt }) {
      const path = join(folder, name);
      const now = await usedAtOf(path);
      if (now === null) return true;
      if (now > usedAt) return false;
      const gone = `${path}.${randomUUID()}`;
      await rename(path, gone).catch(ifAbsent(undefined));
      await rm(gone, { recursive: true, force: true });
      return true;
    },
  };
}

async function usedAtOf(path: string): Promise<number | null> {
  const found = await lstat(path).catch(ifAbsent(null));
  return found === null || !found.isDirectory() ? null : found.mtimeMs;
}

/** What the files take on the disk. What goes meanwhile counts nothing. */
async function bytesBelow(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(ifAbsent([]))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) sum += await bytesBelow(path);
    else sum += (await lstat(path).catch(ifAbsent(null)))?.size ?? 0;
  }
  return sum;
}

function ifAbsent<T>(value: T): (thrown: unknown) => T {
  return (thrown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return value;
    throw thrown;
  };
}
