// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles have these placeholders.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { inspectDockerfile } from '../../../src/builder/decide/dockerfile.js';
import type { DockerfileFacts } from '../../../src/builder/decide/facts.js';
import { pinDockerfile } from '../../../src/builder/decide/pin.js';

const OPTIONS = { path: 'Dockerfile', buildArgs: {}, platform: 'linux/amd64' };
const PIN = `127.0.0.1:5000/f41/x@sha256:${'0'.repeat(64)}`;

function facts(text: string): DockerfileFacts | null {
  const result = inspectDockerfile(text, OPTIONS);
  return result.ok ? result.value : null;
}

/** Everything but the references, and the references. */
function apart(text: string, { parents }: DockerfileFacts): { rest: string[]; references: string[] } {
  let from = 0;
  const rest = parents.map(({ place }) => {
    const piece = text.slice(from, place.start);
    from = place.end;
    return piece;
  });
  return {
    rest: [...rest, text.slice(from)],
    references: parents.map(({ place }) => text.slice(place.start, place.end)),
  };
}

/** Lines out of which Dockerfiles, readable and not, are put together. */
const line = fc.constantFrom(
  ...[
    'FROM a',
    'FROM "b:1" AS one',
    'from one',
    'FROM --platform=$TARGETPLATFORM r.io/c:${V:-2} as Two',
    'FROM scratch',
  ],
  ...[
    'ARG V=1',
    'ARG V',
    'LABEL a=1 b="$V"',
    'LABEL x y',
    'ENV V=2 W="$V$V"',
    'COPY --from=d:9 x y',
    'COPY --from=0 a b',
  ],
  ...[
    'COPY --from="e" --chown=1 a b',
    'COPY --from=two a b',
    'ADD https://x /',
    'RUN --mount=type=cache,from=f,target=/x y',
  ],
  ...[
    'RUN <<EOF',
    'EOF',
    '\tEOF',
    'COPY <<-"EOF" \\',
    'RUN x \\',
    '  # c',
    '',
    '\r',
    '# escape=`',
    '# syntax=x',
    'RUN a `',
  ],
  ...[
    'FROM \\',
    'COPY --from=\\',
    'g',
    'ONBUILD RUN <<X',
    'X',
    'HEALTHCHECK NONE',
    '\\',
    '\ufeff',
    'RUN "<<EOF"',
    "RUN '",
  ],
);
const document = fc
  .tuple(fc.array(line, { minLength: 1, maxLength: 14 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
  .map(([lines, end, from]) => `${from ? `FROM base${end}` : ''}${lines.join(end)}`);

describe('pinning', () => {
  test('changes the references and not one other character', () => {
    let readable = 0;
    fc.assert(
      fc.property(document, (text) => {
        const before = facts(text);
        if (before === null) return;
        readable += 1;
        const pinned = pinDockerfile(text, before, new Map(before.parents.map(({ written }) => [written, PIN])));
        const after = facts(pinned);
        assert.ok(after !== null, pinned);
        assert.deepEqual(apart(pinned, after).rest, apart(text, before).rest);
        assert.ok(after.parents.every(({ written }) => written === PIN));
        assert.deepEqual(after.labels, before.labels);
        assert.equal(after.stages, before.stages);
        assert.deepEqual(
          after.constructs.map(({ construct }) => construct).filter((name) => !name.startsWith('platform')),
          before.constructs.map(({ construct }) => construct).filter((name) => !name.startsWith('platform')),
        );
      }),
      { numRuns: 2_000 },
    );
    assert.ok(readable > 200, `only ${readable} of the documents were readable`);
  });

  test('is put in each place that one name stands in, quotes and continuations included', () => {
    const text =
      'ARG V=1\nFROM "a:${V}" AS s\nCOPY --from="b" x y\nFROM \\\n  a:1\nRUN --mount=from=b,target=/b ls # b\n';
    const found = facts(text);
    assert.ok(found !== null);
    assert.equal(
      pinDockerfile(
        text,
        found,
        new Map([
          ['a:1', 'A'],
          ['b', 'B'],
        ]),
      ),
      'ARG V=1\nFROM A AS s\nCOPY --from="B" x y\nFROM \\\n  A\nRUN --mount=from=B,target=/b ls # b\n',
    );
  });

  test('a reference without an entry stays as written', () => {
    const text = 'FROM a\nFROM b';
    const found = facts(text);
    assert.ok(found !== null);
    assert.equal(pinDockerfile(text, found, new Map([['b', 'B']])), 'FROM a\nFROM B');
  });
});

describe('reading any text', () => {
  const character = fc.constantFrom(...'FROMCPYaz01 \t\n\r\\`\'"$${}:-+?<>=,#@/[]\u00a0\ufeff\u0000'.split(''));
  const mess = fc.array(fc.oneof({ weight: 3, arbitrary: character }, { weight: 1, arbitrary: line }), {
    maxLength: 60,
  });

  test('ends with facts or with a refusal, never with an exception, and places are in order', () => {
    fc.assert(
      fc.property(mess, fc.string({ unit: 'binary', maxLength: 20 }), (pieces, odd) => {
        const text = `FROM a\n${pieces.join('')}${odd}`;
        const result = inspectDockerfile(text, OPTIONS);
        if (!result.ok) return assert.match(result.error.message, /^Dockerfile(, line \d+)?: .*\.$/s);
        let last = 0;
        for (const { place } of result.value.parents) {
          assert.ok(last <= place.start && place.start < place.end && place.end <= text.length);
          last = place.end;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  const megabyte = 1_048_576;
  const fill = (unit: string, head = 'FROM a\n', tail = '') =>
    head + unit.repeat(Math.floor((megabyte - head.length - tail.length) / unit.length)) + tail;
  const hostile: Readonly<Record<string, string>> = {
    'empty lines': fill('\n'),
    comments: fill('#\n'),
    'directives with blanks': fill(' ', '# a=', '\nFROM a'),
    'one long word': fill('x'),
    'one long continued line': fill('\\\n', 'FROM a\nRUN '),
    'continued comments': fill('#\n', 'FROM a\nRUN \\\n'),
    'variables that double': fill('ENV A=$A$A\n', 'FROM scratch\nENV A=xxxx\n'),
    'labels that copy a long value': fill('LABEL a=$A\n', `FROM scratch\nENV A=${'x'.repeat(16_000)}\n`),
    'nested defaults': fill('${A:-', 'ARG A\nFROM '),
    'open quotes': fill('"', 'FROM a\nLABEL a='),
    'quotes and blanks': fill(`" '`, 'FROM a\nRUN '),
    flags: fill('--a=b ', 'FROM a\nRUN '),
    'fields of a mount': fill('from=a,', 'FROM a\nRUN --mount='),
    'here-documents that begin': fill('<<A ', 'FROM a\nRUN '),
    'carriage returns': fill('\r', 'FROM a\nRUN x'),
    'many labels on many stages': fill(
      'LABEL a$B=1\n',
      Array.from({ length: 200 }, (_, i) => `FROM ${i === 0 ? 'a' : `s${i - 1}`} AS s${i}\n`).join(''),
    ),
    'a deep stack of stages looked through': fill(
      'LABEL a=$X\n',
      `FROM scratch AS s0\n${Array.from({ length: 199 }, (_, i) => `FROM s${i} AS s${i + 1}\n`).join('')}`,
    ),
    dollars: fill('$', 'FROM a\nLABEL a='),
    brackets: fill('[', 'FROM a\nADD '),
    commas: fill(',', 'FROM a\nRUN --mount=from'),
    copies: fill('COPY --from=b a b\n'),
    'equals signs': fill('=', 'FROM a\nRUN --mount=type'),
  };
  for (const [what, text] of Object.entries(hostile))
    test(`a megabyte of ${what} is read within two seconds`, () => {
      const begin = process.cpuUsage();
      inspectDockerfile(text, OPTIONS);
      const { user, system } = process.cpuUsage(begin);
      assert.ok(user + system < 2_000_000, `${Math.round((user + system) / 1000)} ms`);
    });
});
