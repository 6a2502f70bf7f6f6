import { type ErrorCode, ServiceError, toError } from '../../kernel/service-error.js';

/** JetStream's own numbers for what it refuses (`err_code`), as far as we tell them apart. */
export const API = {
  noPeers: 10005,
  unavailable: 10008,
  consumerNotFound: 10014,
  noResources: 10023,
  notEnabledForAccount: 10039,
  messageNotFound: 10037,
  noStorage: 10047,
  streamInUse: 10058,
  streamNotFound: 10059,
  otherStream: 10060,
  subjectsOverlap: 10065,
  wrongLastSequence: 10071,
  replicasNotSupported: 10074,
  notEnabled: 10076,
  storeFailed: 10077,
  headersTooLarge: 10097,
} as const;

interface Meaning {
  readonly code: ErrorCode;
  readonly transient: boolean;
  readonly says: string;
}

const unavailable = (says: string): Meaning => ({ code: 'bus_unavailable', transient: true, says });
const denied = (says: string): Meaning => ({ code: 'bus_denied', transient: false, says });
const incompatible = (says: string): Meaning => ({ code: 'bus_incompatible', transient: false, says });

const tooLarge = (says: string): Meaning => ({ code: 'message_too_large', transient: false, says });

const API_MEANINGS: Readonly<Record<number, Meaning>> = {
  [API.noPeers]: unavailable('has too few servers with JetStream for that many replicas'),
  [API.unavailable]: unavailable('has no JetStream leader just now'),
  [API.noResources]: unavailable('has no memory or storage left for JetStream'),
  [API.noStorage]: unavailable('has no storage left for JetStream'),
  [API.storeFailed]: unavailable('can’t store: a limit of the stream or its disk is reached'),
  [API.headersTooLarge]: tooLarge('takes no headers of that size'),
  [API.notEnabledForAccount]: incompatible('has no JetStream for this account; enable it for the account'),
  [API.notEnabled]: incompatible('has JetStream switched off; start it with -js or a `jetstream` block'),
  [API.replicasNotSupported]: incompatible('is no cluster, so that it can’t keep replicas; set replicas to 1'),
  [API.subjectsOverlap]: incompatible(
    'has another stream that keeps some of our subjects (a git topic that begins with `#` takes in those of every key-value bucket): name the git topics from their first word on, or give Layerwright an account of its own',
  ),
  [API.streamNotFound]: incompatible('lacks a stream that it should have; see `layerwright doctor`'),
  [API.consumerNotFound]: incompatible('lacks a consumer that it should have; see `layerwright doctor`'),
};

