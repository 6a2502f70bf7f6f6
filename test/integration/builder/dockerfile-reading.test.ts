// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles have these placeholders.
/** Our reading of Dockerfiles held against an engine's: what we say of the labels is what the built image has. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { inspectDockerfile } from '../../../src/builder/decide/dockerfile.js';
import { requireEngine } from '../../support/services.js';

const engine = requireEngine();

/** Readable alike by engine and us: quotes, escapes, variables, continuations, directives, stages. */
const AGREED: readonly string[] = [
  'FROM scratch\nLABEL a=x\\ y b=\'$X "q"\' c="d e"',
  'FROM scratch\nLABEL summary a web  server',
  'FROM scratch\nLABEL a=1 \\\n  # c\n\n  b="2 \\\n3"',
  'FROM scratch\nLABEL a=1 \\  \n  b=2',
  'FROM scratch\nLABEL a=1 \\\n\u00a0\n b=2',
  'FROM scratch AS x\nENV V=5\nLABEL q=1\nFROM x\nLABEL v=$V ${V}=k',
  'FROM scratch\nENV A=1\nENV A=2 B=$A\nLABEL v=$B w=${Z:-def} y=${A:+alt} z=$Z.',
  'FROM scratch\nLABEL a=${A:-${B:-c}} d=$1 e=$$ f=$',
  'ARG V=3\nFROM scratch\nARG V\nLABEL v=$V',
  'FROM scratch\nARG V=3\nENV V=5\nLABEL v=$V',
  'FROM scratch\nENV V=5\nARG V=3\nLABEL v=$V',
  '# escape=`\nFROM scratch\nLABEL a=x` y b=c:\\d c="`"q"',
  'FROM scratch\nLABEL a="\\x \\" \\$V" b=\\$V',
  'FROM scratch\nLABEL "a b"=1 \'c\'=2',
  'FROM scratch\nLABEL a=b=c\td=4',
  'FROM scratch\r\nLABEL a=1 \\\r\n b=2\r\n',
  '\ufeffFROM scratch\nLABEL a=1',
  '  from "scratch" as X\n label a=1\nFROM x\nlabel b=2',
];

/** What neither takes. */
const REFUSED: readonly string[] = [
  'FROM scratch\nLABEL a=1 b',
  'FROM scratch\nLABEL a',
  'FROM scratch\nFORM x',
  'FROM scratch AS 1x\nLABEL a=1',
  'LABEL a=1\nFROM scratch',
  'FROM scratch\nLABEL a=1\nUSER',
  'FROM scratch\nCOPY x',
];

/** Labels of the image that the engine makes of it, or null when it makes none. Leaves nothing behind. */
async function built(docker: Docker, dockerfile: string): Promise<Readonly<Record<string, string>> | null> {
  const context = pack();
  context.entry({ name: 'Dockerfile' }, dockerfile);
  context.finalize();
  const name = `dockerfile-reading:${randomUUID()}`;
  try {
    await textOf(
      await docker.buildImage(context.pipe(new PassThrough()), { t: name, forcerm: true, networkmode: 'none' }),
    );
    const { Config } = await docker.getImage(name).inspect();
    return Config.Labels ?? {};
  } catch (thrown) {
    const status = (thrown as { readonly statusCode?: unknown }).statusCode;
    if (status === 400 || status === 404) return null;
    throw thrown;
  } finally {
    await docker
      .getImage(name)
      .remove()
      .catch(() => undefined);
  }
}

describe('a Dockerfile means the same to us and to the engine', { skip: engine.skip }, () => {
  const docker = () => new Docker({ socketPath: new URL(engine.url).pathname });

  for (const dockerfile of AGREED)
    test(JSON.stringify(dockerfile), async () => {
      const ours = inspectDockerfile(dockerfile, { path: 'Dockerfile', buildArgs: {} });
      assert.ok(ours.ok);
      assert.deepEqual({ ...ours.value.labels }, await built(docker(), dockerfile));
    });

  for (const dockerfile of REFUSED)
    test(`refused: ${JSON.stringify(dockerfile)}`, async () => {
      assert.ok(!inspectDockerfile(dockerfile, { path: 'Dockerfile', buildArgs: {} }).ok);
      assert.equal(await built(docker(), dockerfile), null);
    });
});
