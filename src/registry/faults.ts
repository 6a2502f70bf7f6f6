import { isJsonObject, type Json } from '../kernel/json.js';
import { ServiceError } from '../kernel/service-error.js';

/** What a registry said to a request that did not go well, as far as it could be read. */
export interface Refusal {
  readonly status: number;
  readonly method: string;
  /** The body's beginning; empty for HEAD. */
  readonly body: string;
}

/** Codes of node's sockets that mean: not there now. All others (a broken HTTP answer) make no sense. */
const AWAY: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ECONNRESET: 'broke the connection off',
  ECONNABORTED: 'broke the connection off',
  EPIPE: 'broke the connection off',
  ETIMEDOUT: 'did not answer in time',
  EHOSTUNREACH: 'can’t be reached',
  ENETUNREACH: 'can’t be reached',
  ENOTFOUND: 'has a host name that does not resolve',
  EAI_AGAIN: 'has a host name that does not resolve at the moment',
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

/** Makes an error of what the connection threw. */
export function connectionFault(registry: string, thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  const code = codeOf(thrown);
  const said = AWAY[code];
  if (said !== undefined) {
    return new ServiceError('registry_unavailable', `The registry ${registry} ${said}.`, {
      transient: true,
      cause: thrown,
      detail: code,
    });
  }
  return new ServiceError('internal', `The registry ${registry} gave an answer that is not HTTP.`, {
    cause: thrown,
    detail: thrown instanceof Error ? thrown.message : code,
  });
}

/** Makes an error of a status that nobody expected. A 404 comes here only where it is no answer. */
export function answerFault(registry: string, { status, method, body }: Refusal): ServiceError {
  const detail = sayingOf(body);
  const options = { detail };
  if (status === 507 || (status >= 500 && NO_ROOM.test(body)))
    return new ServiceError('disk_full', `The registry ${registry} has no room left.`, { transient: true, detail });
  if (status === 429)
    return new ServiceError('registry_unavailable', `The registry ${registry} asks us to slow down.`, {
      transient: true,
      detail,
    });
  if (status === 501) return new ServiceError('internal', `The registry ${registry} can’t do ${method} here.`, options);
  if (status >= 500)
    return new ServiceError('registry_unavailable', `The registry ${registry} has a fault (status ${status}).`, {
      transient: true,
      detail,
    });
  if (status === 401 || status === 403) return deniedFault(registry, detail);
  if (status === 405 && method !== 'GET' && method !== 'HEAD')
    return new ServiceError(
      'registry_denied',
      `The registry ${registry} takes no ${method} (is it read-only?).`,
      options,
    );
  return new ServiceError('internal', `The registry ${registry} refused a ${method} with status ${status}.`, options);
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
