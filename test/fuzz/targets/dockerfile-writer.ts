/** Dockerfiles made from what they shall say, written in every way that Docker reads alike. */
import fc from 'fast-check';

export interface Written {
  readonly text: string;
  /** What must be found, as `from a:1`, in the order of the text. */
  readonly parents: readonly string[];
}

/** One instruction: words to be written, and the parents among them. */
interface Line {
  readonly words: readonly string[];
  readonly parents: readonly string[];
  /** Lines that follow as they are. */
  readonly after?: readonly string[];
}

interface Style {
  /** What stands between two words: some of it goes over the end of the line. */
  readonly gaps: readonly string[];
  readonly keyword: 'upper' | 'lower' | 'mixed';
  readonly indent: string;
  readonly before: string;
}

const HEX = 'f'.repeat(64);
const IMAGES = [
  'fedora',
  'fedora:41',
  'r.io/a/b:1',
  'localhost:5000/x',
  `r.io/c@sha256:${HEX}`,
  'q.example.org/f41/base',
];
const STAGES = ['build', 'Build-2', 'x_y.z'];

export function writtenDockerfiles(): fc.Arbitrary<Written> {
  const stages = fc.array(fc.tuple(fc.nat(), fc.array(line(), { maxLength: 4 })), { minLength: 1, maxLength: 4 });
  return fc
    .record({
      stages,
      styles: fc.array(style(), { minLength: 1, maxLength: 6 }),
      escapeSign: fc.constantFrom('\\', '`'),
      end: fc.constantFrom('\n', '\r\n'),
      mark: fc.constantFrom('', '\ufeff'),
      arg: fc.boolean(),
    })
    .map(({ stages: chosen, styles, escapeSign, end, mark, arg }) => {
      const lines = linesOf(chosen, arg);
      const head = escapeSign === '`' ? [`#escape=${escapeSign}`] : [];
      const body = lines.map((one, at) => write(one, styles[at % styles.length], escapeSign, end));
      return {
        text: `${mark}${[...head, ...body].join(end)}${end}`,
        parents: lines.flatMap(({ parents }) => parents),
      };
    });
}

/** Names of stages are given as they come; a FROM may name an earlier one. */
function linesOf(chosen: readonly (readonly [number, readonly Line[]])[], arg: boolean): readonly Line[] {
  const lines: Line[] = arg ? [{ words: ['ARG', 'TAG=41'], parents: [] }] : [];
  for (const [at, [choice, rest]] of chosen.entries()) {
    const name = STAGES[at];
    const earlier = at > 0 && choice % 4 === 0 ? STAGES[choice % Math.min(at, STAGES.length)] : undefined;
    const image = IMAGES[choice % IMAGES.length] ?? '';
    const written = arg && choice % 3 === 0 ? 'fedora:$TAG' : image;
    const found = written === image ? image : 'fedora:41';
    const flags = choice % 5 === 0 ? ['--platform=linux/amd64'] : [];
    const as = name === undefined ? [] : ['aS', name];
    const words = ['FROM', ...flags, earlier?.toUpperCase() ?? written, ...as];
    lines.push({ words, parents: earlier === undefined ? [`from ${found}`] : [] }, ...rest);
  }
  return lines;
}

function line(): fc.Arbitrary<Line> {
  const image = fc.constantFrom(...IMAGES);
  const plain = fc.constantFrom<readonly string[]>(
    ['RUN', 'echo', 'FROM', 'not:1'],
    ['LABEL', 'a=1', 'b="FROM', 'x"'],
    ['ENV', 'FROM=not:2'],
    ['CMD', '["FROM",', '"x"]'],
    ['COPY', 'FROM', 'not:3', '/d/'],
    ['ONBUILD', 'RUN', 'FROM'],
    ['USER', 'from'],
    ['EXPOSE', '1'],
    ['WORKDIR', '/FROM'],
  );
  return fc.oneof(
    plain.map((words) => ({ words, parents: [] })),
    image.map((name) => ({ words: ['COPY', `--from=${name}`, '/a', '/b'], parents: [`copy ${name}`] })),
    image.map((name) => ({ words: ['COPY', '--chown=1', `--from="${name}"`, '/a', '/b'], parents: [`copy ${name}`] })),
    image.map((name) => ({
      words: ['RUN', `--mount=type=bind,from=${name},target=/m`, 'ls'],
      parents: [`mount ${name}`],
    })),
    fc.constantFrom('EOF', 'FROM').map((name) => ({
      words: ['RUN', `<<${name}`],
      parents: [],
      after: ['FROM not:4', '  FROM not:5 \\', '# FROM not:6', '', name],
    })),
    fc.constant({
      words: ['COPY', "<<-'A'", '<<B', '/d/'],
      parents: [],
      after: ['FROM x', '\t\tA', 'A', 'FROM y', 'B'],
    }),
  );
}

function style(): fc.Arbitrary<Style> {
  const gap = fc.constantFrom(
    ' ',
    '\t',
    '  ',
    ' ESC\n ',
    ' ESC \t\n',
    ' ESC\n# FROM not:7\n',
    '  ESC\n\n \t# x ESC\n\n\t',
  );
  return fc.record({
    gaps: fc.array(gap, { minLength: 1, maxLength: 4 }),
    keyword: fc.constantFrom<Style['keyword']>('upper', 'lower', 'mixed'),
    indent: fc.constantFrom('', ' ', '\t', '\u00a0'),
    before: fc.constantFrom('', '\n', '# FROM not:8\n', '  # x ESC\n', '\t\n\n'),
  });
}

function write({ words, after = [] }: Line, given: Style | undefined, escapeSign: string, end: string): string {
  const { gaps = [' '], keyword = 'upper', indent = '', before = '' } = given ?? {};
  const [first = '', ...rest] = words;
  let text = before + indent + cased(first, keyword);
  for (const [at, word] of rest.entries()) text += (gaps[at % gaps.length] ?? ' ') + word;
  return [text.replaceAll('ESC', escapeSign), ...after].join('\n').replaceAll('\n', end);
}

function cased(word: string, how: Style['keyword']): string {
  if (how === 'upper') return word;
  return how === 'lower' ? word.toLowerCase() : word.charAt(0) + word.slice(1).toLowerCase();
}
