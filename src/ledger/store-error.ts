import { ServiceError, toError } from '../kernel/service-error.js';

/** `ledger_unavailable`, and whether the file itself is of no use: then it is made anew. */
export class StoreError extends ServiceError {
  readonly damaged: boolean;

  constructor(message: string, options: { transient: boolean; damaged: boolean; cause: Error }) {
    super('ledger_unavailable', message, {
      transient: options.transient,
      cause: options.cause,
      detail: options.cause.message,
    });
    this.name = 'StoreError';
    this.damaged = options.damaged;
  }
}

interface FaultRow {
  readonly code: RegExp;
  readonly damaged: boolean;
  readonly transient: boolean;
  readonly message: string;
}

const DAMAGED: FaultRow = {
  code: /^SQLITE_(CORRUPT|NOTADB|FORMAT)/,
  damaged: true,
  transient: true,
  message: 'the ledger’s file is damaged',
};

/** SQLite's and the system's own codes (sqlite.org/rescode.html), extended ones included. */
const FAULTS: readonly FaultRow[] = [
  {
    code: /^SQLITE_(BUSY|LOCKED)/,
    damaged: false,
    transient: false,
    message: 'the ledger’s file is in use by another process',
  },
  DAMAGED,
  // A table or column that we expect is not there.
  {
    code: /^SQLITE_(ERROR|SCHEMA|MISMATCH|CONSTRAINT)/,
    damaged: false,
    transient: false,
    message: 'the ledger’s file is none of ours; give the ledger another path',
  },
  { code: /^(SQLITE_FULL|ENOSPC)/, damaged: false, transient: true, message: 'there is no room for the ledger' },
  {
    code: /^(SQLITE_(READONLY|CANTOPEN|PERM|AUTH)|EACCES|EPERM|EROFS|ENOTDIR|EEXIST|EISDIR)/,
    damaged: false,
    transient: false,
    message: 'the ledger’s file can’t be written',
  },
  { code: /^(SQLITE_IOERR|EIO)/, damaged: false, transient: true, message: 'the disk of the ledger’s file has faults' },
];

/** Turns what libsql, the file system or the reading of a stored row threw into ours. */
export function storeError(thrown: unknown): StoreError {
  if (thrown instanceof StoreError) return thrown;
  const cause = toError(thrown);
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  // A stored row that is no JSON was not written by us like that.
  const row = cause instanceof SyntaxError ? DAMAGED : FAULTS.find((fault) => fault.code.test(code));
  return new StoreError(row?.message ?? 'the ledger’s file can’t be used', {
    transient: row?.transient ?? false,
    damaged: row?.damaged ?? false,
    cause,
  });
}
