import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { headers as natsHeaders } from 'nats';
import { namesOf, token } from '../../../src/bus/nats/names.js';
import { placeOfReply } from '../../../src/bus/nats/place.js';
import { AT_ONCE, duplicateKey, earlyBy, fromCarried, toHeaders } from '../../../src/bus/nats/wire.js';
import type { Headers } from '../../../src/messages/index.js';

const SUBJECT = 'org.example.git.receive';
const DATA = Buffer.from('{}');
const DUE = { at: 1_700_000_000_000, waitMs: 5_000 };

/** Through the bytes that travel, as the client writes and reads them. */
function travel(id: string | null, headers: Headers) {
  const written = toHeaders({ id, headers });
  const read = natsHeaders();
  for (const line of written.toString().split('\r\n').slice(1)) {
    const at = line.indexOf(':');
    if (at > 0) read.append(line.slice(0, at), line.slice(at + 1).trim());
  }
  return fromCarried({ subject: SUBJECT, headers: read, data: DATA }, false).raw;
}

test('headers and id come back as they were, whatever they are', () => {
  const value = fc.jsonValue({ maxDepth: 3, noUnicodeString: false });
  const name = fc.oneof(
    fc.constantFrom('sent-at', 'message_id', 'Nats-Msg-Id', 'x-layerwright-topic', '__proto__', 'ü', 'a b', ''),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'binary' }), fc.dictionary(name, value), (id, headers) => {
      const plain = JSON.parse(JSON.stringify(headers)) as Headers;
      const raw = travel(id, plain);
      assert.deepEqual({ ...raw.headers }, { ...plain });
      assert.equal(raw.id, id);
    }),
    { numRuns: 1_000 },
  );
});

test('texts go as they are, unless they would be read as something else', () => {
  const sent = toHeaders({
    id: 'one',
    headers: { at: '2026-11-23T17:15:00+00:00', number: 10, digits: '10', flag: true, word: 'true', lines: 'a\nb' },
  });
  assert.deepEqual(Object.fromEntries([...sent].map(([name, [value]]) => [name, value])), {
    message_id: 'one',
    at: '2026-11-23T17:15:00+00:00',
    number: '10',
    digits: '"10"',
    flag: 'true',
    word: '"true"',
    lines: '"a\\nb"',
  });
});

test('marks of copies are believed in our own streams only', () => {
  const marked = toHeaders({ id: 'one', headers: {} }, { topic: 'org.other', retries: 3, due: DUE });
  const carried = { subject: SUBJECT, headers: marked, data: DATA };
  const copy = fromCarried(carried, true);
  assert.deepEqual([copy.raw.topic, copy.retries, copy.due], ['org.other', 3, DUE]);
  const stranger = fromCarried(carried, false);
  assert.deepEqual([stranger.raw.topic, stranger.retries, stranger.due], [SUBJECT, 0, AT_ONCE]);
  assert.deepEqual(stranger.raw.headers, {});
});

test('a retry that was made under another clock waits once, for as long as was asked', () => {
  const hour = 3_600_000;
  const { at, waitMs } = DUE;
  assert.equal(earlyBy(DUE, 1, at - 5_000), 5_000);
  assert.equal(earlyBy(DUE, 2, at - 2_000), 2_000, 'given back too early by a server that was restarted');
  assert.equal(earlyBy(DUE, 1, at), 0);
  assert.equal(earlyBy(DUE, 1, at + hour), 0, 'the clock was set forward');
  assert.equal(earlyBy(DUE, 1, at - hour), waitMs, 'the clock was set back');
  assert.equal(earlyBy(DUE, 2, at - hour), 0);
  assert.equal(earlyBy({ at, waitMs: Number.POSITIVE_INFINITY }, 3, at - hour), hour, 'of an older program');
  assert.equal(earlyBy(AT_ONCE, 1, at), 0);
});

test('a stranger’s message has the id that it has for NATS, several values of a header are a list, none is none', () => {
  const headers = natsHeaders();
  headers.set('Nats-Msg-Id', 'stranger');
  headers.append('many', 'one');
  headers.append('many', '2');
  const { raw } = fromCarried({ subject: SUBJECT, headers, data: DATA }, false);
  assert.equal(raw.id, 'stranger');
  assert.deepEqual(raw.headers, { many: ['one', 2] });
  assert.deepEqual(fromCarried({ subject: SUBJECT, data: DATA }, false).raw.id, null);
});

test('a header that nests without end stays text', () => {
  const headers = natsHeaders();
  const deep = '['.repeat(5_000) + ']'.repeat(5_000);
  headers.set('deep', deep);
  assert.equal(fromCarried({ subject: SUBJECT, headers, data: DATA }, false).raw.headers['deep'], deep);
});

test('the duplicate key is the id, and another one with `again`', () => {
  assert.equal(duplicateKey('one', undefined), 'one');
  assert.equal(duplicateKey('one', 'sweep'), 'one:sweep');
  assert.doesNotMatch(duplicateKey('line\nend', 'a'), /\n/);
});

test('a delivery’s place is read from its reply subject, of old servers and new ones', () => {
  const place = {
    stream: 'S',
    seq: 7,
    delivered: 1,
    delivery: 3,
    storedNs: '1700000000123456789',
    storedMs: 1_700_000_000_123,
    pending: 5,
  };
  assert.deepEqual(placeOfReply('$JS.ACK.S.C.1.7.3.1700000000123456789.5'), place);
  assert.deepEqual(placeOfReply('$JS.ACK.hub.account.S.C.1.7.3.1700000000123456789.5.random'), place);
  for (const other of [undefined, '', '_INBOX.a.b', '$JS.ACK.S']) assert.equal(placeOfReply(other), null);
});

test('names hold no character that NATS gives a meaning, and differ where the prefixes do', () => {
  assert.equal(namesOf('org.example_test.prod').ours, 'LW-org_example__test_prod-ours');
  assert.equal(token('with space/*>'), 'with=20space=2f=2a=3e');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => /^[A-Za-z0-9_=-]*$/.test(token(text))));
});
