import { type ErrorCode, ServiceError, toError } from '../../kernel/service-error.js';

interface Meaning {
  /** What the broker, the driver or the system says. */
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly transient: boolean;
  /** The sentence for a person; `found` are the pattern's groups. */
  readonly says: (place: string, found: readonly string[]) => string;
}

/**
 * What is said when the broker refuses, fails or goes away, and what it means. The first that fits counts. The texts are
 * those of RabbitMQ 3.10, of amqplib 2.3 and of Node's sockets.
 */
const MEANINGS: readonly Meaning[] = [
  // Who we are.
  denied(
    /ACCESS_REFUSED.*Login was refused using authentication mechanism EXTERNAL/s,
    (place) => `${place} refuses the client certificate: no user of the broker has its name`,
  ),
  denied(/ACCESS_REFUSED.*Login was refused/s, (place) => `${place} refuses the user or the password`),
  denied(
    /SASL mechanism (\S+) is not provided/,
    (place, [mechanism]) =>
      `${place} does not offer the login ${mechanism}: enable its plugin on the broker, or give a user and a password`,
  ),
  // The broker says this of a virtual host that it lacks, and of one that a user may not enter.
  denied(
    /NOT_ALLOWED.*vhost (\S+) not found/s,
    (place, [vhost]) => `${place} has no virtual host ${vhost}: make it, or correct the end of the URL`,
  ),
  // While a connection opens, the driver keeps the broker's reason to itself: only the virtual host is asked for there.
  denied(
    /Expected ConnectionOpenOk; got <ConnectionClose/,
    (place) =>
      `${place} refuses the virtual host at the end of the URL: it does not exist, the user has no permissions in it, or it takes no more connections`,
  ),
  denied(
    /NOT_ALLOWED.*access to vhost '([^']*)' refused for user '([^']*)'/s,
    (place, [vhost, user]) => `the user ${user} has no permissions in the virtual host ${vhost} of ${place}`,
  ),
  denied(
    /ACCESS_REFUSED.*access to topic '([^']*)' in exchange '([^']*)'.*refused for user '([^']*)'/s,
    (place, [topic, exchange, user]) =>
      `the user ${user} may not use the topic ${topic} of the exchange ${exchange} of ${place}: widen its topic permissions`,
  ),
  denied(
    /ACCESS_REFUSED.*(configure|write|read) access to (queue|exchange) '([^']*)' in vhost '([^']*)' refused for user '([^']*)'/s,
    (place, [right, kind, name, vhost, user]) =>
      `the user ${user} lacks the permission "${right}" on the ${kind} ${name} in the virtual host ${vhost} of ${place}`,
  ),
  denied(
    /ACCESS_REFUSED.*access to (queue|exchange) '([^']*)' in vhost '([^']*)' refused for user '([^']*)'/s,
    (place, [kind, name, vhost, user]) =>
      `the user ${user} lacks a permission (configure, write or read) on the ${kind} ${name} in the virtual host ${vhost} of ${place}`,
  ),
  denied(/ACCESS_REFUSED/, (place) => `${place} refuses access`),
  // What is there and what is not.
  incompatible(
    /PRECONDITION_FAILED.*inequivalent arg '([^']*)' for (queue|exchange) '([^']*)' in vhost '[^']*': received (.*?) but current is (.*?)["\s]*$/s,
    (place, [argument, kind, name, wanted, is]) =>
      `the ${kind} ${name} on ${place} has ${argument} = ${plainValue(is)}, wanted ${plainValue(wanted)}: delete it when it is empty (it is made again), or bring the configuration in line with it`,
  ),
  incompatible(
    /NOT_FOUND.*no (queue|exchange) '([^']*)' in vhost '([^']*)'/s,
    (place, [kind, name, vhost]) =>
      `the ${kind} ${name} is missing in the virtual host ${vhost} of ${place}: declare it, or let Layerwright do so (passive_declares: false) and restart it`,
  ),
  unavailable(
    /RESOURCE_LOCKED.*queue '([^']*)'/s,
    (place, [name]) => `the queue ${name} on ${place} belongs to another connection`,
  ),
  unavailable(
    /delivery acknowledgement on channel \d+ timed out/,
    (place) => `${place} closed a channel: a delivery was not acknowledged in its time (consumer_timeout)`,
  ),
  unavailable(
    /PRECONDITION_FAILED[^"]*does not have a (?:running )?replica on the local node/,
    (place) => `${place}: the node has no copy of the log yet`,
  ),
  incompatible(/PRECONDITION_FAILED[^"]*/, (place, _found) => `${place} refuses what was asked of it`),
  unavailable(/NOT_IMPLEMENTED/, (place) => `${place} can't do what was asked of it`, false),
  unavailable(/INTERNAL_ERROR/, (place) => `${place} has an error of its own`),
  unavailable(
    /connection limit \((\d+)\) is reached/,
    (place, [most]) => `${place} takes no more than ${most} connections here`,
  ),
  unavailable(/RESOURCE_ERROR/, (place) => `${place} is out of a resource, or takes no more connections`),
  // TLS.
  denied(/CERT_HAS_EXPIRED|certificate has expired/, (place) => `the certificate of ${place} has expired`),
  denied(
    /CERT_NOT_YET_VALID|certificate is not yet valid/,
    (place) => `the certificate of ${place} is not valid yet: is the clock right?`,
  ),
  denied(
    /ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate's altnames/,
    (place) => `the certificate of ${place} is for another name than the one in the URL`,
  ),
  denied(
    /SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT|self.signed certificate|unable to (verify|get)/,
    (place) => `the certificate of ${place} is from an authority that is not trusted: give its certificate as tls.ca`,
  ),
  denied(
    /alert (?:certificate expired|number 45)|SSLV3_ALERT_CERTIFICATE_EXPIRED/i,
    (place) => `${place} refuses our client certificate: it has expired`,
  ),
  denied(
    /alert (?:unknown ca|bad certificate|certificate (?:unknown|required|revoked)|handshake failure|decrypt error)|ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN)|CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE/i,
    (place) => `${place} refuses our client certificate, or wants one (tls.cert, tls.key)`,
  ),
  denied(
    /ERR_OSSL|ERR_SSL_(?:NO_START_LINE|BAD_END_LINE)|PEM|KEY_VALUES_MISMATCH|key values mismatch/,
    () => 'the files of tls.ca, tls.cert and tls.key are no certificates and key in PEM that belong together',
  ),
  unavailable(
    /WRONG_VERSION_NUMBER|wrong version number|packet length too long/i,
    (place) => `${place} does not speak TLS at this port: use amqp://, or the port of TLS (5671)`,
    false,
  ),
  unavailable(
    /Frame size \d+ exceeds|Invalid frame|Missing frame end/,
    (place) => `${place} answers, but not in AMQP: is it RabbitMQ, and is the port right?`,
    false,
  ),
  // The way there.
  unavailable(/ECONNREFUSED/, (place) => `nothing listens at ${place}`),
  unavailable(/ENOTFOUND|EAI_AGAIN/, (place) => `the host name of ${place} is not known`),
  unavailable(/EHOSTUNREACH|ENETUNREACH/, (place) => `no way leads to ${place}`),
  unavailable(/ETIMEDOUT/, (place) => `${place} did not answer in time`),
  unavailable(/Heartbeat timeout/i, (place) => `${place} fell silent: no heartbeat came`),
  unavailable(
    /CONNECTION_FORCED/,
    (place) => `${place} closed the connection: the broker stops, or an operator did it`,
  ),
  unavailable(
    /Socket closed abruptly during opening/,
    (place) =>
      `${place} closed the connection while it was being opened: is it RabbitMQ, with or without TLS as the URL says?`,
  ),
  unavailable(
    /ECONNRESET|EPIPE|Unexpected close|socket hang up|ECONNABORTED/,
    (place) => `the connection to ${place} broke`,
  ),
  unavailable(
    /[Cc]hannel (?:ended|clos)|[Cc]onnection clos|message nacked|IllegalOperation/,
    (place) => `the connection to ${place} was closed`,
  ),
];

function denied(pattern: RegExp, says: Meaning['says']): Meaning {
  return { pattern, code: 'bus_denied', transient: false, says };
}

function incompatible(pattern: RegExp, says: Meaning['says']): Meaning {
  return { pattern, code: 'bus_incompatible', transient: false, says };
}

function unavailable(pattern: RegExp, says: Meaning['says'], transient = true): Meaning {
  return { pattern, code: 'bus_unavailable', transient, says };
}

/** `none`, or a value in quotes with its type behind: the value alone. */
function plainValue(text = ''): string {
  return /'([^']*)'/.exec(text)?.[1] ?? text.replace(/^the value /, '');
}

