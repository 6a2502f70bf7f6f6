import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BuildTranscript } from '../../../src/builder/adapters/build-transcript.js';
import { DockerSteps } from '../../../src/builder/adapters/docker-steps.js';
import { jsonLines } from '../../../src/builder/adapters/json-lines.js';
import { LineAssembler } from '../../../src/builder/adapters/line-assembler.js';
import { PodmanSteps } from '../../../src/builder/adapters/podman-steps.js';

const A = 'aaaaaaaaaaaa';
const B = 'bbbbbbbbbbbb';
const C = 'cccccccccccc';

function transcriptOf(streams: readonly string[], added = 1): { transcript: BuildTranscript; lines: string[] } {
  const lines: string[] = [];
  const transcript = new BuildTranscript(new DockerSteps(added), (line) => lines.push(line));
  for (const stream of streams) transcript.take({ stream });
  transcript.end();
  return { transcript, lines };
}

describe('the transcript of a build', () => {
  test('knows the step, counted without the one that the engine adds', () => {
    const { transcript } = transcriptOf(['Step 2/4 : RUN make', '\n']);
    assert.deepEqual(transcript.steps.step, { number: 2, of: 3, instruction: 'RUN make', stage: null });
  });

  test('knows what the build made: not the parent, not what came from the cache', () => {
    const { transcript } = transcriptOf([
      'Step 1/4 : FROM base\n',
      ` ---> ${A}\n`,
      'Step 2/4 : RUN one\n',
      ' ---> Using cache\n',
      ` ---> ${B}\n`,
      'Step 3/4 : RUN two\n',
      ` ---> Running in ${A}\n`,
      'output\n',
      `Removing intermediate container ${A}\n`,
      ` ---> ${C}\n`,
    ]);
    assert.deepEqual([...transcript.steps.images], [C]);
    assert.deepEqual([...transcript.steps.containers.keys()], [A]);
    assert.deepEqual([...transcript.steps.leftContainers], []);
  });

  test('knows what the image stands on: the last of its own steps, made or from the cache', () => {
    const own = ['Step 1/3 : FROM base\n', ` ---> ${A}\n`, 'Step 2/3 : COPY a /\n'];
    const label = ['Step 3/3 : LABEL a=b\n', ` ---> Running in ${A}\n`, `Removing intermediate container ${A}\n`];
    const basisOf = (...said: string[]): string | null => transcriptOf(said).transcript.steps.basis;
    assert.equal(basisOf(...own, ' ---> Using cache\n', ` ---> ${B}\n`, ...label, ` ---> ${C}\n`), B);
    assert.equal(basisOf(...own, ` ---> ${B}\n`, ...label, ` ---> ${C}\n`), B);
    assert.equal(basisOf('Step 1/2 : FROM base\n', ` ---> ${A}\n`, 'Step 2/2 : LABEL a=b\n', ` ---> ${C}\n`), A);
    assert.equal(basisOf('Step 1/2 : FROM scratch\n', ' ---> \n', 'Step 2/2 : LABEL a=b\n', ` ---> ${C}\n`), null);
  });

  test('knows what an image of Podman stands on, whatever its steps say', () => {
    const basisOf = (...said: string[]): string | null => {
      const steps = new PodmanSteps(1);
      for (const line of said) steps.read(`${line}\n`);
      return steps.basis;
    };
    const own = ['STEP 1/4: FROM base', 'STEP 2/4: COPY a /', `--> Using cache ${C.repeat(5)}cccc`, '--> bbbbbbbbbbb'];
    const added = ['STEP 4/4: LABEL a=b', 'COMMIT x', '--> ccccccccccc'];
    assert.equal(basisOf(...own, 'STEP 3/4: RUN b', '--> aaaaaaaaaaa', ...added), 'aaaaaaaaaaa');
    assert.equal(basisOf(...own, 'STEP 3/4: RUN b', '--> ddddddddddd', '--> aaaaaaaaaaa', ...added), 'aaaaaaaaaaa');
    assert.equal(basisOf('STEP 1/2: FROM scratch', 'STEP 2/2: LABEL a=b', 'COMMIT x', '--> ccccccccccc'), null);
  });

  test('knows that the step which the engine adds runs nothing', () => {
    const { transcript } = transcriptOf([
      'Step 1/2 : FROM scratch\n',
      'Step 2/2 : LABEL a=b\n',
      ` ---> Running in ${A}\n`,
    ]);
    assert.deepEqual([...transcript.steps.containers], []);
    assert.deepEqual([...transcript.steps.leftContainers], [A]);
  });

  test("takes nothing in a step's output for the engine's words", () => {
    const { transcript } = transcriptOf([
      'Step 2/4 : RUN evil\n',
      ` ---> Running in ${A}\n`,
      ` ---> Running in ${B}\n`,
      `Removing intermediate container ${B}\n`,
      'Step 4/4 : RUN forged\n',
      ` ---> ${C}\n`,
    ]);
    assert.deepEqual([...transcript.steps.leftContainers], [A]);
    assert.deepEqual([...transcript.steps.images], []);
    assert.equal(transcript.steps.step?.instruction, 'RUN evil');
  });

  test('has the fault with its exit code, and the last lines without control sequences', () => {
    const { transcript } = transcriptOf(['\u001b[91mKilled\n\u001b[0m']);
    transcript.take({ errorDetail: { code: 3, message: 'returned a non-zero code: 3' }, error: 'x' });
    assert.deepEqual(transcript.fault, { message: 'returned a non-zero code: 3', exitCode: 3 });
    assert.match(transcript.tail(), /^Killed/);
    transcript.take({ error: 'The command failed and returned a non-zero code: 7' });
    assert.equal(transcript.fault?.exitCode, 7);
  });

  test("says each state of a parent's layer once", () => {
    const lines: string[] = [];
    const transcript = new BuildTranscript(new DockerSteps(0), (line) => lines.push(line));
    for (const current of [1, 2, 3]) transcript.take({ status: 'Downloading', id: 'abc', progressDetail: { current } });
    transcript.take({ status: 'Pull complete', id: 'abc' });
    assert.deepEqual(lines, ['abc: Downloading', 'abc: Pull complete']);
  });
});

