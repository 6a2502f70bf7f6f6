import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import tar from 'tar-stream';
import type { EngineBuild } from '../../../src/builder/ports.js';

/** The engine as an onlooker sees it, not through the code under test. */
export function onlooker(host: string): Docker {
  return new Docker({ socketPath: host.replace('unix://', '') });
}

/** What a build must leave as it was: containers (running or not) and dangling images. */
export async function leftovers(docker: Docker): Promise<{ containers: string[]; dangling: string[] }> {
  const containers = await docker.listContainers({ all: true });
  const dangling = await docker.listImages({ filters: { dangling: ['true'] } });
  return { containers: containers.map(({ Id }) => Id).sort(), dangling: dangling.map(({ Id }) => Id).sort() };
}

/** A tar stream of some files. */
export function contextOf(files: Readonly<Record<string, string | Buffer>>): Readable {
  const pack = tar.pack();
  for (const [name, content] of Object.entries(files))
    pack.entry({ name, mode: 0o755, mtime: new Date(0) }, Buffer.from(content));
  pack.finalize();
  return pack as unknown as Readable;
}

/** Makes a parent with a shell, from scratch, once for a file of tests. */
export async function makeParent(docker: Docker, name: string, busybox: string): Promise<void> {
  const stream = await docker.buildImage(
    contextOf({
      Dockerfile: 'FROM scratch\nADD busybox /bin/busybox\nRUN ["/bin/busybox","--install","-s","/bin"]\n',
      busybox: await readFile(busybox),
    }),
    { t: name, rm: true, forcerm: true, networkmode: 'none' },
  );
  let said = '';
  for await (const chunk of stream) said += String(chunk);
  if (said.includes('errorDetail')) throw new Error(said);
}

/** A build request with what most tests don't care about; lines go to the array. */
export function requestOf(
  dockerfile: string,
  reference: string,
  some: Partial<EngineBuild> = {},
): EngineBuild & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    context: contextOf({ Dockerfile: dockerfile }),
    dockerfile: 'Dockerfile',
    reference,
    build: reference,
    ownSteps: 0,
    labels: { 'io.layerwright.build': reference },
    buildArgs: {},
    network: 'none',
    memoryBytes: null,
    cpu: null,
    useCache: false,
    platform: 'linux/amd64',
    logins: {},
    onLine: (line) => lines.push(line),
    lines,
    ...some,
  };
}
