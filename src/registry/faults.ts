import { isJsonObject, type Json } from '../kernel/json.js';
import { ServiceError } from '../kernel/service-error.js';

/** What a registry said to a request that did not go well, as far as it could be read. */
export interface Refusal {
  readonly status: number;
  readonly method: string;
  /** The body's beginning; empty for HEAD. */
  readonly body: string;
  /** The header `Retry-After`. */
  readonly retryAfter?: string | undefined;
}

/** A fault of the registry's own: an answer with status 500 or above. Passes, as far as anybody can tell. */
export class RegistryFault extends ServiceError {
  readonly status: number;

  constructor(registry: string, status: number, options: { readonly detail: string; readonly restMs: number }) {
    super('registry_unavailable', `The registry ${registry} has a fault (status ${status}).`, {
      transient: true,
      ...options,
    });
    this.status = status;
  }
}

/** Codes of node's sockets that have a sentence of their own. */
const AWAY: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ECONNRESET: 'broke the connection off',
  ECONNABORTED: 'broke the connection off',
  EPIPE: 'broke the connection off',
  ETIMEDOUT: 'did not answer in time',
  ERR_STREAM_PREMATURE_CLOSE: 'broke an answer off',
  EHOSTUNREACH: 'can’t be reached',
  ENETUNREACH: 'can’t be reached',
  ENOTFOUND: 'has a host name that does not resolve',
  EAI_AGAIN: 'has a host name that does not resolve at the moment',
  EADDRNOTAVAIL: 'can’t be reached: this machine has no free port',
  EMFILE: 'can’t be reached: this process has too many files open',
  ENFILE: 'can’t be reached: this machine has too many files open',
  EPROTO: 'did not speak TLS as expected',
  CERT_HAS_EXPIRED: 'has an expired certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a self-signed certificate (NODE_EXTRA_CA_CERTS names a further authority)',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a certificate of an unknown authority (NODE_EXTRA_CA_CERTS names a further one)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'has a certificate of an unknown authority (NODE_EXTRA_CA_CERTS names a further one)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'has a certificate of an unknown authority (NODE_EXTRA_CA_CERTS names a further one)',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a certificate for another host name',
};

/**
 * What the storage driver's error has in it when the registry's disk is full: words, or Linux's number for it (ENOSPC, EDQUOT)
 * as distribution 2.8 writes it. No code of the protocol says it.
 */
const NO_ROOM = /no space left on device|disk quota exceeded|not enough space|insufficient storage|"Err":(28|122)\b/i;

const DETAIL_CHARACTERS = 1_000;

/** The longest rest that a registry may ask for; milliseconds. */
const MAX_REST_MS = 600_000;
/** Statuses by which a server says that it is not the moment: 408 and 425 come from proxies before it. */
const NOT_NOW: Readonly<Record<number, string>> = {
  408: 'did not get the request in time',
  425: 'wants the request again',
  429: 'asks us to slow down',
};

/**
 * Makes an error of what the connection threw. Whatever a connection does passes: a registry that is started again, a
 * proxy that cuts a line and a stranger at its port are no fault of a build. A call that node refuses is ours.
 */
export function connectionFault(registry: string, thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  const code = codeOf(thrown);
  const detail = thrown instanceof Error ? thrown.message : code;
  if (thrown instanceof TypeError || thrown instanceof RangeError)
    return new ServiceError('internal', `The registry ${registry} can’t be asked for that.`, { cause: thrown, detail });
  const said = AWAY[code];
  return new ServiceError('registry_unavailable', `The registry ${registry} ${said ?? sayingOfCode(code)}.`, {
    transient: true,
    cause: thrown,
    detail: said === undefined ? detail : code,
  });
}

/** `HPE_…` are those of node's HTTP parser. */
function sayingOfCode(code: string): string {
  return code.startsWith('HPE_')
    ? 'gave an answer that is not HTTP'
    : `can’t be spoken to: the connection failed${code === '' ? '' : ` (${code})`}`;
}

/** An answer ended before its end, as far as anybody can tell. */
export function cutFault(registry: string, what: string): ServiceError {
  const text = `The registry ${registry} broke an answer off: it ${what}.`;
  return new ServiceError('registry_unavailable', text, { transient: true });
}

