import assert from 'node:assert/strict';
import fc from 'fast-check';
import { withoutEnd } from '../../../src/kernel/text.js';
import { redactText } from '../../../src/observability/redact.js';
import { lastSegment } from '../../../src/trigger/decide/dist-git.js';
import { fuzzTarget } from '../target.js';

const UNITS = [
  'a',
  'A-',
  '0',
  ' ',
  '\t',
  '/',
  '.',
  ':',
  '@',
  '://',
  'a://',
  'a/',
  'Basic ',
  'Bearer a',
  '"',
  '\\',
  'é',
  '\u{1f433}',
];
/** Characters of a text that a message may carry, and of one that is compared with the plain way. */
const [LONG, SHORT] = [1_000_000, 2_000];

/** One thing again and again, now and then as often as a message can carry it. */
const runs = fc
  .tuple(
    fc.constantFrom(...UNITS),
    fc.oneof({ weight: 200, arbitrary: fc.nat(SHORT) }, { weight: 1, arbitrary: fc.nat(LONG) }),
  )
  .map(([unit, length]) => unit.repeat(Math.ceil(length / unit.length)));

export const text = fuzzTarget({
  name: 'text',
  about: 'of any text of a stranger a line for people is made, without its logins',
  inputs: () => fc.array(runs, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
  check(stranger) {
    const told = redactText(`https://ralph:hunter2@h ${stranger}`);
    assert.ok(!told.includes('hunter2') && told.length < 17_000);
    assert.ok(!redactText(`${stranger.slice(-SHORT)}://ralph:hunter2@h`).includes('hunter2'));
    const bare = withoutEnd(stranger, /\//);
    assert.ok(!bare.endsWith('/') && stranger.startsWith(bare));
    if (stranger.length < SHORT) assert.equal(bare, stranger.replace(/\/+$/, ''));
    assert.ok(!(lastSegment(stranger) ?? '').includes('/'));
  },
});
