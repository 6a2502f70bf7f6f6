import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NatsError } from 'nats';
import { payloadFindings, replicaFindings, storageFindings, transportFindings } from '../../../src/bus/nats/examine.js';
import { natsFault } from '../../../src/bus/nats/faults.js';
import { namesOf } from '../../../src/bus/nats/names.js';
import { Plan, streamDifference } from '../../../src/bus/nats/streams.js';
import { type ErrorCode, ServiceError } from '../../../src/kernel/service-error.js';

const PLACE = 'nats://nats.example.org:4222';
const ofClient = (code: string, inner?: Error): Error => new NatsError('what it said', code, inner);
const ofNode = (code: string): Error => Object.assign(new Error(`what ${code} says`), { code });
const ofApi = (err_code: number): Error =>
  Object.assign(new NatsError('what it said', '500'), { api_error: { code: 500, description: '', err_code } });

/** What NATS, its client and sockets say, and what becomes of it. */
const TABLE: readonly [thrown: Error, code: ErrorCode, transient: boolean, says: RegExp][] = [
  [ofClient('CONNECTION_REFUSED', ofNode('ECONNREFUSED')), 'bus_unavailable', true, /nothing listens/],
  [ofNode('ENOTFOUND'), 'bus_unavailable', true, /name is not known/],
  [ofClient('TIMEOUT'), 'bus_unavailable', true, /in time/],
  [ofClient('503'), 'bus_unavailable', true, /nobody who answers/],
  [ofClient('AUTHORIZATION_VIOLATION'), 'bus_denied', false, /refuses the user/],
  [ofClient('AUTHENTICATION_EXPIRED'), 'bus_denied', false, /expired/],
  [
    Object.assign(ofClient('PERMISSIONS_VIOLATION'), {
      permissionContext: { operation: 'publish', subject: '$JS.API.INFO' },
    }),
    'bus_denied',
    false,
    /publish \$JS\.API\.INFO/,
  ],
  [ofClient('TLS', ofNode('SELF_SIGNED_CERT_IN_CHAIN')), 'bus_denied', false, /unknown authority/],
  [ofNode('ERR_TLS_CERT_ALTNAME_INVALID'), 'bus_denied', false, /another name/],
  [ofNode('CERT_HAS_EXPIRED'), 'bus_denied', false, /expired/],
  [ofApi(10039), 'bus_incompatible', false, /for this account/],
  [ofApi(10076), 'bus_incompatible', false, /switched off/],
  [ofApi(10059), 'bus_incompatible', false, /lacks a stream/],
  [ofApi(10065), 'bus_incompatible', false, /keeps some of our subjects/],
  [ofApi(10074), 'bus_incompatible', false, /no cluster/],
  [ofApi(10047), 'bus_unavailable', true, /no storage left/],
  [ofApi(10097), 'message_too_large', false, /headers/],
  [ofClient('MAX_PAYLOAD_EXCEEDED'), 'message_too_large', false, /max_payload/],
  [new Error('something else'), 'bus_unavailable', true, /something else/],
];

for (const [thrown, code, transient, says] of TABLE) {
  test(`${thrown.message} (${code}, ${says.source}) is understood`, () => {
    const fault = natsFault(thrown, PLACE);
    assert.deepEqual([fault.code, fault.transient], [code, transient]);
    assert.match(fault.message, says);
    assert.ok(fault.message.includes(PLACE));
    assert.equal(fault.cause, thrown);
  });
}

test('our own errors pass', () => {
  const own = new ServiceError('usage', 'no');
  assert.equal(natsFault(own, PLACE), own);
});

const topology = (git: readonly string[], groups = {}) => ({
  prefix: 'org.example.test',
  git,
  groups,
  gitLog: { maxAgeMs: 1_000, maxBytes: 1_000 },
});
const plan = (git: readonly string[], groups = {}): Plan =>
  new Plan(topology(git, groups), namesOf('org.example.test'), { replicas: 1, passiveDeclares: false });
const incompatible = (says: RegExp) => (thrown: unknown) =>
  thrown instanceof ServiceError && thrown.code === 'bus_incompatible' && says.test(thrown.message);

test('git topics that would be everything, or take in our own, can’t be had', () => {
  assert.throws(() => plan(['#']), incompatible(/more exactly/));
  assert.throws(() => plan(['org.example.#']), incompatible(/org\.example\.test\.container\.build\.requested/));
  assert.equal(plan([]).hasGit(), false);
});

test('a group is asked of the logs that its patterns touch, with a filter where one subject says it', () => {
  const legs = plan(['#.git.receive'], {
    pushes: ['#.git.receive'],
    one: ['org.git.receive'],
    requests: ['org.example.test.container.build.requested'],
    all: ['#'],
  });
  const short = (group: string) => legs.legsOf(group).map(({ stream, filter }) => [stream.split('-').at(-1), filter]);
  assert.deepEqual(short('pushes').slice(1), [['git', '']]);
  assert.deepEqual(short('one').slice(1), [['git', 'org.git.receive']]);
  assert.deepEqual(short('requests').slice(1), [['ours', 'org.example.test.container.build.requested']]);
  assert.deepEqual(short('all').slice(1), [
    ['git', ''],
    ['ours', ''],
  ]);
  assert.equal(short('all')[0]?.[0], 'retry');
});

test('a stream that is another one in what matters is told from one that serves', () => {
  const [ours] = plan([]).streams;
  assert.ok(ours);
  const there = { ...ours, max_msgs: -1, max_msg_size: -1, sealed: false } as Parameters<typeof streamDifference>[0];
  assert.equal(streamDifference(there, ours), null);
  assert.match(streamDifference({ ...there, max_age: 5 }, ours) ?? '', /max_age/);
  assert.match(streamDifference({ ...there, max_msgs: 10 }, ours) ?? '', /would lose/);
});

test('doctor tells plain ways, small payloads, full accounts and single copies', () => {
  assert.deepEqual(transportFindings({ servers: ['nats://127.0.0.1:4222', 'localhost'], tls: false }), []);
  assert.deepEqual(transportFindings({ servers: ['nats://far.example.org'], tls: true }), []);
  assert.equal(transportFindings({ servers: ['nats://far.example.org'], tls: false })[0]?.status, 'warn');
  assert.equal(payloadFindings(1_048_576)[0]?.status, 'warn');
  assert.equal(payloadFindings(2_097_152)[0]?.status, 'ok');
  const limits = (max_storage: number) => ({ max_storage }) as Parameters<typeof storageFindings>[0]['limits'];
  assert.equal(storageFindings({ storage: 5, limits: limits(-1) })[0]?.status, 'ok');
  assert.equal(storageFindings({ storage: 95, limits: limits(100) })[0]?.status, 'warn');
  const info = (num_replicas: number, leader: string) =>
    ({ config: { num_replicas }, cluster: { name: 'c', leader } }) as Parameters<typeof replicaFindings>[1];
  assert.deepEqual(replicaFindings('s', info(1, 'a'), false), []);
  assert.equal(replicaFindings('s', info(1, 'a'), true)[0]?.status, 'warn');
  assert.equal(replicaFindings('s', info(3, ''), true)[0]?.status, 'fault');
  assert.deepEqual(replicaFindings('s', info(3, 'a'), true), []);
});
