import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDump, parseDumpLine } from '../../../src/messages/index.js';
import { recorded, recordedNames } from '../../support/recorded.js';
import { oneOfEach, requested } from '../../support/samples.js';

test('a message of ours and a recorded one come back the same from a dump', () => {
  const messages = [...Object.values(oneOfEach()), ...recordedNames().map(recorded)];
  for (const message of messages) {
    const line = formatDump(message);
    assert.equal(line.includes('\n'), false);
    const back = parseDumpLine(line);
    const id = typeof message.id === 'number' ? String(message.id) : message.id;
    assert.deepEqual(back, { ok: true, value: { ...message, id } });
  }
});

test('a line has the members that fedora-messaging writes, in its order', () => {
  const line = JSON.parse(formatDump({ id: 'i', topic: 't', headers: { priority: 3 }, body: { a: 1 } })) as object;
  assert.deepEqual(Object.entries(line), [
    ['body', { a: 1 }],
    ['headers', { priority: 3 }],
    ['id', 'i'],
    ['priority', 3],
    ['queue', null],
    ['topic', 't'],
  ]);
});

test('the recorded files themselves, made one line, are read as dumps', () => {
  for (const name of recordedNames()) {
    const text = readFileSync(new URL(`../../fixtures/messages/${name}`, import.meta.url), 'utf8');
    const parsed = parseDumpLine(JSON.stringify(JSON.parse(text)));
    assert.ok(parsed.ok, name);
    assert.deepEqual(parsed.value.body, recorded(name).body);
  }
});

test('a line without an id gets one that is the same each time and another for another line', () => {
  const idOf = (line: string): string => {
    const parsed = parseDumpLine(line);
    assert.ok(parsed.ok);
    return parsed.value.id;
  };
  const line = '{"topic":"a","body":{"n":1}}';
  assert.equal(idOf(line), idOf(`${line}\n`));
  assert.notEqual(idOf(line), idOf('{"topic":"a","body":{"n":2}}'));
  assert.equal(idOf('{"topic":"a","body":{},"id":12}'), '12');
});

const refused: readonly [string, string, RegExp][] = [
  ['nothing', '', /no JSON object/],
  ['no JSON', 'topic: a', /no JSON object/],
  ['an array', '[]', /no JSON object/],
  ['no topic', '{"body":{}}', /no topic/],
  ['an empty topic', '{"topic":"","body":{}}', /no topic/],
  ['a topic that no broker carries', `{"topic":"${'a'.repeat(256)}","body":{}}`, /topic of more/],
  ['no body', '{"topic":"a"}', /no body/],
  ['a body that is a list', '{"topic":"a","body":[]}', /no body/],
  ['headers that are a text', '{"topic":"a","body":{},"headers":"x"}', /headers/],
  ['an id that is a list', '{"topic":"a","body":{},"id":[]}', /an id/],
  ['an empty id', '{"topic":"a","body":{},"id":""}', /an id/],
  ['nesting without end', `{"topic":"a","body":${'{"a":'.repeat(50_000)}`, /too deep/],
  ['more than a message can have', `{"topic":"a","body":{"a":"${'x'.repeat(3_000_000)}"}}`, /characters/],
];

for (const [what, line, reason] of refused) {
  test(`a line with ${what} is refused with a reason`, () => {
    const parsed = parseDumpLine(line);
    assert.ok(!parsed.ok);
    assert.match(parsed.error, reason);
  });
}

test('whatever text comes, reading a line answers and never throws', () => {
  const good = formatDump(requested());
  const cut = fc.nat(good.length).map((at) => good.slice(0, at));
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), cut), (text) => typeof parseDumpLine(text).ok === 'boolean'));
});
