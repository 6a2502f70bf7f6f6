import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../../src/kernel/limits.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import {
  CATALOG,
  compose,
  decode,
  encode,
  HEADER,
  MESSAGE_NAMES,
  type Message,
  nameOfTopic,
  parseOurs,
  type RawMessage,
  topicOf,
} from '../../../src/messages/index.js';
import { recorded, recordedNames } from '../../support/recorded.js';
import { oneOfEach, PREFIX, SAMPLE_TIME, sampleBuild } from '../../support/samples.js';

const raw = (content: string | Uint8Array, parts: Partial<RawMessage> = {}): RawMessage => ({
  id: 'id-1',
  topic: 'org.example.git.receive',
  headers: {},
  content: typeof content === 'string' ? Buffer.from(content) : content,
  ...parts,
});

function rawOf(message: Message): RawMessage {
  return { id: message.id, topic: message.topic, headers: message.headers, content: encode(message) };
}

test('every recorded message of other services is decoded to what was sent', () => {
  const names = recordedNames();
  assert.equal(names.length, 249);
  for (const name of names) {
    const message = recorded(name);
    assert.deepEqual(decode(rawOf(message), 'unused'), { ok: true, value: message }, name);
  }
});

test('a message without an id gets the given one', () => {
  const decoded = decode(raw('{}', { id: null }), 'fallback');
  assert.ok(decoded.ok);
  assert.equal(decoded.value.id, 'fallback');
});

const undecodable: readonly [string, string | Uint8Array, string][] = [
  ['bytes that are no UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 'message_not_utf8'],
  ['an empty body', '', 'message_not_json'],
  ['half an object', '{"a":', 'message_not_json'],
  ['an array', '[1]', 'message_not_object'],
  ['a number', '1', 'message_not_object'],
  ['null', 'null', 'message_not_object'],
  ['one byte too many', `{"a":"${'x'.repeat(LIMITS.messageBytes - 7)}"}`, 'message_too_large'],
  ['ten thousand nested arrays', `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 'message_too_deep'],
  ['nested objects that never end', '{"a":'.repeat(200_000), 'message_too_deep'],
];

for (const [what, content, code] of undecodable) {
  test(`${what} is refused with ${code} and a reason`, () => {
    const decoded = decode(raw(content), 'fallback');
    assert.ok(!decoded.ok);
    assert.equal(decoded.error.code, code);
    assert.ok(decoded.error.reason.length > 0 && decoded.error.reason.length < 500);
  });
}

test('the largest body that is allowed is decoded', () => {
  assert.ok(decode(raw(`{"a":"${'x'.repeat(LIMITS.messageBytes - 8)}"}`), 'fallback').ok);
});

test('brackets inside strings are no nesting', () => {
  for (const text of ['['.repeat(500), `\\"${'{'.repeat(500)}`, '\\\\']) {
    assert.ok(decode(raw(`{"a":"${text}"}`), 'fallback').ok, text.slice(0, 10));
  }
});

test('whatever bytes come, decoding answers and never throws', () => {
  const almostJson = fc.json().chain((text) =>
    fc.tuple(fc.constant(Buffer.from(text)), fc.nat(text.length), fc.nat(255)).map(([bytes, at, byte]) => {
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return bytes;
    }),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        almostJson,
        fc.string().map((text) => Buffer.from(text)),
      ),
      (content) => {
        const decoded = decode(raw(content), 'fallback');
        if (decoded.ok) assert.equal(Buffer.from(encode(decoded.value)).byteLength > 0, true);
        else assert.match(decoded.error.code, /^message_/);
      },
    ),
  );
});

test('what is composed comes back the same from the wire, and is read strictly', () => {
  const text = fc.string({ maxLength: 100, unit: 'grapheme' });
  const optional = fc.option(text);
  fc.assert(
    fc.property(text, optional, optional, fc.dictionary(text, text, { maxKeys: 5 }), (branch, agent, reason, args) => {
      const build = sampleBuild({ source: { branch }, cause: { agent, reason }, build_args: args });
      const message = compose({
        prefix: PREFIX,
        name: 'build.requested.v1',
        id: 'some-id',
        body: { build },
        now: SAMPLE_TIME,
        containers: [build.component],
        users: agent === null ? [] : [agent],
      });
      const decoded = decode(rawOf(message), 'unused');
      assert.deepEqual(JSON.parse(JSON.stringify(decoded)), JSON.parse(JSON.stringify({ ok: true, value: message })));
      const ours = decoded.ok ? parseOurs(PREFIX, decoded.value) : null;
      assert.ok(ours?.ok);
      assert.equal(ours.value.name, 'build.requested.v1');
    }),
  );
});

