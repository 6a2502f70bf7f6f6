/** Inputs that are almost right: real texts, damaged. */
import fc from 'fast-check';

/** What parsers stumble over, whatever they parse. */
export const ODD_TEXTS: readonly string[] = [
  ...['', ' ', '\t', '\n', '\r', '\r\n', '\0', '\u0085', '\u00a0', '\u2028', '\ufeff', '\u202e', '\ud800', '\udfff'],
  ...[
    'é',
    'e\u0301',
    'ß',
    'İ',
    '日本',
    '👩‍👩‍👧',
    '\u{10ffff}',
    '%00',
    '%2e%2e%2f',
    '../',
    './',
    '//',
    '/',
    '\\',
    '\\\\',
  ],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'length', 'then'],
  ...[
    'null',
    'true',
    '0',
    '-0',
    '-1',
    '1e400',
    '1e-400',
    '9007199254740993',
    '0x10',
    'NaN',
    '00',
    '1.10',
    '0'.repeat(40),
  ],
  ...[
    '"',
    "'",
    '`',
    '$',
    '${',
    '}',
    '{',
    '[',
    ']',
    '(',
    ')',
    '<',
    '>',
    '<<',
    '*',
    '**',
    '#',
    '!',
    '&',
    '|',
    ':',
    ';',
    '=',
  ],
  ...['-', '--', '-u', '--upload-pack=x', '@', '@{', '..', '.lock', ',', '?', '~', '^', '%', 'a'.repeat(300)],
];

interface Edit {
  readonly kind: 'cut' | 'insert' | 'repeat' | 'swap' | 'end' | 'splice' | 'flip';
  /** Where, and how much: parts of the whole. */
  readonly at: number;
  readonly to: number;
  readonly times: number;
  readonly odd: string;
}

const PARTS = 1_000;
/** So long a text gets at most. */
const MAX_LENGTH = 200_000;

function edits(odd: readonly string[]): fc.Arbitrary<readonly Edit[]> {
  const edit = fc.record({
    kind: fc.constantFrom<Edit['kind']>('cut', 'insert', 'insert', 'repeat', 'swap', 'end', 'splice', 'flip'),
    at: fc.nat(PARTS),
    to: fc.nat(PARTS),
    times: fc.oneof({ weight: 40, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.constantFrom(50, 500, 5_000) }),
    odd: fc.constantFrom(...odd),
  });
  return fc.array(edit, { maxLength: 4 });
}

/** One of the texts with some edits; `odd` is inserted beside what parsers stumble over. Now and then as it is. */
export function damagedText(texts: readonly string[], odd: readonly string[] = []): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...texts), fc.constantFrom(...texts), edits([...ODD_TEXTS, ...odd, ...odd]))
    .map(([text, other, list]) => list.reduce((now, edit) => applied(now, other, edit), text));
}

/** The same for bytes: also what is no UTF-8. */
export function damagedBytes(texts: readonly string[], odd: readonly string[] = []): fc.Arbitrary<Buffer> {
  const latin = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
  return damagedText(texts.map(latin), odd.map(latin)).map((text) => Buffer.from(text, 'latin1'));
}

function applied(text: string, other: string, { kind, at, to, times, odd }: Edit): string {
  const place = (share: number, length: number): number => Math.floor((share / PARTS) * length);
  const from = place(at, text.length);
  const until = Math.min(text.length, from + place(to, Math.min(text.length, 80)));
  switch (kind) {
    case 'cut':
      return text.slice(0, from) + text.slice(until);
    case 'insert':
      return text.slice(0, from) + odd.repeat(Math.min(times + 1, 5_000)).slice(0, MAX_LENGTH) + text.slice(from);
    case 'repeat':
      return (text.slice(0, from) + text.slice(from, until).repeat(times) + text.slice(from)).slice(0, MAX_LENGTH);
    case 'swap':
      return text.slice(0, from) + odd + text.slice(until);
    case 'end':
      return text.slice(0, from);
    case 'splice':
      return text.slice(0, from) + other.slice(place(to, other.length));
    case 'flip':
      return from >= text.length
        ? text
        : text.slice(0, from) + String.fromCharCode(text.charCodeAt(from) ^ (1 << (times % 8))) + text.slice(from + 1);
  }
}
