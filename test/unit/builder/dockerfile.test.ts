// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles have these placeholders.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeDockerfile, inspectDockerfile } from '../../../src/builder/decide/dockerfile.js';
import type { DockerfileFacts } from '../../../src/builder/decide/facts.js';

interface Options {
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly platform?: string;
}

function facts(text: string, { buildArgs = {}, platform }: Options = {}): DockerfileFacts {
  const result = inspectDockerfile(text, {
    path: 'Dockerfile',
    buildArgs,
    ...(platform === undefined ? {} : { platform }),
  });
  assert.ok(result.ok, result.ok ? '' : result.error.message);
  return result.value;
}

function refusal(text: string, buildArgs: Readonly<Record<string, string>> = {}): string {
  const result = inspectDockerfile(text, { path: 'Dockerfile', buildArgs });
  assert.ok(!result.ok, `accepted: ${text}`);
  assert.equal(result.error.code, 'dockerfile_invalid');
  assert.equal(result.error.transient, false);
  return result.error.message;
}

/** Each parent as `via written` with the text that stands at its place. */
function parents(text: string, options: Options = {}): string[] {
  return facts(text, options).parents.map(
    ({ via, written, place }) => `${via} ${written} <${text.slice(place.start, place.end)}>`,
  );
}

describe('parents of a Dockerfile', () => {
  const cases: readonly [behaviour: string, text: string, expected: readonly string[], options?: Options][] = [
    ['a plain FROM is one parent', 'FROM fedora:41\n', ['from fedora:41 <fedora:41>']],
    ['keywords may be small and indented', '\n  from fedora:41 as Base', ['from fedora:41 <fedora:41>']],
    ['flags are no image', 'FROM --platform=$BUILDPLATFORM a:1 AS x', ['from a:1 <a:1>']],
    [
      'a tag with a digest stays whole',
      `FROM r.io/a:1@sha256:${'a'.repeat(64)}`,
      [`from r.io/a:1@sha256:${'a'.repeat(64)} <r.io/a:1@sha256:${'a'.repeat(64)}>`],
    ],
    ['a registry with a port is no tag', 'FROM localhost:5000/a', ['from localhost:5000/a <localhost:5000/a>']],
    ['scratch is no parent', 'FROM scratch\nCOPY --from=scratch a b', []],
    ['a stage is no parent, in any case', 'FROM a AS Build\nFROM BUILD\nCOPY --from=bUild x y', ['from a <a>']],
    ['the name of a later stage is an image in FROM', 'FROM b\nFROM a AS b', ['from b <b>', 'from a <a>']],
    ['a stage that is called like its own image', 'FROM a AS a\nFROM a', ['from a <a>']],
    ['a later stage is a stage in COPY', 'FROM a\nCOPY --from=late x y\nFROM b AS late', ['from a <a>', 'from b <b>']],
    ['COPY from a stage’s number', 'FROM a\nFROM b\nCOPY --from=0 x y', ['from a <a>', 'from b <b>']],
    ['COPY from an image', 'FROM a\nCOPY --chown=1 --from=r.io/c:2 x y', ['from a <a>', 'copy r.io/c:2 <r.io/c:2>']],
    ['COPY from a quoted image', 'FROM a\nCOPY --from="c:2" x y', ['from a <a>', 'copy c:2 <c:2>']],
    ['ADD from an image', 'FROM a\nADD --from=c x y', ['from a <a>', 'copy c <c>']],
    [
      'RUN mounts, several in a line',
      'FROM a AS s\nFROM s\nRUN --mount=type=cache,target=/c,from=c:1 --mount=from=d,type=bind,target=/d --mount=from=s,target=/e ls',
      ['from a <a>', 'mount c:1 <c:1>', 'mount d <d>'],
    ],
    ['keys of mounts in capitals', 'FROM a\nRUN --mount=TYPE=bind,FROM=c,target=/c ls', ['from a <a>', 'mount c <c>']],
    ['a mount after the command is an argument', 'FROM a\nRUN ls --mount=from=c', ['from a <a>']],
    ['ARG with a default', 'ARG V=41\nFROM fedora:$V', ['from fedora:41 <fedora:$V>']],
    [
      'a build argument is above the default',
      'ARG V=41\nFROM f:${V}',
      ['from f:42 <f:${V}>'],
      { buildArgs: { V: '42' } },
    ],
    ['an ARG made of an ARG', 'ARG A=1\nARG B=x$A\nFROM f:$B', ['from f:x1 <f:$B>']],
    ['several in one ARG', 'ARG A=1 B=2\nFROM f:$A.$B', ['from f:1.2 <f:$A.$B>']],
    ['${V:-x} without V', 'ARG V\nFROM f:${V:-9}', ['from f:9 <f:${V:-9}>']],
    ['${V:-x} with V', 'ARG V=8\nFROM f:${V:-9}', ['from f:8 <f:${V:-9}>']],
    ['${V:-x} with an empty V', 'ARG V=\nFROM f:${V:-9}', ['from f:9 <f:${V:-9}>']],
    ['${V:+x}', 'ARG V=8\nARG W\nFROM f${V:+-v}${W:+-w}', ['from f-v <f${V:+-v}${W:+-w}>']],
    ['defaults within defaults', 'ARG A\nARG B=2\nFROM f:${A:-${B}}', ['from f:2 <f:${A:-${B}}>']],
    ['quotes around the image', 'FROM "f:1" AS x', ['from f:1 <"f:1">']],
    ['an ARG that makes a stage’s name', 'ARG S=one\nFROM a AS one\nFROM $S', ['from a <a>']],
    ['an ARG that makes scratch', 'ARG B=scratch\nFROM $B', []],
    ['the platform’s variables', 'FROM f:$TARGETARCH', ['from f:arm64 <f:$TARGETARCH>'], { platform: 'linux/arm64' }],
    ['an ARG of a stage is none for FROM', 'ARG V=1\nFROM a\nARG V=2\nFROM f:$V', ['from a <a>', 'from f:1 <f:$V>']],
    ['a continued line', 'FROM \\\n  # why\n\n  f:1 \\\n AS x', ['from f:1 <f:1>']],
    ['a name across two lines', 'FROM fed\\\nora', ['from fedora <fed\\\nora>']],
    ['another escape character', '# escape=`\nFROM `\n a\nRUN dir c:\\\nFROM b', ['from a <a>', 'from b <b>']],
    ['Windows line ends', 'FROM a\r\nRUN x \\\r\n  y\r\nFROM b\r\n', ['from a <a>', 'from b <b>']],
    ['a byte order mark', '\ufeffFROM a', ['from a <a>']],
    ['a comment hides nothing by its end', '# x \\\nFROM a', ['from a <a>']],
    ['a comment inside of a continued RUN', 'FROM a\nRUN x \\\n# FROM c\n  && y\nFROM b', ['from a <a>', 'from b <b>']],
    ['a FROM in a here-document is text', 'FROM a\nRUN <<EOF\nFROM c\nEOF\nFROM b', ['from a <a>', 'from b <b>']],
    ['two here-documents', 'FROM a\nCOPY <<A <<-"B" /x/\nFROM c\nA\nFROM d\n\tB\nFROM b', ['from a <a>', 'from b <b>']],
    ['a quoted << is none', 'FROM a\nRUN echo "<<EOF"\nFROM b', ['from a <a>', 'from b <b>']],
    ['an ONBUILD is for others', 'FROM a\nONBUILD COPY --from=c x y', ['from a <a>']],
    ['a FROM in an argument is text', 'FROM a\nRUN echo \\\nFROM c', ['from a <a>']],
  ];
  for (const [behaviour, text, expected, options] of cases)
    test(behaviour, () => assert.deepEqual(parents(text, options), expected));

  test('each parent has its stage and line', () => {
    const { parents: found, stages } = facts('FROM a\n\nFROM b\nCOPY \\\n --from=c x y\n');
    assert.deepEqual(
      found.map(({ stage, place }) => [stage, place.line]),
      [
        [0, 1],
        [1, 3],
        [1, 4],
      ],
    );
    assert.equal(stages, 2);
  });
});