/** Makes an error of a status that nobody expected. A 404 comes here only where it is no answer. */
export function answerFault(registry: string, { status, method, body, retryAfter }: Refusal): ServiceError {
  const detail = sayingOf(body);
  const options = { detail };
  const restMs = restMsOf(retryAfter, Date.now());
  if (status === 507 || (status >= 500 && NO_ROOM.test(body)))
    return new ServiceError('disk_full', `The registry ${registry} has no room left.`, { transient: true, detail });
  const notNow = NOT_NOW[status];
  if (notNow !== undefined)
    return new ServiceError('registry_unavailable', `The registry ${registry} ${notNow}.`, {
      transient: true,
      restMs,
      detail,
    });
  if (status === 501) return new ServiceError('internal', `The registry ${registry} can’t do ${method} here.`, options);
  if (status >= 500) return new RegistryFault(registry, status, { detail, restMs });
  if (status === 401 || status === 403) return deniedFault(registry, detail);
  if (status === 405 && method !== 'GET' && method !== 'HEAD')
    return new ServiceError(
      'registry_denied',
      `The registry ${registry} takes no ${method} (is it read-only?).`,
      options,
    );
  return new ServiceError('internal', `The registry ${registry} refused a ${method} with status ${status}.`, options);
}

/** `Retry-After` (RFC 9110, 10.2.3), seconds or a date, as milliseconds from `now`; 0 for none and for nonsense. */
export function restMsOf(retryAfter: string | undefined, now: number): number {
  const text = retryAfter?.trim() ?? '';
  const restMs = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return restMs > 0 ? Math.min(restMs, MAX_REST_MS) : 0;
}

/** Codes by which a registry says that an upload is not what it was: it was started again, or got the bytes in part. */
const UPLOAD_LOST: ReadonlySet<string> = new Set([
  'BLOB_UPLOAD_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'DIGEST_INVALID',
  'RANGE_INVALID',
  'SIZE_INVALID',
]);

/**
 * As `answerFault`, for the PUT that finishes an upload. The registry has begun it a moment ago, so what is lost since is
 * to be begun again. Distribution 2.8 forgets its uploads when it is started again without `http.secret`.
 */
export function uploadFault(registry: string, refusal: Refusal): ServiceError {
  const { status, body } = refusal;
  const isLost = status === 404 || status === 410 || status === 416;
  if (!isLost && !(status === 400 && errorCodes(body).some((code) => UPLOAD_LOST.has(code))))
    return answerFault(registry, refusal);
  return new ServiceError('registry_unavailable', `The registry ${registry} has lost the upload that it began.`, {
    transient: true,
    detail: sayingOf(body),
  });
}

export function deniedFault(registry: string, detail: string, cause?: unknown): ServiceError {
  return new ServiceError('registry_denied', `The registry ${registry} refused our credentials.`, { detail, cause });
}

export function timeoutFault(registry: string, ms: number): ServiceError {
  return new ServiceError('registry_unavailable', `The registry ${registry} did not answer within ${ms} ms.`, {
    transient: true,
  });
}

/** An answer that breaks the specification; `what` continues "The registry x …". */
export function nonsense(registry: string, what: string): ServiceError {
  return new ServiceError('internal', `The registry ${registry} ${what}.`);
}

/** The error codes of the body (distribution specification, "Error Codes"). */
export function errorCodes(body: string): readonly string[] {
  return errorsOf(body).map((error) => error.code);
}

function sayingOf(body: string): string {
  const errors = errorsOf(body);
  const text = errors.length > 0 ? errors.map(({ code, message }) => `${code}: ${message}`).join('\n') : body;
  return printable(text).slice(0, DETAIL_CHARACTERS);
}

function errorsOf(body: string): readonly { readonly code: string; readonly message: string }[] {
  let parsed: Json;
  try {
    parsed = JSON.parse(body) as Json;
  } catch {
    return [];
  }
  const errors = isJsonObject(parsed) && Array.isArray(parsed['errors']) ? (parsed['errors'] as readonly Json[]) : [];
  return errors
    .filter(isJsonObject)
    .map(({ code, message }) => ({ code: textOf(code) ?? 'UNKNOWN', message: textOf(message) ?? '' }));
}

/** Null for lists and objects, whose text is whatever they make it. */
function textOf(value: Json | undefined): string | null {
  return typeof value === 'object' || value === undefined ? null : String(value);
}

/** The text without characters that would write over a terminal. */
function printable(text: string): string {
  return text.replace(/[^\P{C}\n]/gu, ' ').trim();
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}
