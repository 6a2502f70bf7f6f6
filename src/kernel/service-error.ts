import type { FailureCode } from './failure.js';

/** Codes of faults that are not a build's: of the bus, the configuration and the command line. `docs/errors.md` has them. */
export type FaultCode =
  | 'bus_unavailable'
  | 'bus_denied'
  | 'bus_incompatible'
  | 'position_lost'
  | 'message_invalid'
  | 'message_too_large'
  | 'config_file_invalid'
  | 'folder_in_use'
  | 'address_in_use'
  | 'usage'
  | 'not_found'
  | 'ledger_unavailable';

export type ErrorCode = FailureCode | FaultCode;

/**
 * The one error that rooms throw for what the outside did: a code to choose by, whether trying again can help, and the
 * cause. Foreign error text is turned into a code once, where it comes in; nobody reads `message` to decide.
 */
export class ServiceError extends Error {
  readonly code: ErrorCode;
  readonly transient: boolean;
  /** Further lines for a person: the other side's own words, the last lines of output. */
  readonly detail: string;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly transient?: boolean; readonly cause?: unknown; readonly detail?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ServiceError';
    this.code = code;
    this.transient = options.transient ?? false;
    this.detail = options.detail ?? '';
  }
}

/** Makes an `Error` of whatever was thrown. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(typeof thrown === 'string' ? thrown : `non-error thrown: ${textOf(thrown)}`);
}

/** JSON can't hold everything: big integers and circles are written as text. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
