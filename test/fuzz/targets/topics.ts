import assert from 'node:assert/strict';
import fc from 'fast-check';
import { globMatches } from '../../../src/kernel/glob.js';
import { anyTopic, topicPattern } from '../../../src/kernel/topic-pattern.js';
import { fuzzTarget } from '../target.js';

/** Few words, so that they often meet; some look like wildcards and are none. */
const WORDS = ['a', 'b', 'git', 'receive', 'a*', '#x', '', '__proto__', 'é'];
const PIECES = ['a', 'b', 'ab', '*', '**', 'a*', '*b', 'a*b*', '', '.', 'x', '***'];

export const topics = fuzzTarget({
  name: 'topics',
  about: 'patterns of topics and of names match what the plain rule matches, and nothing else',
  inputs: () =>
    fc.record({
      patterns: fc.array(words(fc.constantFrom(...WORDS, '*', '#', '#')), { minLength: 1, maxLength: 4 }),
      topic: words(fc.constantFrom(...WORDS)),
      glob: fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 }),
      name: fc.array(fc.constantFrom('a', 'b', 'ab', 'aab', 'x', '', 'axb'), { minLength: 1, maxLength: 6 }),
    }),
  check({ patterns, topic, glob, name }) {
    const expected = patterns.map((pattern) => follows(pattern, topic, fitsWord, '#'));
    for (const [index, pattern] of patterns.entries()) {
      const compiled = topicPattern(pattern.join('.'));
      assert.equal(compiled.matches(topic.join('.')), expected[index], `${pattern.join('.')} on ${topic.join('.')}`);
    }
    assert.equal(anyTopic(patterns.map((pattern) => pattern.join('.')))(topic.join('.')), expected.includes(true));
    assert.equal(
      globMatches(glob.join('/'), name.join('/')),
      follows(glob, name, fitsSegment, '**'),
      `${glob.join('/')} on ${name.join('/')}`,
    );
  },
});

/** Mostly short, now and then longer than any real one. */
function words(word: fc.Arbitrary<string>): fc.Arbitrary<string[]> {
  return fc.oneof(
    { weight: 20, arbitrary: fc.array(word, { minLength: 1, maxLength: 8 }) },
    { weight: 1, arbitrary: fc.array(word, { minLength: 20, maxLength: 120 }) },
  );
}

/** The rule as it is written, from the end backwards: does the pattern from i fit the words from j? */
function follows(
  pattern: readonly string[],
  given: readonly string[],
  fits: (pattern: string, word: string) => boolean,
  any: string,
): boolean {
  let after = [...given.map(() => false), true];
  for (let i = pattern.length - 1; i >= 0; i -= 1) {
    const word = pattern[i] ?? '';
    const now: boolean[] = Array<boolean>(given.length + 1).fill(false);
    for (let j = given.length; j >= 0; j -= 1) {
      now[j] =
        word === any
          ? after[j] === true || now[j + 1] === true
          : j < given.length && fits(word, given[j] ?? '') && after[j + 1] === true;
    }
    after = now;
  }
  return after[0] === true;
}

function fitsWord(pattern: string, word: string): boolean {
  return pattern === '*' || pattern === word;
}

/** `*` is any run of characters. The pieces are short: a regular expression with few stars is quick. */
function fitsSegment(pattern: string, segment: string): boolean {
  const plain = pattern.split('*').map((part) => part.replace(/[^a-z0-9]/g, '\\$&'));
  return new RegExp(`^${plain.join('.*')}$`, 's').test(segment);
}
