import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { painter } from '../../../src/cli/render/colour.js';
import { table } from '../../../src/cli/render/table.js';
import { ago, bytes, duration, safe, safeOutput } from '../../../src/cli/render/text.js';

describe('text for people', () => {
  it('says durations in the unit that fits', () => {
    const said = [0, 85, 999, 1_000, 12_345, 59_949, 59_950, 125_000, 3_599_400, 3_600_000, 3_725_000].map(duration);
    assert.deepEqual(said, [
      '0 ms',
      '85 ms',
      '999 ms',
      '1.0 s',
      '12.3 s',
      '59.9 s',
      '1 m 00 s',
      '2 m 05 s',
      '59 m 59 s',
      '1 h 00 m',
      '1 h 02 m',
    ]);
  });

  it('says bytes in powers of 1024', () => {
    assert.deepEqual([0, 1_023, 1_536, 5 * 1024 ** 3].map(bytes), ['0 B', '1023 B', '1.5 KiB', '5.0 GiB']);
  });

  it('says how long ago, and never that something is to come', () => {
    const now = new Date('2026-11-23T10:00:00Z');
    assert.equal(ago('2026-11-23T09:59:30Z', now), '30 s ago');
    assert.equal(ago('2026-11-23T07:00:00Z', now), '3 h ago');
    assert.equal(ago('2026-11-23T10:00:09Z', now), '0 s ago');
  });

  it('never lets a stranger steer the terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        assert.doesNotMatch(safe(text), /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/);
        assert.ok(!safeOutput(text, false).includes('\u001b'));
      }),
    );
  });

  it('keeps the colours of build output where colours are wanted, and nothing else of it', () => {
    const line = '\u001b[31mred\u001b[0m \u001b[2Jgone\r';
    assert.equal(safeOutput(line, true), '\u001b[31mred\u001b[0m ?[2Jgone\u001b[0m');
    assert.equal(safeOutput(line, false), 'red ?[2Jgone');
  });

  it('paints only where colours are wanted', () => {
    assert.equal(painter(false)('red', 'x'), 'x');
    assert.equal(painter(true)('red', 'x'), '\u001b[31mx\u001b[0m');
  });
});

describe('a table', () => {
  const columns = [{ title: 'BUILD' }, { title: 'COMPONENT', flexible: true }, { title: 'WHY', flexible: true }];
  const rows = [['1a2b3c4d', 'httpd', 'a sentence that is too long for a narrow terminal, so its end is cut away']];

  it('is as wide as what it holds', async () => {
    assert.deepEqual((await table(columns, [['1a2b3c4d', 'httpd', 'no']], 100)).split('\n'), [
      'BUILD     COMPONENT  WHY',
      '1a2b3c4d  httpd      no',
    ]);
  });

  it('fits the terminal, and breaks no row', async () => {
    const lines = (await table(columns, rows, 50)).split('\n');
    assert.equal(lines.length, 2);
    for (const line of lines) assert.ok(line.length <= 50, line);
    assert.match(lines[1] ?? '', /^1a2b3c4d {2}httpd .*…$/);
  });
});