/** Makes our error of whatever the broker or the driver said; our own errors pass. `place` names the bus for people. */
export function amqpFault(thrown: unknown, place: string): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  const error = toError(thrown);
  const text = `${'code' in error ? String(error.code) : ''} ${error.name} ${withRight(error)}`;
  for (const { pattern, code, transient, says } of MEANINGS) {
    const found = pattern.exec(text);
    if (found !== null) return new ServiceError(code, says(place, found.slice(1)), { transient, cause: thrown });
  }
  return new ServiceError('bus_unavailable', `${place} can't be used: ${error.message}`, { cause: thrown });
}

/** Which right a method needs, on a queue and on an exchange, by its class and number (AMQP 0-9-1; rabbitmq.com/docs/access-control). */
const RIGHTS: Readonly<Record<string, { readonly queue: string; readonly exchange: string }>> = {
  'exchange.declare 40.10': { queue: 'configure', exchange: 'configure' },
  'queue.declare 50.10': { queue: 'configure', exchange: 'write' }, // The exchange is that of its dead letters.
  'queue.bind 50.20': { queue: 'write', exchange: 'read' },
  'queue.delete 50.40': { queue: 'configure', exchange: 'configure' },
  'basic.consume 60.20': { queue: 'read', exchange: 'read' },
  'basic.publish 60.40': { queue: 'write', exchange: 'write' },
};

/** Older brokers (3.10) say what was refused and to whom, not which right was missing: the refused method tells. */
function withRight(error: Error): string {
  if (!('classId' in error && 'methodId' in error)) return error.message;
  const method = ` ${String(error.classId)}.${String(error.methodId)}`;
  const rights = Object.entries(RIGHTS).find(([name]) => name.endsWith(method))?.[1];
  if (rights === undefined) return error.message;
  return error.message.replace(
    /ACCESS_REFUSED - access to (queue|exchange) /,
    (_, kind: 'queue' | 'exchange') => `ACCESS_REFUSED - ${rights[kind]} access to ${kind} `,
  );
}

/** The reply code of a close by the server (AMQP 0-9-1, 1.2); null when it was none. */
export function replyCode(thrown: unknown): number | null {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' ? thrown.code : null;
}

/** AMQP's reply code for what is not as it must be (0-9-1, 1.2.1). */
export const PRECONDITION_FAILED = 406;
export const NOT_FOUND = 404;
