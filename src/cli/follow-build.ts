import type { BuildRow } from '../ledger/index.js';
import { parseOurs, topicOf } from '../messages/index.js';
import type { Session } from './session.js';

/** What a follower is told, in order. */
export interface BuildView {
  /** A state that was not told before. */
  readonly onState?: (row: BuildRow) => void;
  /** Lines of output of the newest attempt; `first` is the number of the first, from 0. Lines may be missing, none comes twice. */
  readonly onLines?: (lines: readonly string[], first: number, attempt: number) => void;
}

/**
 * Follows a build until it has ended, was superseded or skipped. Resolves with its last row; with null when the signal
 * ends first. `prepare` runs when everything listens: what it publishes is not missed.
 */
export async function followBuild(
  session: Pick<Session, 'bus' | 'prefix' | 'ledger'>,
  build: string,
  view: BuildView,
  signal: AbortSignal,
  prepare: () => Promise<void> = async () => undefined,
): Promise<BuildRow | null> {
  const ledger = await session.ledger();
  const lines = await listenForLines(session, build, view);
  let resolveEnd: (row: BuildRow | null) => void = () => undefined;
  const end = new Promise<BuildRow | null>((resolve) => {
    resolveEnd = resolve;
  });
  let told = '';
  const tell = (row: BuildRow | null): void => {
    if (row === null) return;
    const state = `${row.state} ${row.startedAttempt}`;
    if (state !== told) view.onState?.(row);
    told = state;
    if (isOver(row)) resolveEnd(row);
  };
  const stop = ledger.onChange((rows) => {
    for (const row of rows) if (row.id === build) tell(row);
  });
  const onAbort = (): void => resolveEnd(null);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await prepare();
    if (signal.aborted) return null;
    await ledger.caughtUp();
    tell(ledger.build(build));
    return await end;
  } finally {
    stop();
    signal.removeEventListener('abort', onAbort);
    await lines();
  }
}

/** Nothing more will come of this request: ended, superseded, or skipped until someone asks again. */
export function isOver(row: BuildRow): boolean {
  return row.ended || row.state === 'canceled' || row.state === 'skipped';
}

/** Listens to the live topic; a line is passed on once, whatever its copies. */
async function listenForLines(
  { bus, prefix }: Pick<Session, 'bus' | 'prefix'>,
  build: string,
  { onLines }: BuildView,
): Promise<() => Promise<void>> {
  if (onLines === undefined) return async () => undefined;
  let attempt = 0;
  let next = 0;
  const listener = await bus.listen([topicOf(prefix, 'build.output.v1')], (message) => {
    const ours = parseOurs(prefix, message);
    if (ours?.ok !== true || ours.value.name !== 'build.output.v1' || ours.value.body.build !== build) return;
    const { body } = ours.value;
    if (body.attempt < attempt) return;
    if (body.attempt > attempt) [attempt, next] = [body.attempt, 0];
    const known = Math.max(0, next - body.first);
    const fresh = body.lines.slice(known);
    if (fresh.length > 0) onLines(fresh, body.first + known, attempt);
    next = Math.max(next, body.first + body.lines.length);
  });
  return () => listener.stop();
}
