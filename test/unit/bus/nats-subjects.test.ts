import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { covers, isEverything, overlap, subjectsOf, topicFault } from '../../../src/bus/nats/subjects.js';
import { anyTopic } from '../../../src/kernel/topic-pattern.js';

const word = fc.constantFrom('a', 'b', 'git', 'receive');
const topic = fc.array(word, { minLength: 1, maxLength: 6 }).map((words) => words.join('.'));
const pattern = fc
  .array(fc.oneof({ weight: 3, arbitrary: word }, fc.constantFrom('*', '#')), { minLength: 1, maxLength: 4 })
  .map((words) => words.join('.'));
const patterns = fc.array(pattern, { minLength: 1, maxLength: 3 });
const kept = (subjects: readonly string[], one: string): boolean => subjects.some((subject) => covers(subject, one));

test('what the patterns match, the subjects match', () => {
  fc.assert(
    fc.property(patterns, topic, (some, one) => {
      if (anyTopic(some)(one)) assert.ok(kept(subjectsOf(some), one), `${some} -> ${subjectsOf(some)}: ${one}`);
    }),
    { numRuns: 2_000 },
  );
});

test('no two subjects of a set overlap', () => {
  fc.assert(
    fc.property(patterns, (some) => {
      const subjects = subjectsOf(some);
      for (const [index, subject] of subjects.entries()) {
        for (const other of subjects.slice(index + 1)) assert.ok(!overlap(subject, other), `${subject} and ${other}`);
      }
    }),
  );
});

test('a pattern without wildcards between and at the front is one subject, or two with a # at the end', () => {
  assert.deepEqual(subjectsOf(['org.git.receive']), ['org.git.receive']);
  assert.deepEqual(subjectsOf(['*.git.receive']), ['*.git.receive']);
  assert.deepEqual(subjectsOf(['org.git.#']), ['org.git', 'org.git.>']);
  assert.deepEqual(subjectsOf(['#']), ['>']);
});

test('a # at the front is up to eight words, one in the middle up to five', () => {
  const front = subjectsOf(['#.push']);
  assert.deepEqual([front.length, front[0], front.at(-1)], [9, 'push', '*.*.*.*.*.*.*.*.push']);
  const middle = subjectsOf(['org.#.push']);
  assert.deepEqual([middle.length, middle[0], middle.at(-1)], [6, 'org.push', 'org.*.*.*.*.*.push']);
});

test('what another subject covers is left out; what overlaps in part becomes one', () => {
  assert.deepEqual(subjectsOf(['org.a.push', 'org.*.push']), ['org.*.push']);
  assert.deepEqual(subjectsOf(['*.b', 'a.*']), ['*.*']);
});

test('subjects that overlap are told, and those that are everything', () => {
  assert.ok(overlap('a.*', '*.b'));
  assert.ok(overlap('a.>', 'a.b.c'));
  assert.ok(!overlap('a.>', 'a'));
  assert.ok(!overlap('a.b', 'a.b.c'));
  assert.deepEqual(['>', '*.>', 'a.>', '*.a'].map(isEverything), [true, true, false, false]);
});

test('topics that NATS can’t carry are told why', () => {
  const faults: readonly [string, RegExp | null][] = [
    ['org.example.git.receive', null],
    ['org.exämple.git', null],
    ['with space', /space/],
    ['line\nend', /control/],
    ['', /empty word/],
    ['a..b', /empty word/],
    ['a.*', /wildcard/],
    ['a.>', /wildcard/],
    ['$JS.API.INFO', /own subjects/],
    ['_INBOX.a', /own subjects/],
    ['a'.repeat(256), /255 bytes/],
  ];
  for (const [text, says] of faults) {
    const fault = topicFault(text);
    if (says === null) assert.equal(fault, null, text);
    else assert.match(fault ?? '', says);
  }
});