describe('lines', () => {
  const assemble = (pieces: readonly string[]): string[] => {
    const lines: string[] = [];
    const assembler = new LineAssembler((line) => lines.push(line));
    for (const piece of pieces) assembler.push(piece);
    assembler.end();
    return lines;
  };

  test('are the same however the output is cut', () => {
    const cut = fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '\n', ' '), maxLength: 20 }));
    fc.assert(fc.property(cut, (pieces) => assert.deepEqual(assemble(pieces), assemble([pieces.join('')]))));
  });

  test('of a progress bar are its last state', () => {
    assert.deepEqual(assemble(['10%\r', '50%\r100%\n', 'dos\r\n', 'end']), ['100%', 'dos', 'end']);
  });

  test('without an end do not fill the memory', () => {
    assert.ok(assemble(Array.from({ length: 100 }, () => 'x'.repeat(10_000))).length > 3);
    assert.deepEqual(assemble([...Array.from({ length: 1_000 }, (_, at) => `${'='.repeat(1_000)}${at}\r`), 'done\n']), [
      'done',
    ]);
  });
});

describe('JSON lines', () => {
  const read = async (chunks: readonly Buffer[], maxBytes = 1_000): Promise<unknown[]> => {
    const objects: unknown[] = [];
    const stream = (async function* () {
      yield* chunks;
    })();
    for await (const object of jsonLines(stream, maxBytes)) objects.push(object);
    return objects;
  };

  test('are the same however the bytes are cut, in the middle of a character too', async () => {
    const bytes = Buffer.from('{"a":"é€😀"}\r\n\n{"b":2}\n{"c":3}');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 8 }), async (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const chunks = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
        assert.deepEqual(await read(chunks), [{ a: 'é€😀' }, { b: 2 }, { c: 3 }]);
      }),
    );
  });

  test('leave out what is too long or no object, and go on', async () => {
    const text = `{"long":"${'x'.repeat(5_000)}"}\nnonsense\n[1]\n{"good":1}\n`;
    assert.deepEqual(await read([Buffer.from(text)]), [{ good: 1 }]);
    assert.deepEqual(await read([...text].map((character) => Buffer.from(character))), [{ good: 1 }]);
  });
});
