/**
 * What the service adds to a build: from the push message to `completed`, less a tight script that does the same fetch,
 * archive, build, push, read-back and tags through the same API. Both in turn, in one run, on one engine and registry.
 */
import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { openRegistry, type Registry } from '../src/registry/index.js';
import { BRANCH, ServiceFolder } from '../test/support/service.js';
import { requireBusybox, requireEngine, requireRegistry } from '../test/support/services.js';
import { ended } from './engine-progress.js';
import { EngineTap } from './engine-tap.js';
import { atMost, median, type Row, shown } from './figures.js';

const exec = promisify(execFile);
const TINY_ROUNDS = 25;
const TINY_LIMIT_MS = 60;
const LONG_ROUNDS = 2;
const LONG_SECONDS = 20;
const LONG_LIMIT = 1.02;
const REQUEST_ROUNDS = 20;
const REQUEST_LIMIT_MS = 60;
const TAGS = ['primary', 'floating', 'latest'];

export async function overheadRows(): Promise<readonly Row[]> {
  const [engine, registry, busybox] = [requireEngine(), requireRegistry(), requireBusybox()];
  if (engine.skip || registry.skip || busybox.skip)
    throw new Error('run it by `npm run bench`, which starts what it needs');
  const tap = await EngineTap.open(engine.url.replace(/^unix:\/\//, ''));
  const space = `bench-${process.pid}`;
  const service = await ServiceFolder.make({ engine: tap.url, registry: registry.url, space });
  const client = openRegistry({ name: 'bench', url: registry.url, credentials: { kind: 'none' } });
  try {
    await service.start();
    const program = await readFile(busybox.url);
    const script = new TightScript(tap.path, client, service, `${space}/script`);
    const pair = new Pair(service, script);
    const tiny = await pair.rounds('tiny', TINY_ROUNDS, (round) => tinyFiles(round));
    const requests: number[] = [];
    for (let round = 0; round < REQUEST_ROUNDS; round += 1) {
      requests.push(await tap.timeRequest(service, tinyFiles(`request ${round}`)));
    }
    const long = await pair.rounds('long', LONG_ROUNDS, (round) => longFiles(round, program));
    const overhead = median(tiny.map(({ ours, script: raw }) => ours - raw));
    const ratio = median(long.map(({ ours, script: raw }) => ours / raw));
    return [
      atMost('overhead.tiny.p50_ms', overhead, 'ms', TINY_LIMIT_MS),
      shown('overhead.tiny.script_p50_ms', median(tiny.map((times) => times.script)), 'ms'),
      shown('overhead.tiny.fetch_p50_ms', median(script.fetches), 'ms'),
      atMost('overhead.20s.ratio', ratio, 'x', LONG_LIMIT),
      atMost('engine_request.p50_ms', median(requests), 'ms', REQUEST_LIMIT_MS),
    ];
  } finally {
    await service.close();
    await client.close();
    await tap.close();
  }
}

function tinyFiles(round: string): Record<string, string> {
  return { Dockerfile: 'FROM scratch\nLABEL version="1"\nCOPY file /\n', file: `${round}\n` };
}

function longFiles(round: string, busybox: Uint8Array): Record<string, string | Uint8Array> {
  const sleep = `RUN ["/bin/busybox", "sleep", "${LONG_SECONDS}"]`;
  return { Dockerfile: `FROM scratch\nLABEL version="1"\nCOPY . /bin/\n${sleep}\n`, busybox, file: `${round}\n` };
}

interface Times {
  readonly ours: number;
  readonly script: number;
}

/** Ours and the script in turn, each on a commit of its own, so that neither finds the other's cache. */
class Pair {
  readonly #service: ServiceFolder;
  readonly #script: TightScript;

  constructor(service: ServiceFolder, script: TightScript) {
    this.#service = service;
    this.#script = script;
  }

  /** Milliseconds of each round; the first round warms both up and is not counted. */
  async rounds(
    component: string,
    count: number,
    files: (round: string) => Record<string, string | Uint8Array>,
  ): Promise<Times[]> {
    const times: Times[] = [];
    for (let round = 0; round <= count; round += 1) {
      const ours = await timeOurs(this.#service, component, files(`${component} ${round} ours`));
      const script = await this.#script.time(component, files(`${component} ${round} script`));
      if (round > 0) times.push({ ours, script });
    }
    return times;
  }
}

async function timeOurs(
  service: ServiceFolder,
  component: string,
  files: Record<string, string | Uint8Array>,
): Promise<number> {
  const commit = await service.commit(component, files);
  let told: (milliseconds: number) => void = () => undefined;
  const done = new Promise<number>((resolve) => {
    told = resolve;
  });
  const follower = await service.bus.follow('ours', 'end', (batch) => {
    const now = performance.now();
    for (const { message } of batch) {
      if (!JSON.stringify(message.body).includes(commit)) continue;
      if (message.topic.endsWith('.failed'))
        throw new Error(`the build failed: ${JSON.stringify(message.body['failure'])}`);
      if (message.topic.endsWith('.completed')) told(now);
    }
  });
  const failed = follower.stopped.then(() => {
    throw new Error('the follower was stopped');
  });
  const began = performance.now();
  await service.announce(component, commit);
  const ended = await Promise.race([done, failed]);
  failed.catch(() => undefined);
  await follower.stop();
  return ended - began;
}

/** The least that must be done, one step after the other. */
class TightScript {
  readonly #docker: Docker;
  readonly #registry: Registry;
  readonly #service: ServiceFolder;
  readonly #repository: string;
  /** Milliseconds of each `git fetch`: the largest part that nobody can leave out before the engine is asked. */
  readonly fetches: number[] = [];

  constructor(engine: string, registry: Registry, service: ServiceFolder, repository: string) {
    this.#docker = new Docker({ socketPath: engine });
    this.#registry = registry;
    this.#service = service;
    this.#repository = repository;
  }

  async time(component: string, files: Record<string, string | Uint8Array>): Promise<number> {
    const commit = await this.#service.commit(component, files);
    const bare = join(this.#service.folder, 'git', 'container', `${component}.git`);
    const mirror = join(this.#service.folder, 'script', component);
    await exec('git', ['init', '--quiet', '--bare', mirror]);
    const began = performance.now();
    await exec('git', ['fetch', '--quiet', `file://${bare}`, `+refs/heads/${BRANCH}:refs/heads/${BRANCH}`], {
      cwd: mirror,
    });
    this.fetches.push(performance.now() - began);
    const reference = `${this.#registry.host}/${this.#repository}:${commit}`;
    const archive = spawn('git', ['archive', commit], { cwd: mirror, stdio: ['ignore', 'pipe', 'inherit'] });
    const labels = { 'io.layerwright.bench': commit };
    await ended(
      this.#docker,
      await this.#docker.buildImage(archive.stdout, {
        t: reference,
        labels,
        networkmode: 'none',
        rm: true,
        forcerm: true,
      }),
    );
    await ended(this.#docker, await this.#docker.getImage(reference).push({ authconfig: {} }));
    const manifest = await this.#registry.getManifest(this.#repository, commit);
    if (manifest === null) throw new Error('the script’s push did not arrive');
    for (const tag of TAGS) await this.#registry.putManifest(this.#repository, tag, manifest.mediaType, manifest.bytes);
    const took = performance.now() - began;
    await this.#docker.getImage(reference).remove();
    return took;
  }
}
