import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { inspectDockerfile } from '../../../src/builder/decide/dockerfile.js';
import { withLabels } from '../../../src/builder/decide/own-step.js';

const FILE = 'FROM scratch\nCOPY . /\n';
const input = { path: 'Dockerfile', buildArgs: {} };

function labelsIn(text: string): Readonly<Record<string, string>> {
  const facts = inspectDockerfile(text, input);
  assert.ok(facts.ok, facts.ok ? '' : facts.error.message);
  return facts.value.labels;
}

describe('the labels of a build', () => {
  it('are one step at the end of the Dockerfile', () => {
    const { text, rest, steps } = withLabels(FILE, { a: '1', 'io.layerwright.build': 'x y' });

    assert.equal(text, `${FILE}LABEL a='1' io.layerwright.build='x y'\n`);
    assert.deepEqual(rest, {});
    assert.equal(steps, 1);
  });

  it('begin on a line of their own where the file ends without one', () => {
    assert.match(withLabels('FROM scratch', { a: '1' }).text, /^FROM scratch\nLABEL a='1'\n$/);
  });

  it('stay outside a file whose last line goes on', () => {
    for (const text of [
      'FROM scratch\nENV a=b \\',
      'FROM scratch\nENV a=b \\\n',
      '# escape=`\nFROM scratch\nENV a=b `\n\n',
      'FROM scratch\nENV a=b \\\n# a comment does not end it\n',
      'FROM scratch\nENV a=b \\ \r\n\t# nor this\r\n\u00a0\r\n',
    ])
      assert.deepEqual(withLabels(text, { a: '1' }), { text, rest: { a: '1' }, steps: 0 });
  });

  it('reach the image with the value they have, in the text or beside it', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/).filter((text) => !(text in Object.prototype));
    fc.assert(
      fc.property(fc.dictionary(name, fc.string({ unit: 'grapheme' }), { minKeys: 1 }), (labels) => {
        const { text, rest } = withLabels(FILE, labels);
        assert.deepEqual({ ...labelsIn(text), ...rest }, { ...labels });
      }),
    );
  });
});
