import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import Docker from 'dockerode';
import tar from 'tar-stream';
import type { EngineBuild } from '../../../src/builder/ports.js';
import { pause } from '../../../src/runtime/clock.js';

/** The engine as an onlooker sees it, not through the code under test. */
export function onlooker(host: string): Docker {
  return new Docker({ socketPath: host.replace('unix://', '') });
}

export interface Leftovers {
  readonly containers: readonly string[];
  readonly dangling: readonly string[];
}

/** What a build must leave as it was: containers (running or not) and dangling images. */
export async function leftovers(docker: Docker): Promise<Leftovers> {
  const containers = (await docker.listContainers({ all: true })).map(({ Id }) => Id);
  const dangling = await docker.listImages({ filters: { dangling: ['true'] } });
  return {
    containers: [...new Set([...containers, ...(await workingContainers(docker))])].sort(),
    dangling: dangling.map(({ Id }) => Id).sort(),
  };
}

/** Checks that an engine is as it was; `deadlineMs`: Podman takes its own things away a moment after a build was broken off. */
export async function assertLeftovers(docker: Docker, expected: Leftovers, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  let now = await leftovers(docker);
  while (!isDeepStrictEqual(now, expected) && performance.now() < deadline) {
    await pause(50);
    now = await leftovers(docker);
  }
  assert.deepEqual(now, expected);
}

/** Containers that only Podman's own API shows: those of its builds. None on Docker. */
async function workingContainers(docker: Docker): Promise<readonly string[]> {
  const request = {
    path: '/v4.0.0/libpod/containers/json?',
    method: 'GET',
    options: { all: 'true', external: 'true' },
    statusCodes: { 200: true, 400: 'no such version', 404: 'no such page' },
  };
  const listed = await new Promise<unknown>((resolve, reject) => {
    docker.modem.dial(request, (error: (Error & { statusCode?: number }) | null, data: unknown) => {
      if (error === null) resolve(data);
      else if (error.statusCode === undefined) reject(error);
      else resolve([]);
    });
  });
  return (listed as { Id: string }[]).map(({ Id }) => Id);
}

/** Processes of this machine with these words in their command line. */
export async function processesWith(words: string): Promise<readonly number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    names.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return command.replaceAll('\0', ' ').includes(words) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
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
    dockerfileName: 'Dockerfile',
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
