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
  | 'ledger_unavailable'
  | 'archive_unavailable';

export type ErrorCode = FailureCode | FaultCode;

/**
 * The one error that rooms throw for what the outside did: a code to choose by, whether trying again can help, and the
 * cause. Foreign error text is turned into a code once, where it comes in; nobody reads `message` to decide.
 */
export class ServiceError extends Error {
  readonly code: ErrorCode;
  readonly transient: boolean;
  /** True when the other side is not there at all: what it takes is waiting, not another question. */
  readonly away: boolean;
  /** Milliseconds until it is sensible to ask again, as the other side said; 0 when it said nothing. */
  readonly restMs: number;
  /** Further lines for a person: the other side's own words, the last lines of output. */
  readonly detail: string;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly transient?: boolean;
      readonly away?: boolean;
      readonly restMs?: number;
      readonly cause?: unknown;
      readonly detail?: string;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ServiceError';
    this.code = code;
    this.away = options.away ?? false;
    this.transient = options.transient ?? this.away;
    this.restMs = options.restMs ?? 0;
    this.detail = options.detail ?? '';
  }
}

const OUR_OWN: ReadonlySet<ErrorCode> = new Set([
  'bus_unavailable',
  'bus_denied',
  'bus_incompatible',
  'ledger_unavailable',
  'position_lost',
]);

/**
 * Whether one of our own parts, the bus or the ledger, is away or refuses: no fault of a message or a build, which is to
 * be had again as it was, for as long as it takes.
 */
export function isOwnPartAway(error: unknown): boolean {
  return error instanceof ServiceError && OUR_OWN.has(error.code);
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
