import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { transportFindings } from '../../../src/bus/amqp/examine.js';
import { flagFindings, nodeFindings, queueFindings } from '../../../src/bus/amqp/management-findings.js';

/** Answers as RabbitMQ 3.10.8 gives them. */
const NODE = {
  partitions: [],
  mem_alarm: false,
  disk_free_limit: 50_000_000,
  disk_free_alarm: false,
  name: 'lw1@localhost',
  type: 'disc',
  running: true,
  disk_free: 84_701_102_080,
};
const ROOT = 'layerwright.org.example.test';
const QUORUM = {
  arguments: { 'x-queue-type': 'quorum' },
  effective_policy_definition: {},
  leader: 'lw1@localhost',
  members: ['lw1@localhost'],
  name: `${ROOT}.group.trigger`,
  online: ['lw1@localhost'],
  operator_policy: null,
  policy: null,
  state: 'running',
  type: 'quorum',
};
const STREAM = { ...QUORUM, arguments: { 'x-queue-type': 'stream' }, name: `${ROOT}.log.ours`, type: 'stream' };
const page = (...items: object[]) => ({ filtered_count: items.length, items, page: 1, page_count: 1 });
const statuses = (findings: readonly { readonly name: string; readonly status: string }[]): string[] =>
  findings.map(({ name, status }) => `${name}: ${status}`);

test('a node that is well is one sentence', () => {
  assert.deepEqual(nodeFindings([NODE]), [{ name: 'nodes', status: 'ok', text: 'one node runs', advice: '' }]);
});

test('alarms and partitions are faults, little disk and nodes that are down are warnings', () => {
  const sick = {
    ...NODE,
    name: 'rabbit@two',
    mem_alarm: true,
    disk_free_alarm: true,
    partitions: ['rabbit@three'],
  };
  assert.deepEqual(statuses(nodeFindings([NODE, sick, { name: 'rabbit@three', running: false }])), [
    'memory: fault',
    'disk: fault',
    'partitions: fault',
    'nodes: warn',
  ]);
  assert.match(nodeFindings([NODE, { name: 'rabbit@three', running: false }])[0]?.text ?? '', /rabbit@three/);
  assert.deepEqual(statuses(nodeFindings([{ ...NODE, disk_free: 1_000_000 }])), ['disk: warn', 'nodes: ok']);
  assert.deepEqual(statuses(nodeFindings([NODE, { ...NODE, name: 'rabbit@two' }])), ['nodes: warn']);
});

test('queues of the wrong type, without a majority or with one copy in a cluster are named, those of others are not', () => {
  const classic = { ...QUORUM, type: 'classic', arguments: {}, members: undefined, online: undefined };
  assert.deepEqual(statuses(queueFindings(page(QUORUM, STREAM), ROOT, 1)), ['queues: ok']);
  assert.deepEqual(statuses(queueFindings(page(classic), ROOT, 1)), ['queue type: fault', 'queues: ok']);
  assert.deepEqual(statuses(queueFindings(page({ ...classic, name: 'of.others' }), ROOT, 3)), ['queues: ok']);
  const [single] = queueFindings(page(STREAM), ROOT, 3);
  assert.equal(single?.status, 'warn');
  assert.match(single?.text ?? '', /log\.ours has 1 of 3 copies in a cluster of 3 nodes/);
  const half = { ...QUORUM, members: ['a', 'b', 'c'], online: ['a'] };
  assert.match(queueFindings(page(half), ROOT, 3)[0]?.text ?? '', /1 of 3 members online/);
  assert.deepEqual(statuses(queueFindings(page({ ...half, online: ['a', 'b'] }), ROOT, 3)), ['queues: ok']);
});

test('a policy that makes the broker throw our messages away is named with what it sets', () => {
  const short = { ...QUORUM, policy: 'short', effective_policy_definition: { 'max-length': 1000, 'ha-mode': 'all' } };
  const [found] = queueFindings(page(short), ROOT, 1);
  assert.equal(found?.status, 'warn');
  assert.match(found?.text ?? '', /policy short sets max-length on layerwright\.org\.example\.test\.group\.trigger/);
  const harmless = { ...short, effective_policy_definition: { 'queue-leader-locator': 'balanced' } };
  assert.deepEqual(statuses(queueFindings(page(harmless), ROOT, 1)), ['queues: ok']);
});

test('feature flags that are off are listed', () => {
  const on = { name: 'quorum_queue', state: 'enabled', stability: 'stable' };
  const off = { name: 'stream_queue', state: 'disabled', stability: 'stable' };
  assert.deepEqual(statuses(flagFindings([on, { ...off, stability: 'experimental' }])), ['feature flags: ok']);
  assert.match(flagFindings([on, off])[0]?.text ?? '', /stream_queue/);
});

test('an answer of any shape gives findings and never throws', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json().map((text): unknown => JSON.parse(text)),
        fc.array(fc.object()),
      ),
      (answer) => {
        for (const findings of [nodeFindings(answer), queueFindings(answer, ROOT, 3), flagFindings(answer)]) {
          assert.ok(findings.length > 0);
        }
      },
    ),
  );
});

test('a way in the clear is warned of, unless it stays on the machine', () => {
  const local = ['amqp://127.0.0.1', 'amqp://localhost:5673/x', 'amqp://[::1]', 'amqps://broker.example.org'];
  assert.deepEqual(transportFindings({ urls: local }), []);
  const [found] = transportFindings({ urls: [...local, 'amqp://me:secret@broker.example.org/v'] });
  assert.equal(found?.status, 'warn');
  assert.match(found?.text ?? '', /to amqp:\/\/broker\.example\.org\/v$/);
});
