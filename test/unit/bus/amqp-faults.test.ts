import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amqpFault } from '../../../src/bus/amqp/faults.js';
import { type ErrorCode, ServiceError } from '../../../src/kernel/service-error.js';

const PLACE = 'amqp://broker.example.org:5672/prod';
const system = (code: string): Error => Object.assign(new Error(`connect ${code} 192.0.2.1:5672`), { code });
const closed = (text: string): Error => new Error(`Operation failed: ${text}`);

/** What RabbitMQ, the driver and sockets say, and what becomes of it. */
const TABLE: readonly [thrown: Error, code: ErrorCode, transient: boolean, says: RegExp][] = [
  [
    closed(
      `Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."`,
    ),
    'bus_denied',
    false,
    /user or the password/,
  ],
  [
    closed(
      `QueueDeclare; 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - access to queue 'layerwright.x.log.ours' in vhost 'prod' refused for user 'ralph'"`,
    ),
    'bus_denied',
    false,
    /ralph.*layerwright\.x\.log\.ours/,
  ],
  [
    closed(
      `QueueDeclare; 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - inequivalent arg 'x-max-age' for queue 'layerwright.x.log.git' in vhost 'prod': received the value '30D' of type 'longstr' but current is the value '7D' of type 'longstr'"`,
    ),
    'bus_incompatible',
    false,
    /layerwright\.x\.log\.git.*x-max-age.*7D.*30D/,
  ],
  [
    closed(
      `QueueDeclare; 404 (NOT-FOUND) with message "NOT_FOUND - no queue 'layerwright.x.group.trigger' in vhost 'prod'"`,
    ),
    'bus_incompatible',
    false,
    /layerwright\.x\.group\.trigger is missing/,
  ],
  [
    closed(
      `Channel closed by server: 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms."`,
    ),
    'bus_unavailable',
    true,
    /consumer_timeout/,
  ],
  [
    closed(
      `Channel closed by server: 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - queue 'queue 'layerwright.x.log.ours' in vhost '/'' does not have a replica on the local node"`,
    ),
    'bus_unavailable',
    true,
    /the node has no copy of the log yet/,
  ],
  [
    new Error(
      'Connection closed: 320 (CONNECTION-FORCED) with message "CONNECTION_FORCED - broker forced connection closure"',
    ),
    'bus_unavailable',
    true,
    /closed the connection/,
  ],
  [system('ECONNREFUSED'), 'bus_unavailable', true, /nothing listens/],
  [system('ENOTFOUND'), 'bus_unavailable', true, /host name/],
  [system('ECONNRESET'), 'bus_unavailable', true, /broke/],
  [new Error('connect ETIMEDOUT'), 'bus_unavailable', true, /in time/],
  [new Error('Heartbeat timeout'), 'bus_unavailable', true, /heartbeat/],
  [system('CERT_HAS_EXPIRED'), 'bus_denied', false, /has expired/],
  [system('ERR_TLS_CERT_ALTNAME_INVALID'), 'bus_denied', false, /another name/],
  [system('SELF_SIGNED_CERT_IN_CHAIN'), 'bus_denied', false, /not trusted/],
  [new Error('channel closed'), 'bus_unavailable', true, /closed/],
  [new Error('message nacked'), 'bus_unavailable', true, /./],
];

for (const [thrown, code, transient, says] of TABLE) {
  test(`"${thrown.message.slice(0, 110)}" is ${code} and says ${says}`, () => {
    const fault = amqpFault(thrown, PLACE);
    assert.deepEqual([fault.code, fault.transient], [code, transient]);
    assert.match(fault.message, says);
    assert.equal(fault.cause, thrown);
  });
}

test('what nobody knows keeps its own words', () => {
  assert.match(amqpFault(new Error('something else'), PLACE).message, /something else/);
});

test('faults of ours pass as they are', () => {
  const fault = new ServiceError('bus_incompatible', 'too old');
  assert.equal(amqpFault(fault, PLACE), fault);
});
