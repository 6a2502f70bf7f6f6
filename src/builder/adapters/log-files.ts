import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** A log of an attempt as a file that takes room. */
export interface LogFile {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970 of the last line. */
  readonly usedAt: number;
}

/** The folder of the logs, for who has to make room. An absent one is empty. */
export interface LogFiles {
  readonly folder: string;
  files(): Promise<readonly LogFile[]>;
  /** False when it was written after it was listed. An absent one is gone. */
  remove(file: LogFile): Promise<boolean>;
}

const LOG_FILE = /\.\d+\.log$/;

export function logFiles(folder: string): LogFiles {
  return {
    folder,
    async files() {
      const names = (await readdir(folder).catch(ifAbsent([] as string[]))).filter((name) => LOG_FILE.test(name));
      const found: LogFile[] = [];
      for (const name of names) {
        const now = await stat(join(folder, name)).catch(ifAbsent(null));
        if (now?.isFile() === true) found.push({ name, bytes: now.size, usedAt: now.mtimeMs });
      }
      return found;
    },
    async remove({ name, usedAt }) {
      const path = join(folder, name);
      const now = await stat(path).catch(ifAbsent(null));
      if (now === null) return true;
      if (now.mtimeMs > usedAt) return false;
      await unlink(path).catch(ifAbsent(undefined));
      return true;
    },
  };
}

function ifAbsent<T>(value: T): (thrown: unknown) => T {
  return (thrown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return value;
    throw thrown;
  };
}