/** What the client's codes mean (`ErrorCode` in nats), and those of Node below it. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  CONNECTION_REFUSED: unavailable('can’t be reached: nothing listens there'),
  ECONNREFUSED: unavailable('can’t be reached: nothing listens there'),
  ENOTFOUND: unavailable('can’t be reached: its name is not known'),
  EAI_AGAIN: unavailable('can’t be reached: its name can’t be looked up just now'),
  ECONNRESET: unavailable('broke the connection'),
  EHOSTUNREACH: unavailable('can’t be reached'),
  ETIMEDOUT: unavailable('does not answer'),
  TIMEOUT: unavailable('does not answer in time'),
  DISCONNECT: unavailable('is disconnected'),
  CONNECTION_CLOSED: unavailable('is no longer connected'),
  CONNECTION_DRAINING: unavailable('is being left'),
  STALE_CONNECTION: unavailable('does not answer'),
  AUTHORIZATION_VIOLATION: denied('refuses the user, password, token or certificate'),
  AUTHENTICATION_EXPIRED: denied('refuses the user: the credentials have expired'),
  ACCOUNT_EXPIRED: denied('refuses the user: the account has expired'),
  AUTHENTICATION_TIMEOUT: denied('did not get credentials in time'),
  BAD_AUTHENTICATION: denied('refuses the user, password, token or certificate'),
  BAD_CREDS: denied('can’t be asked: the credentials file is not one of NATS'),
  PERMISSIONS_VIOLATION: denied('forbids this user a subject'),
  SERVER_OPTION_NA: incompatible('and this side disagree about TLS: one of them does not want it'),
  TLS: denied('can’t be trusted: the TLS files can’t be used'),
  SELF_SIGNED_CERT_IN_CHAIN: denied('can’t be trusted: its certificate is of an unknown authority; give its CA'),
  DEPTH_ZERO_SELF_SIGNED_CERT: denied('can’t be trusted: its certificate is of an unknown authority; give its CA'),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: denied('can’t be trusted: its certificate is of an unknown authority; give its CA'),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: denied(
    'can’t be trusted: its certificate is of an unknown authority; give its CA',
  ),
  ERR_TLS_CERT_ALTNAME_INVALID: denied('can’t be trusted: its certificate is for another name'),
  CERT_HAS_EXPIRED: denied('can’t be trusted: its certificate has expired'),
  CERT_NOT_YET_VALID: denied('can’t be trusted: its certificate is not valid yet'),
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: denied('wants a client certificate'),
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: denied('refuses our client certificate'),
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: denied('refuses our client certificate: it has expired'),
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: denied('refuses our client certificate: it does not know its authority'),
  ERR_SSL_WRONG_VERSION_NUMBER: incompatible('does not speak TLS at that port'),
  MAX_PAYLOAD_EXCEEDED: tooLarge('takes no message of that size (max_payload)'),
  '503': unavailable('has nobody who answers: JetStream is off, or has no leader just now'),
};

/** JetStream's number in an error; null when it is none of JetStream's. */
export function apiCode(thrown: unknown): number | null {
  const api = isRecord(thrown) ? thrown['api_error'] : undefined;
  const code = isRecord(api) ? api['err_code'] : undefined;
  return typeof code === 'number' ? code : null;
}

/** Whether nobody answered: JetStream, a stream or a consumer is not there. */
export function isNoResponders(thrown: unknown): boolean {
  return isRecord(thrown) && thrown['code'] === '503' && apiCode(thrown) === null;
}

/** Whether no answer came in time: what was asked for may be done all the same. */
export function isTimeout(thrown: unknown): boolean {
  return isRecord(thrown) && thrown['code'] === 'TIMEOUT';
}

/** Whether this user may not use a subject. */
export function isForbidden(thrown: unknown): boolean {
  return isRecord(thrown) && thrown['code'] === 'PERMISSIONS_VIOLATION';
}

/** Makes our error of whatever the client threw; our own errors pass. `place` has no secrets. */
export function natsFault(thrown: unknown, place: string): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  const error = toError(thrown);
  const meaning = meaningOf(thrown);
  if (meaning === undefined) {
    return new ServiceError('bus_unavailable', `the NATS server at ${place} fails: ${error.message}`, {
      transient: true,
      cause: thrown,
    });
  }
  return new ServiceError(meaning.code, `the NATS server at ${place} ${meaning.says}${subjectOf(thrown)}`, {
    transient: meaning.transient,
    cause: thrown,
    detail: error.message,
  });
}

function meaningOf(thrown: unknown): Meaning | undefined {
  const api = apiCode(thrown);
  if (api !== null) return API_MEANINGS[api];
  // The client wraps what Node threw; the innermost code that we know is the most exact one.
  const inner = isRecord(thrown) ? (thrown['chainedError'] ?? thrown['cause']) : undefined;
  const deeper = inner === undefined || inner === null ? undefined : meaningOf(inner);
  if (deeper !== undefined) return deeper;
  const code = isRecord(thrown) ? thrown['code'] : undefined;
  return typeof code === 'string' || typeof code === 'number' ? MEANINGS[String(code)] : undefined;
}

function subjectOf(thrown: unknown): string {
  const context = isRecord(thrown) ? thrown['permissionContext'] : undefined;
  if (!isRecord(context)) return '';
  return `: ${String(context['operation'])} ${String(context['subject'])}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
