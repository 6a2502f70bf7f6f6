import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isJsonObject } from '../../../src/kernel/json.js';
import { formatDump, parseDumpLine } from '../../../src/messages/index.js';
import { damagedText } from '../mutations.js';
import { messagesOfOurs, recordedMessages } from '../samples.js';
import { fuzzTarget } from '../target.js';

const WORDS = [
  '"id":null',
  '"id":1e400',
  '"id":-0',
  '"headers":[]',
  '"body":{}',
  '"topic":"a"',
  '"__proto__":',
  ',',
  '}{',
];

export const dump = fuzzTarget({
  name: 'dump',
  about: 'any line of a dump is a message or is refused in words; a message comes back from its line as it was',
  inputs: () => {
    const lines = [...messagesOfOurs(), ...recordedMessages()].map(formatDump);
    return fc.oneof(
      { weight: 8, arbitrary: damagedText(lines, WORDS) },
      { weight: 1, arbitrary: fc.json() },
      { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    );
  },
  check(line) {
    const parsed = parseDumpLine(line);
    assert.deepEqual(parseDumpLine(line), parsed, 'the same line is the same message');
    if (!parsed.ok) {
      assert.match(parsed.error, /^(has|is) /);
      assert.ok(parsed.error.length < 200);
      return;
    }
    const { id, topic, headers, body } = parsed.value;
    assert.ok(id !== '' && Buffer.byteLength(id) <= 255);
    assert.ok(topic !== '' && Buffer.byteLength(topic) <= 255);
    assert.ok(isJsonObject(headers) && isJsonObject(body));
    const written = formatDump(parsed.value);
    assert.equal(written.includes('\n'), false);
    const back = parseDumpLine(written);
    assert.ok(back.ok, 'what was written can be read');
    assert.equal(formatDump(back.value), written);
    assert.equal(back.value.id, id);
    assert.equal(back.value.topic, topic);
  },
});
