import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { anyTopic, topicPattern } from '../../../src/kernel/topic-pattern.js';

/** The rule of AMQP 0-9-1, written down as plainly as it can be; it takes far too long on long topics. */
function matches(pattern: readonly string[], topic: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return topic.length === 0;
  if (first === '#') return matches(rest, topic) || (topic.length > 0 && matches(pattern, topic.slice(1)));
  return topic.length > 0 && (first === '*' || first === topic[0]) && matches(rest, topic.slice(1));
}

/** Few words, so that they often meet; the odd ones look like wildcards and are none. */
const word = fc.constantFrom('a', 'b', 'git', 'a*', '#x', '');
const topics = fc.array(word, { minLength: 1, maxLength: 7 });
const patterns = fc.array(fc.oneof(word, fc.constantFrom('*', '#')), { minLength: 1, maxLength: 7 });

test('a pattern matches what the plain rule matches, and nothing else', () => {
  fc.assert(
    fc.property(patterns, topics, (pattern, topic) => {
      assert.equal(topicPattern(pattern.join('.')).matches(topic.join('.')), matches(pattern, topic));
    }),
    { numRuns: 5_000 },
  );
});

test('several patterns match what one of them matches', () => {
  fc.assert(
    fc.property(fc.array(patterns, { maxLength: 4 }), topics, (several, topic) => {
      const any = anyTopic(several.map((pattern) => pattern.join('.')));
      assert.equal(
        any(topic.join('.')),
        several.some((pattern) => matches(pattern, topic)),
      );
    }),
    { numRuns: 2_000 },
  );
});

test('`*` is one word and `#` any number, none included', () => {
  const cases: readonly [string, string, boolean][] = [
    ['#', 'a', true],
    ['#', 'a.b.c', true],
    ['#.git.receive', 'git.receive', true],
    ['#.git.receive', 'org.example.git.receive', true],
    ['#.git.receive', 'org.example.git.receive.more', false],
    ['*.git.receive', 'git.receive', false],
    ['a.#.b', 'a.b', true],
    ['a.*.b', 'a.b', false],
    ['a.*', 'a.b', true],
    ['a.b', 'a.b', true],
    ['a.b', 'a.bc', false],
  ];
  for (const [pattern, topic, expected] of cases) {
    assert.equal(topicPattern(pattern).matches(topic), expected, `${pattern} on ${topic}`);
  }
});

test('a pattern of many wildcards on a long topic takes no long time', () => {
  const begun = performance.now();
  const pattern = topicPattern(`${Array(60).fill('#').join('.')}.end`);
  assert.equal(pattern.matches(Array(60).fill('a').join('.')), false);
  assert.ok(performance.now() - begun < 1_000);
});
