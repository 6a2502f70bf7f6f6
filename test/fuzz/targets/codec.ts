import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isJsonObject, type Json } from '../../../src/kernel/json.js';
import { LIMITS } from '../../../src/kernel/limits.js';
import { ServiceError } from '../../../src/kernel/service-error.js';
import { decode, encode, type Message, nameOfTopic, parseOurs } from '../../../src/messages/index.js';
import { PREFIX } from '../../support/samples.js';
import { damagedJson } from '../json-mutations.js';
import { damagedBytes } from '../mutations.js';
import { messagesOfOurs, recordedMessages } from '../samples.js';
import { fuzzTarget } from '../target.js';

const CODES = /^message_(too_large|too_deep|not_utf8|not_json|not_object)$/;
const DEEP = [10, 99, 100, 101, 5_000, 200_000];

export const codec = fuzzTarget({
  name: 'codec',
  about: 'any bytes are a message or are refused with a code; a message comes back from its bytes as it was',
  inputs: () => {
    const ours = messagesOfOurs();
    const bodies = [...ours, ...recordedMessages()].map(({ body }) => body);
    const topics = [
      ...ours.map(({ topic }) => topic),
      'org.example.git.receive',
      '',
      '__proto__',
      `${PREFIX}.container.`,
    ];
    return fc.record({
      topic: fc.constantFrom(...topics),
      id: fc.option(fc.string({ unit: 'binary', minLength: 1 })),
      content: fc.oneof(
        { weight: 6, arbitrary: damagedJson(bodies).map(bytesOf) },
        { weight: 6, arbitrary: damagedBytes(bodies.map((body) => JSON.stringify(body))) },
        { weight: 2, arbitrary: fc.json().map((text) => Buffer.from(text)) },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
        { weight: 1, arbitrary: fc.constantFrom(...DEEP).map((depth) => Buffer.from(`{"a":${'['.repeat(depth - 1)}`)) },
      ),
    });
  },
  check({ topic, id, content }) {
    const decoded = decode({ id, topic, headers: {}, content }, 'fallback');
    if (!decoded.ok) {
      assert.match(decoded.error.code, CODES);
      assert.ok(decoded.error.reason.length < 400);
      return;
    }
    const message = decoded.value;
    assert.equal(message.id, id ?? 'fallback');
    assert.ok(isJsonObject(message.body));
    assert.equal(Object.getPrototypeOf(message.body), Object.prototype);
    comesBack(message);
    isOursOrNot(message);
  },
});

/** What JSON itself can't hold apart is the same: -0 and 0; a number beyond all numbers and null. */
function comesBack(message: Message): void {
  let content: Buffer;
  try {
    content = encode(message);
  } catch (thrown) {
    // Escapes may make it longer.
    assert.ok(thrown instanceof ServiceError && thrown.code === 'message_too_large');
    return;
  }
  assert.ok(content.byteLength <= LIMITS.messageBytes);
  const back = decode({ ...message, content }, 'other');
  assert.ok(back.ok);
  assert.deepEqual({ ...back.value, body: plain(back.value.body) }, { ...message, body: plain(message.body) });
  assert.deepEqual(encode(back.value), content, 'writing it again gives the same bytes');
}

function plain(value: Json | undefined): unknown {
  return JSON.parse(JSON.stringify(value));
}

function isOursOrNot(message: Message): void {
  const name = nameOfTopic(PREFIX, message.topic);
  const before = JSON.stringify(message.body);
  const parsed = parseOurs(PREFIX, message);
  assert.equal(parsed === null, name === null);
  assert.equal(JSON.stringify(message.body), before, 'reading changes nothing');
  if (parsed?.ok) assert.equal(parsed.value.name, name);
  else if (parsed !== null) assert.notEqual(parsed.error, '');
}

/** A value that is nested too deep to be written is sent as the brackets that it is. */
function bytesOf(value: Json): Buffer {
  try {
    return Buffer.from(JSON.stringify(value));
  } catch {
    return Buffer.from(`{"deep":${'['.repeat(20_000)}${']'.repeat(20_000)}}`);
  }
}