describe('what is refused, with its line', () => {
  const cases: readonly [text: string, message: RegExp][] = [
    ['', /^Dockerfile: there is no FROM\.$/],
    ['# nothing\n', /there is no FROM/],
    ['ARG A=1\n', /there is no FROM/],
    ['FROM', /line 1: FROM needs an image/],
    ['FROM a\nFORM b', /line 2: "FORM" is no instruction/],
    ['FROM a b', /takes an image and, after AS/],
    ['FROM a AS', /takes an image and, after AS/],
    ['FROM a AS b c', /takes an image and, after AS/],
    ['FROM a AS 1b', /"1b" cannot be a stage’s name/],
    ['FROM a AS scratch', /cannot be a stage’s name/],
    ['RUN x\nFROM a', /line 1: RUN stands before the first FROM/],
    ['\nFROM f:$V', /line 2: FROM uses \$\{V\}, which has no value/],
    ['ARG V\nFROM f:$V', /which has no value/],
    ['FROM a\nARG V=1\nFROM f:$V', /line 3: FROM uses \$\{V\}/],
    ['ARG V=a/b\nFROM f:${V##*/}', /is not understood/],
    ["FROM 'a", /is not understood/],
    ['FROM Fedora', /is not a repository name/],
    ['FROM a\nCOPY x', /COPY needs a source and a destination/],
    ['FROM a\nCOPY --from= x y', /needs a stage or an image/],
    ['FROM a\nCOPY --from=$X x y', /variables do not work in from=/],
    ['FROM a\nCOPY --from=a"b"c x y', /without quotes/],
    ['FROM a\nCOPY --"from=b" x y', /without quotes/],
    ['FROM a\nCOPY --from=1 x y', /there is no stage 1 before/],
    ['FROM a\nCOPY --from=0 x y', /there is no stage 0 before/],
    ['FROM a AS s\nCOPY --from=s x y', /cannot copy from itself/],
    ['FROM a\nRUN --mount=from=0,target=/x ls', /give stage 0 a name/],
    ['FROM a\nRUN --mount=type=bind,"from=b" ls', /without quotes/],
    ['FROM a\nRUN --mount=from=b,from=c ls', /once/],
    ['FROM a\nLABEL', /LABEL needs a name and a value/],
    ['FROM a\nLABEL x', /LABEL needs a name and a value/],
    ['FROM a\nLABEL a=1 b', /no equals sign in "b"/],
    ['FROM a\nENV A', /ENV needs a name and a value/],
    ['FROM a\nARG', /ARG needs a name/],
    ['FROM a\nUSER', /USER needs an argument/],
    ['FROM a\nRUN <<EOF\nx\n', /line 2: the here-document EOF is not ended/],
    ['# escape=x\nFROM a', /escape is/],
    ['# escape=`\n# escape=`\nFROM a', /stands there twice/],
    // New engines end the RUN at two escapes, old ones go on: the FROM would be hidden from one of them.
    ['FROM a\nRUN echo \\\\\nFROM b', /line 2: the line ends with two/],
    // Old engines stop at a directive that they do not know, new ones go on.
    ['# frontend=x\n# escape=`\nFROM a', /put the escape directive on the first line/],
  ];
  for (const [text, message] of cases) test(JSON.stringify(text), () => assert.match(refusal(text), message));

  test('a mark that Go does not take for white space ends a continued line', () => {
    assert.deepEqual(parents('FROM a\nRUN x \\\n\ufeff\nFROM b'), ['from a <a>', 'from b <b>']);
    assert.deepEqual(parents('FROM a\nRUN x \\\n\u00a0\u0085\nFROM b'), ['from a <a>']);
  });

  test('the bounds on stages, references and size', () => {
    assert.match(refusal('FROM a\n'.repeat(201)), /more than 200 stages/);
    assert.match(refusal(`FROM a\n${'COPY --from=b x y\n'.repeat(1_000)}`), /more than 1000 references/);
    assert.match(refusal(`FROM a\n${'#'.repeat(1_048_576)}`), /larger than/);
    assert.equal(facts(`${'FROM a\n'.repeat(200)}`).stages, 200);
  });

  test('bytes that are not UTF-8', () => {
    const bad = decodeDockerfile(Uint8Array.of(0x46, 0xff), 'Dockerfile');
    assert.equal(bad.ok ? '' : bad.error.code, 'dockerfile_invalid');
    const good = decodeDockerfile(Buffer.from('\ufeffFROM ä'), 'Dockerfile');
    assert.equal(good.ok ? good.value : '', '\ufeffFROM ä');
  });
});

