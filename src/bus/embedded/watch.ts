import { stat } from 'node:fs/promises';
import { ServiceError } from '../../kernel/service-error.js';
import type { Engine } from './engine.js';

/** How often a process looks whether others have written without a ring; milliseconds. Costs microseconds. */
export const POLL_MS = 500;
/** How often it looks whether the file is still the one that was opened, in polls. */
const POLLS_PER_FILE_CHECK = 4;
/** How often it looks for processes that it is not connected to, in polls. */
const POLLS_PER_MEETING = 120;

/** Keeps true what a ring only makes quick. Gives the way to stop. */
export async function watchFile(engine: Engine, meetOthers: () => Promise<void>): Promise<() => void> {
  const opened = await stat(engine.path);
  let version = engine.db.dataVersion();
  let polls = 0;
  const poll = (): void => {
    polls += 1;
    const seen = engine.db.dataVersion();
    if (seen !== version) engine.bell.ring();
    version = seen;
    if (polls % POLLS_PER_FILE_CHECK === 0) void checkFile(engine, opened.ino);
    if (polls % POLLS_PER_MEETING === 0) void meetOthers();
  };
  const timer = setInterval(() => {
    try {
      poll();
    } catch {
      // Locked just now, or ill: the heartbeat says which. Look at everything, as the version is not known.
      engine.bell.ring();
    }
  }, POLL_MS);
  return () => clearInterval(timer);
}

/** A file that was removed or replaced still takes writes, and nobody will ever read them. */
async function checkFile(engine: Engine, inode: number): Promise<void> {
  const found = await stat(engine.path).catch(() => null);
  if (found?.ino === inode || engine.writer.closed) return;
  engine.writer.breakWith(
    new ServiceError(
      'bus_unavailable',
      `the bus file ${engine.path} was removed or replaced while it was open; start again`,
    ),
  );
  engine.bell.ring();
}
