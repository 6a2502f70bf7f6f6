import { type ErrorCode, ServiceError, toError } from '../../kernel/service-error.js';

/** SQLite's primary result codes that we tell apart (sqlite.org/rescode.html). */
export const RESULT = {
  perm: 3,
  busy: 5,
  locked: 6,
  readonly: 8,
  ioerr: 10,
  corrupt: 11,
  full: 13,
  cantopen: 14,
  protocol: 15,
  notadb: 26,
} as const;

interface Meaning {
  readonly code: ErrorCode;
  readonly transient: boolean;
  readonly says: (path: string) => string;
}

/** What each result means to a person. What is not listed is an unknown fault: unavailable, and not tried again. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  [RESULT.perm]: unavailable(false, (path) => `the bus file ${path} may not be read or written by this user`),
  [RESULT.busy]: unavailable(true, (path) => `the bus file ${path} is locked by another process for too long`),
  [RESULT.locked]: unavailable(true, (path) => `the bus file ${path} is locked by another process for too long`),
  [RESULT.readonly]: unavailable(
    false,
    (path) => `the bus file ${path} can't be written: it, or its folder, is read-only`,
  ),
  [RESULT.ioerr]: unavailable(true, (path) => `the disk below the bus file ${path} fails to read or write`),
  [RESULT.corrupt]: unavailable(false, (path) => `the bus file ${path} is damaged; put it aside or restore a copy`),
  [RESULT.full]: unavailable(true, (path) => `no room is left on the disk of the bus file ${path}`),
  [RESULT.cantopen]: unavailable(
    false,
    (path) => `the bus file ${path} can't be opened: is its folder there, and writable?`,
  ),
  [RESULT.protocol]: unavailable(true, (path) => `the bus file ${path} is locked by another process for too long`),
  [RESULT.notadb]: unavailable(false, (path) => `${path} is not a bus file; put it aside, or give another path`),
};

function unavailable(transient: boolean, says: Meaning['says']): Meaning {
  return { code: 'bus_unavailable', transient, says };
}

/** The primary result code of what the driver threw; null when it is no fault of SQLite's. */
export function resultOf(thrown: unknown): number | null {
  if (!(thrown instanceof Error)) return null;
  if ('rawCode' in thrown && typeof thrown.rawCode === 'number') return thrown.rawCode & 0xff;
  // Opening throws a plain Error, with the code only at the end of its text.
  const opening = /^ConnectionFailed\(.*: (\d+)"?\)$/s.exec(thrown.message);
  return opening === null ? null : Number(opening[1]) & 0xff;
}

/** True when another process has the lock: trying again helps. */
export function isBusy(thrown: unknown): boolean {
  const result = resultOf(thrown);
  return result === RESULT.busy || result === RESULT.locked || result === RESULT.protocol;
}

/** Makes our error of whatever the driver threw; our own errors pass. */
export function busFault(thrown: unknown, path: string): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  const meaning = MEANINGS[resultOf(thrown) ?? -1];
  if (meaning === undefined) {
    return new ServiceError('bus_unavailable', `the bus file ${path} can't be used: ${toError(thrown).message}`, {
      cause: thrown,
    });
  }
  return new ServiceError(meaning.code, meaning.says(path), { transient: meaning.transient, cause: thrown });
}