describe('labels', () => {
  const cases: readonly [
    behaviour: string,
    text: string,
    labels: Readonly<Record<string, string>>,
    options?: Options,
  ][] = [
    ['the usual form', 'FROM a\nLABEL version=1.0 "name"="x y"', { version: '1.0', name: 'x y' }],
    ['single quotes', 'FROM a\nLABEL a=\'$X "q"\'', { a: '$X "q"' }],
    ['the old form', 'FROM a\nLABEL summary a web server', { summary: 'a web server' }],
    ['over several lines', 'FROM a\nLABEL a=1 \\\n  # c\n  b="2 \\\n3"', { a: '1', b: '2 3' }],
    ['escaped blanks', 'FROM a\nLABEL a=x\\ y', { a: 'x y' }],
    ['an equals sign in the value', 'FROM a\nLABEL a=b=c', { a: 'b=c' }],
    ['the last one stands', 'FROM a\nLABEL a=1\nLABEL a=2', { a: '2' }],
    ['only of the final stage', 'FROM a\nLABEL a=1\nFROM b\nLABEL b=1', { b: '1' }],
    ['and of the stages that it is FROM', 'FROM a AS x\nLABEL a=1 b=1\nFROM x\nLABEL b=2', { a: '1', b: '2' }],
    ['with ARG', 'FROM a\nARG V=3\nLABEL version=$V', { version: '3' }],
    ['with a build argument', 'FROM a\nARG V=3\nLABEL v=$V', { v: '4' }, { buildArgs: { V: '4' } }],
    ['with the ARG before FROM, named again', 'ARG V=3\nFROM a\nARG V\nLABEL v=$V', { v: '3' }],
    ['with ENV above ARG', 'FROM a\nARG V=3\nENV V=5\nLABEL v=$V', { v: '5' }],
    ['ENV of the stage below', 'FROM scratch AS x\nENV V=5\nFROM x\nLABEL v=$V', { v: '5' }],
    ['nothing certain is on scratch', 'FROM scratch\nLABEL v=x$V', { v: 'x' }],
    ['a line sees what was before it', 'FROM scratch\nENV A=1\nENV A=2 B=$A\nLABEL v=$B', { v: '1' }],
    ['a label that is called __proto__', 'FROM a\nLABEL __proto__=1 a=2', { ['__proto__']: '1', a: '2' }],
  ];
  for (const [behaviour, text, labels, options] of cases)
    test(behaviour, () => assert.deepEqual(facts(text, options).labels, labels));

  test('what only the engine knows is named, not guessed', () => {
    const { labels, unknownLabels } = facts('FROM a\nLABEL version=$HTTPD_VERSION b=1');
    assert.deepEqual({ ...labels }, { b: '1' });
    assert.deepEqual(unknownLabels, ['version']);
    assert.deepEqual(facts('ARG V=1\nFROM a\nLABEL v=$V').unknownLabels, ['v']);
    assert.deepEqual(facts('FROM scratch AS x\nARG V=1\nFROM x\nLABEL v=$V').unknownLabels, ['v']);
  });
});

