import type { LogName, LogStart } from '../bus/index.js';
import type { FoundMessage, OtherLogs } from '../why/index.js';
import type { Session } from './session.js';

/** What is read of a log for one message, at most: messages and milliseconds. */
const MAX_MESSAGES = 1_000_000;
const MAX_MS = 20_000;
/** A push is stored before what it leads to; so long before, in milliseconds, where one is far behind. */
const BEFORE_MS = 3_600_000;

/** The logs of pushes and of dead letters, and the rules of the trigger. `onLong` is told when a log was not read to its end. */
export function otherLogs(session: Session, interrupt: AbortSignal, onLong: (log: LogName) => void): OtherLogs {
  return {
    push: (id, since) =>
      findIn(session, 'git', id, since === null ? 'start' : { time: new Date(Date.parse(since) - BEFORE_MS) }, onLong),
    dead: (id) => findIn(session, 'dead', id, 'start', onLong),
    foresee: async (message) => {
      const [{ foresee, gitPaths }, { silentLogger }] = await Promise.all([
        import('../trigger/index.js'),
        import('../observability/index.js'),
      ]);
      return foresee(message, session.settings.trigger, gitPaths(await session.git(), silentLogger), interrupt);
    },
  };
}

async function findIn(
  { bus }: Pick<Session, 'bus'>,
  log: LogName,
  id: string,
  from: LogStart,
  onLong: (log: LogName) => void,
): Promise<FoundMessage | null> {
  const until = performance.now() + MAX_MS;
  let left = MAX_MESSAGES;
  for await (const batch of bus.read(log, from)) {
    const found = batch.find(({ message }) => message.id === id);
    if (found !== undefined) return { message: found.message, storedAt: found.storedAt.toISOString() };
    left -= batch.length;
    if (left > 0 && performance.now() < until) continue;
    onLong(log);
    return null;
  }
  return null;
}