test('every kind of ours has a topic of its own, and the way back', () => {
  const topics = MESSAGE_NAMES.map((name) => topicOf(PREFIX, name));
  assert.equal(new Set(topics).size, MESSAGE_NAMES.length);
  for (const name of MESSAGE_NAMES) assert.equal(nameOfTopic(PREFIX, topicOf(PREFIX, name)), name);
  assert.equal(nameOfTopic(PREFIX, `x.${topicOf(PREFIX, 'build.started.v1')}`), null);
  assert.equal(nameOfTopic('org.example', topicOf(PREFIX, 'build.started.v1')), null);
});

test('one valid message of every kind is composed and read', () => {
  for (const [name, message] of Object.entries(oneOfEach())) {
    const ours = parseOurs(PREFIX, message);
    assert.ok(ours?.ok, name);
    assert.equal(ours.value.name, name);
    assert.deepEqual(ours.value.body, message.body);
  }
});

test('a message of ours that lacks any required member is refused, with the member’s name', () => {
  for (const [name, message] of Object.entries(oneOfEach())) {
    for (const member of Object.keys(message.body)) {
      const { [member]: _gone, ...body } = message.body;
      const ours = parseOurs(PREFIX, { ...message, body });
      assert.ok(ours && !ours.ok, `${name} without ${member}`);
      assert.match(ours.error, new RegExp(`'${member}'`));
    }
  }
});

test('a member that we do not know is let pass: roles one version apart work together', () => {
  for (const message of Object.values(oneOfEach())) {
    assert.ok(parseOurs(PREFIX, { ...message, body: { ...message.body, of_the_next_version: true } })?.ok);
  }
});

test('an invalid message of ours is not composed', () => {
  const build = { ...sampleBuild(), attempt: 0 };
  const parts = { prefix: PREFIX, name: 'build.requested.v1', id: 'x', body: { build }, now: SAMPLE_TIME } as const;
  assert.throws(
    () => compose(parts),
    (thrown) =>
      thrown instanceof ServiceError && thrown.code === 'message_invalid' && /\/build\/attempt/.test(thrown.message),
  );
});

test('a message that is too large is not encoded', () => {
  const message: Message = { id: 'x', topic: 'a', headers: {}, body: { text: 'é'.repeat(LIMITS.messageBytes / 2) } };
  assert.throws(
    () => encode(message),
    (thrown) => thrown instanceof ServiceError && thrown.code === 'message_too_large',
  );
});

test('headers are those that a fedora-messaging client expects', () => {
  const severities = { debug: 10, info: 20, warning: 30, error: 40 };
  for (const name of MESSAGE_NAMES) {
    const { headers } = oneOfEach()[name];
    assert.deepEqual(headers, {
      fedora_messaging_schema: name,
      fedora_messaging_severity: severities[CATALOG[name].severity],
      'sent-at': '2026-11-23T17:15:00+00:00',
      priority: 0,
    });
  }
});

function composeFor(parts: { containers?: string[]; users?: string[]; traceparent?: string | null }): Message {
  const body = { build: sampleBuild() };
  return compose({ prefix: PREFIX, name: 'build.requested.v1', id: 'x', body, now: SAMPLE_TIME, ...parts });
}

test('components, people and the trace are in headers of their own', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const { headers } = composeFor({ containers: ['httpd', 'base/os'], users: ['ralph'], traceparent });
  assert.equal(headers['fedora_messaging_container_httpd'], true);
  assert.equal(headers['fedora_messaging_container_base/os'], true);
  assert.equal(headers['fedora_messaging_user_ralph'], true);
  assert.equal(headers[HEADER.traceparent], traceparent);
  assert.equal(HEADER.traceparent in composeFor({ traceparent: null }).headers, false);
});

test('a name too long for a header of AMQP is left out, the longest that fits is not', () => {
  const longest = 'é'.repeat((255 - HEADER.userPrefix.length - 1) / 2);
  const { headers } = composeFor({ users: [longest, `${longest}éé`] });
  const names = Object.keys(headers).filter((name) => name.startsWith(HEADER.userPrefix));
  assert.deepEqual(names, [HEADER.userPrefix + longest]);
});
