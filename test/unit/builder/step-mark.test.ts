import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { inspectDockerfile } from '../../../src/builder/decide/dockerfile.js';
import { buildOfStep, stepHost } from '../../../src/builder/decide/step-host.js';
import { markedStream, markSteps, stepMark } from '../../../src/builder/decide/step-mark.js';

const MARK = stepMark({ component: 'app', target: 'f41' });
const SET = ` io.layerwright.build='${MARK}'`;

describe('the mark of steps', () => {
  it('stands in the first label of each stage', () => {
    const text = [
      'ARG X=1',
      'FROM a AS one',
      'ENV LABEL=b',
      'label a=1 \\',
      '  b=2',
      'LABEL c=3',
      'FROM one',
      'RUN true',
      'LABEL d=4',
    ];
    const marked = markSteps(text.join('\n'), MARK).split('\n');

    assert.deepEqual(marked.splice(3, 1), [`label${SET} a=1 \\`]);
    assert.deepEqual(marked.splice(7, 1), [`LABEL${SET} d=4`]);
    assert.deepEqual(marked, text.toSpliced(8, 1).toSpliced(3, 1));
  });

  it('makes no other value of a line that is all one', () => {
    for (const text of [
      'FROM a\nLABEL name a value = b\n',
      'FROM a\nRUN echo LABEL a=b\n',
      '# LABEL a=b\nFROM a',
      'FRO',
    ])
      assert.equal(markSteps(text, MARK), text);
  });

  it('changes nothing that a Dockerfile says but the one label', () => {
    const line = fc.constantFrom(
      ...[
        'FROM scratch',
        'FROM a AS x',
        'LABEL a=b c="d e"',
        "LABEL 'a b'=c",
        'LABEL a b=c',
        'LABEL \\',
        '  a=b',
        '# no',
      ],
      ...[
        'LAB\\',
        'EL a=b \\',
        'RUN <<E',
        'E',
        'ENV a=b',
        'LABEL\ta=$a',
        'LABEL io.layerwright.build=x',
        '',
        '# escape=`',
      ],
    );
    const input = { path: 'Dockerfile', buildArgs: {} };
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'), (lines, end) => {
        const text = ['FROM scratch', ...lines].join(end);
        const [before, after] = [text, markSteps(text, MARK)].map((one) => inspectDockerfile(one, input));
        if (before?.ok !== true) return;
        assert.ok(after?.ok, after?.ok === false ? `${after.error.message}\n${text}` : '');
        const { 'io.layerwright.build': mark, ...labels } = after.value.labels;
        const { 'io.layerwright.build': own, ...theirs } = before.value.labels;
        assert.ok(mark === own || mark === MARK, mark);
        assert.deepEqual(labels, theirs);
        assert.equal(markSteps(text, MARK).replaceAll(SET, ''), text);
      }),
      { numRuns: 2_000 },
    );
  });

  it('names its component and target, and nothing else does', () => {
    const name = fc.string({ minLength: 1, unit: 'grapheme' });
    fc.assert(
      fc.property(name, name, (component, target) => {
        const mark = stepMark({ component, target });
        assert.deepEqual(markedStream(mark), { component, target });
        assert.match(mark, /^[^'\\`\r\n\0]+$/);
      }),
    );
    for (const other of ['11111111-1111-4111-8111-111111111111', 'steps:', 'steps:a', 'steps:a/b/c', 'steps:%/b', ''])
      assert.equal(markedStream(other), null);
  });
});

describe('the host name of a step', () => {
  it('names its build, and no other name does', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (build) => {
        assert.equal(buildOfStep(['a:::1', `${stepHost(build)}:192.0.2.1`]), build);
      }),
    );
    assert.equal(buildOfStep([]), null);
    assert.equal(buildOfStep(['b.build.layerwright.invalid.example:::1', '.build.layerwright.invalid:::1', 'b']), null);
    assert.equal(buildOfStep(['x.b.build.layerwright.invalid:::1']), 'x.b');
    assert.equal(buildOfStep(['%.build.layerwright.invalid:::1']), null);
  });
});
