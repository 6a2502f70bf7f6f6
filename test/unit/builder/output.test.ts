import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { cleanLine, outputState, takeLine } from '../../../src/builder/decide/output.js';

describe('the output of a build', () => {
  test('is kept until the limit, said once to be cut, and counted on', () => {
    let state = outputState(10);
    const kept = ['abcd', 'efgh', 'i', 'j'].map((text) => {
      const step = takeLine(state, text);
      state = step.state;
      return step.lines;
    });
    assert.deepEqual(kept, [['abcd'], ['efgh'], ['[output over 10 bytes (limits.output): the rest is not kept]'], []]);
    assert.equal(state.bytes, 14);
  });

  test('has no holes: after a line that did not fit, none is kept', () => {
    const over = takeLine(outputState(3), 'abcdef').state;
    assert.deepEqual(takeLine(over, 'a').lines, []);
  });

  test('counts bytes of UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), (text) => {
        const { state, lines } = takeLine(outputState(10_000), text);
        assert.equal(state.bytes, Buffer.byteLength(lines[0] ?? '') + 1);
      }),
    );
  });

  test('is shown as a terminal would leave it, without control characters', () => {
    assert.equal(cleanLine('10%\r50%\r100%\r\n'), '100%');
    assert.equal(cleanLine('\u001b[1;31mred\u001b[0m\tx\u0007\u009b'), 'red\tx');
    assert.equal(cleanLine('\u001b]0;title\u0007text'), 'text');
    assert.equal(cleanLine('\t[INFO] x'), '\t[INFO] x');
    assert.equal(cleanLine(''), '');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const character of cleanLine(text)) assert.ok(character === '\t' || !/\p{Cc}/u.test(character));
      }),
    );
  });

  test('cuts a long line and says by how much', () => {
    assert.equal(cleanLine('x'.repeat(8_192)).length, 8_192);
    assert.ok(cleanLine('x'.repeat(8_200)).endsWith('x[8 characters more]'));
    assert.ok(cleanLine('x'.repeat(1_000_000)).endsWith('x[991808 characters more]'));
  });
});
