/**
 * AMQP's topic patterns as NATS subjects. NATS has `*` (one word) and a last `>` (one word or more), so `#` becomes
 * several subjects, up to a bound of words. Pure.
 */

/** The most words that a `#` at the front of a pattern stands for, and one between words. */
const FRONT_WORDS = 8;
const MIDDLE_WORDS = 5;

/** Longest subject that we publish to, in bytes; AMQP's topics have the same bound. */
const MAX_SUBJECT_BYTES = 255;

/** Subjects that together match what a pattern matches (within the bounds); none overlaps another. */
export function subjectsOf(patterns: readonly string[]): string[] {
  return disjoint(patterns.flatMap(expand));
}

/** Why no message can have this topic on NATS; null when one can. The sentence's end, as `has an empty word`. */
export function topicFault(topic: string): string | null {
  if (Buffer.byteLength(topic) > MAX_SUBJECT_BYTES) return `has more than ${MAX_SUBJECT_BYTES} bytes`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\s\u0000-\u001f\u007f]/.test(topic)) return 'has a space or a control character';
  const words = topic.split('.');
  if (words.some((word) => word === '')) return 'has an empty word';
  if (words.some((word) => word === '*' || word === '>')) return 'has a wildcard';
  if (isInternal(topic)) return 'begins as NATS’ own subjects do';
  return null;
}

/** Subjects of NATS itself. A stream of git topics that begin with `*` may keep some, which are no messages. */
export function isInternal(subject: string): boolean {
  return subject.startsWith('$') || subject.startsWith('_INBOX');
}

/** Whether everything that `narrow` matches is matched by `wide`. */
export function covers(wide: string, narrow: string): boolean {
  const [a, b] = [wide.split('.'), narrow.split('.')];
  for (const [index, word] of a.entries()) {
    const other = b[index];
    if (other === undefined) return false;
    if (word === '>') return true;
    if (other === '>' || (word !== '*' && word !== other)) return false;
  }
  return a.length === b.length;
}

/** Whether some subject is matched by both. */
export function overlap(one: string, two: string): boolean {
  const [a, b] = [one.split('.'), two.split('.')];
  for (let index = 0; ; index += 1) {
    const [x, y] = [a[index], b[index]];
    if (x === undefined || y === undefined) return x === y;
    if (x === '>' || y === '>') return true;
    if (x !== y && x !== '*' && y !== '*') return false;
  }
}

/** Whether a subject takes in everything, whatever its first words: no stream may have it. */
export function isEverything(subject: string): boolean {
  const words = subject.split('.');
  return words.at(-1) === '>' && words.slice(0, -1).every((word) => word === '*');
}

function expand(pattern: string): string[] {
  const words = pattern.split('.').filter((word, index, all) => word !== '#' || all[index - 1] !== '#');
  if (words.some((word) => word !== '*' && word !== '#' && topicFault(word) !== null)) return [];
  if (words.length === 1 && words[0] === '#') return ['>'];
  let heads: string[][] = [[]];
  for (const [index, word] of words.entries()) {
    if (word !== '#') heads = heads.map((head) => [...head, word]);
    else if (index === words.length - 1) heads = heads.flatMap((head) => [head, [...head, '>']]);
    else heads = heads.flatMap((head) => starred(head, index === 0 ? FRONT_WORDS : MIDDLE_WORDS));
  }
  return heads.map((head) => head.join('.'));
}

function starred(head: readonly string[], most: number): string[][] {
  return Array.from({ length: most + 1 }, (_, count) => [...head, ...Array<string>(count).fill('*')]);
}

/** Leaves out what another covers; two that overlap in part become one that covers both. */
function disjoint(subjects: readonly string[]): string[] {
  const done: string[] = [];
  const waiting = [...subjects];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const subject = next;
    if (done.some((other) => covers(other, subject))) continue;
    const at = done.findIndex((other) => overlap(other, subject));
    if (at === -1) done.push(subject);
    else waiting.push(...done.splice(at, 1).map((other) => joined(other, subject)));
  }
  return done;
}

/** The narrowest subject that covers two. */
function joined(one: string, two: string): string {
  if (covers(two, one)) return two;
  const [a, b] = [one.split('.'), two.split('.')];
  const words: string[] = [];
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [x, y] = [a[index], b[index]];
    if (x === undefined || y === undefined || x === '>' || y === '>') return [...words, '>'].join('.');
    words.push(x === y ? x : '*');
  }
  return words.join('.');
}
