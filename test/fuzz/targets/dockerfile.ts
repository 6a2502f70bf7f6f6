import assert from 'node:assert/strict';
import fc from 'fast-check';
import { inspectDockerfile } from '../../../src/builder/decide/dockerfile.js';
import type { DockerfileFacts } from '../../../src/builder/decide/facts.js';
import { withLabels } from '../../../src/builder/decide/own-step.js';
import { pinDockerfile } from '../../../src/builder/decide/pin.js';
import { markSteps, stepMark } from '../../../src/builder/decide/step-mark.js';
import { digestOf } from '../../../src/kernel/digest.js';
import { damagedText } from '../mutations.js';
import { fuzzTarget } from '../target.js';
import { fromsOf } from './dockerfile-model.js';
import { type Written, writtenDockerfiles } from './dockerfile-writer.js';

const PATH = 'Dockerfile';
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: Dockerfiles have these placeholders.
const SAMPLES = [
  'FROM registry.example.org/f41/base:1\nLABEL version="1" name=x\nCOPY . /\n',
  '# syntax=docker/dockerfile:1\nARG V=41\nFROM fedora:${V} AS build\nRUN make \\\n  && make install\nFROM scratch\nCOPY --from=build /a /b\n',
  '# escape=`\nFROM a`\n:1\nRUN echo `\n# comment\n\n done\n',
  "FROM a\nRUN <<EOF\nFROM not:1\nEOF\nRUN <<-'X' cat\n\tFROM not:2\n\tX\nCOPY <<A <<B /\nA\nB\n",
  'FROM --platform=$BUILDPLATFORM a AS x\nRUN --mount=type=cache,target=/c,from=b:1 --mount=type=secret,id=s ls\n',
  'FROM a\nENV A=1 B="2 3" C=\'$A\'\nLABEL v=${A:-x}${B:+y} w="a\\"b"\nADD https://example.org/x /\nONBUILD COPY --from=c x y\n',
  'ARG A\nARG B=${A:-f}\nFROM ${B}edora AS Q\nFROM q\nCMD ["sh", "-c", "FROM x"]\nHEALTHCHECK CMD true\n',
];
const WORDS = [
  ...[
    'FROM ',
    'from a\n',
    '\nFROM x\n',
    ' AS y',
    '\\\n',
    '\\ \n',
    '`\n',
    '# escape=`\n',
    '<<EOF\n',
    '\nEOF\n',
    'ONBUILD ',
  ],
  ...[
    'COPY --from=',
    '--mount=from=z',
    '${A}',
    '${A:-',
    '$',
    'ARG ',
    '\r\n',
    '\r',
    '\u2028',
    '\n\n',
    '#',
    '--',
    'RUN ',
  ],
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: .

type Input =
  | { readonly kind: 'damaged'; readonly text: string }
  | { readonly kind: 'written'; readonly written: Written };

export const dockerfile = fuzzTarget<Input>({
  name: 'dockerfile',
  about: 'no FROM that Docker would see is missed, what was written is found, and pinning keeps every other character',
  inputs: () =>
    fc.oneof(
      damagedText(SAMPLES, WORDS).map((text): Input => ({ kind: 'damaged', text })),
      writtenDockerfiles().map((written): Input => ({ kind: 'written', written })),
    ),
  check(input) {
    const text = input.kind === 'damaged' ? input.text : input.written.text;
    const result = inspectDockerfile(text, { path: PATH, buildArgs: {}, platform: 'linux/amd64' });
    if (!result.ok) {
      assert.equal(input.kind, 'damaged', result.error.message);
      assert.equal(result.error.code, 'dockerfile_invalid');
      assert.ok(result.error.message.startsWith(PATH) && result.error.message.length < 2_000);
      return;
    }
    const facts = result.value;
    if (input.kind === 'written') assert.deepEqual(namesOf(facts), input.written.parents);
    const froms = fromsOf(text);
    assert.equal(facts.stages, froms.length, `Docker sees ${froms.join(', ')}`);
    isPinned(text, facts);
    isLabelled(text, facts);
    isMarked(text, facts);
  },
});

function namesOf({ parents }: DockerfileFacts): string[] {
  return parents.map(({ via, written }) => `${via} ${written}`);
}

/** All parents pinned: only their places change, and the pinned file says the same with other names. */
function isPinned(text: string, facts: DockerfileFacts): void {
  const pinned = new Map(facts.parents.map(({ written }) => [written, `r.example.org/x@${digestOf(written)}`]));
  const result = pinDockerfile(text, facts, pinned);
  let at = 0;
  let from = 0;
  for (const { written, place } of facts.parents) {
    assert.ok(place.start >= from && place.end > place.start, 'places follow one another');
    const kept = text.slice(from, place.start);
    const name = pinned.get(written) ?? '';
    assert.equal(result.slice(at, at + kept.length + name.length), kept + name);
    at += kept.length + name.length;
    from = place.end;
  }
  assert.equal(result.slice(at), text.slice(from));
  const again = inspectDockerfile(result, { path: PATH, buildArgs: {}, platform: 'linux/amd64' });
  assert.ok(again.ok, again.ok ? '' : `pinned, it is refused: ${again.error.message}`);
  assert.deepEqual(
    again.value.parents.map(({ via, written, stage }) => ({ via, written, stage })),
    facts.parents.map(({ via, written, stage }) => ({ via, written: pinned.get(written), stage })),
  );
  assert.equal(again.value.stages, facts.stages);
  assert.deepEqual(again.value.labels, facts.labels);
  // A name that went over several lines stands on one when it is pinned.
  assert.deepEqual(urlsOf(again.value), urlsOf(facts));
}

const MARK = stepMark({ component: "it's", target: 'f41' });
const LABELS = { 'io.layerwright.build': 'x', version: '1-2', odd: "it's" };

/** Our labels stand at the end as a step of their own, or beside the file: nothing before them is changed by them. */
function isLabelled(text: string, facts: DockerfileFacts): void {
  const labelled = withLabels(text, LABELS);
  assert.ok(labelled.text.startsWith(text));
  if (labelled.steps === 0) return void assert.deepEqual(labelled, { text, rest: LABELS, steps: 0 });
  const again = inspectDockerfile(labelled.text, { path: PATH, buildArgs: {}, platform: 'linux/amd64' });
  assert.ok(again.ok, again.ok ? '' : `labelled, it is refused: ${again.error.message}`);
  const { odd: _, ...ours } = LABELS;
  assert.deepEqual(again.value, {
    ...facts,
    labels: { ...facts.labels, ...ours },
    unknownLabels: facts.unknownLabels.filter((name) => !Object.hasOwn(ours, name)),
  });
}

/** The mark of steps goes into labels that are there: nothing else is read otherwise, and no line moves. */
function isMarked(text: string, facts: DockerfileFacts): void {
  const marked = markSteps(text, MARK);
  assert.equal(marked.split('\n').length, text.split('\n').length);
  const again = inspectDockerfile(marked, { path: PATH, buildArgs: {}, platform: 'linux/amd64' });
  assert.ok(again.ok, again.ok ? '' : `marked, it is refused: ${again.error.message}`);
  const { 'io.layerwright.build': mark, ...labels } = again.value.labels;
  const { 'io.layerwright.build': own, ...theirs } = facts.labels;
  assert.ok(mark === own || mark === MARK);
  const plain = ({ parents, ...rest }: DockerfileFacts) => ({
    ...rest,
    labels: null,
    unknownLabels: rest.unknownLabels.filter((name) => name !== 'io.layerwright.build'),
    parents: parents.map(({ place, ...parent }) => ({ ...parent, line: place.line })),
  });
  assert.deepEqual(plain(again.value), plain(facts));
  assert.deepEqual(labels, theirs);
}

function urlsOf({ addUrls }: DockerfileFacts): string[] {
  return addUrls.map(({ url }) => url);
}