describe('other facts', () => {
  test('the syntax directive, also by its build argument, but not after another comment', () => {
    assert.deepEqual(facts('# syntax=docker/dockerfile:1\nFROM a').syntax, { image: 'docker/dockerfile:1', line: 1 });
    assert.deepEqual(facts('#SYNTAX = x \nFROM a').syntax, { image: 'x', line: 1 });
    assert.equal(facts('# hello\n# syntax=x\nFROM a').syntax, null);
    assert.equal(facts('FROM a', { buildArgs: { BUILDKIT_SYNTAX: 'evil' } }).syntax?.image, 'evil');
  });

  test('ADD from the network in every form', () => {
    const urls = (line: string) => facts(`FROM a\nARG U=https://x/y\n${line}`).addUrls.map(({ url }) => url);
    assert.deepEqual(urls('ADD https://x.org/a /a'), ['https://x.org/a']);
    assert.deepEqual(urls('ADD a HTTP://x/b /'), ['HTTP://x/b']);
    assert.deepEqual(urls('ADD ["ftp://x/a b", "/"]'), ['ftp://x/a b']);
    assert.deepEqual(urls('ADD git@github.com:a/b.git /'), ['git@github.com:a/b.git']);
    assert.deepEqual(urls('ADD "git://h/r" /'), ['git://h/r']);
    assert.deepEqual(urls('ADD $U /'), ['https://x/y']);
    assert.deepEqual(urls('ADD $BASE_KNOWS /'), ['$BASE_KNOWS']);
    assert.deepEqual(urls('ADD ht$U /'), []);
    assert.deepEqual(urls('ADD ./a-$BASE_KNOWS b/http: /'), []);
    assert.deepEqual(urls('COPY https:// /'), []);
  });

  test('a refusal quotes the beginning of what is wrong, however long that is', () => {
    const message = refusal(`FROM a\nRUN <<${'x'.repeat(100_000)}\n`);
    assert.match(message, /^Dockerfile, line 2: the here-document x{100}/);
    assert.ok(message.length < 700);
  });

  test('secrets and ssh', () => {
    const { secrets } = facts('FROM a\nRUN --mount=type=secret,id=x --mount=type=ssh ls');
    assert.deepEqual(secrets, [
      { kind: 'secret', line: 2 },
      { kind: 'ssh', line: 2 },
    ]);
  });

  test('the base of the final stage', () => {
    assert.equal(facts('FROM a AS x\nFROM x AS y\nFROM b\nFROM y').base, 'a');
    assert.equal(facts('FROM a\nFROM scratch').base, null);
  });

  test('constructs that an old builder does not know', () => {
    const text =
      'FROM a\nRUN --mount=type=cache,target=/c ls\nCOPY --link a b\nCOPY <<E /x\nE\nCOPY --from=z a b\nFROM b AS z';
    assert.deepEqual(
      facts(text).constructs.map(({ construct, line, since }) => `${line} ${construct} ${since}`),
      ['2 RUN --mount 2', '3 COPY --link 4', '4 here-documents 4', '6 the use of a later stage 1'],
    );
    assert.deepEqual(facts('FROM a\nRUN ls\nCOPY --chown=1 --from=b x y').constructs, []);
  });
});
