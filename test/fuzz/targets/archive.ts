import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatDump, parseDumpLine } from '../../../src/messages/index.js';
import { readPage } from '../../../src/replay/archive-page.js';
import { damagedText } from '../mutations.js';
import { recordedMessages } from '../samples.js';
import { fuzzTarget } from '../target.js';

const WORDS = [
  '"raw_messages":',
  '"total":-1',
  '"pages":1e99',
  '"msg_id":',
  '"msg":{}',
  '"timestamp":1e300',
  '[',
  '}{',
];

/** Answers as both generations of datagrepper give them. */
function answers(): readonly string[] {
  return recordedMessages().map((message) => {
    const { id, topic, body } = message;
    const old = { msg_id: id, topic, msg: body, timestamp: 1_700_000_000 };
    return `{"raw_messages":[${formatDump(message)},${JSON.stringify(old)}],"total":2,"pages":1,"count":2}`;
  });
}

export const archive = fuzzTarget({
  name: 'archive',
  about: 'any JSON of an archive is a page of messages that a broker can carry, or is refused in words',
  inputs: () => fc.oneof({ weight: 8, arbitrary: damagedText(answers(), WORDS) }, { weight: 1, arbitrary: fc.json() }),
  check(text) {
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      return;
    }
    const page = readPage(answer);
    if (!page.ok) {
      assert.match(page.error, /^answers /);
      return;
    }
    const { found, bad, rows } = page.value;
    assert.equal(found.length + bad.length, rows);
    for (const { message, at } of found) {
      assert.ok(at === null || !Number.isNaN(at.getTime()));
      assert.ok(parseDumpLine(formatDump(message)).ok);
    }
    for (const { reason } of bad) assert.match(reason, /^(has|is) /);
  },
});
