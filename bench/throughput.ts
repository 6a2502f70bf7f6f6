/**
 * How many builds a second the service ends when the engine's cache has their layers, with two at the same time, against
 * two loops that only build and push the same through the same API. In turn, in one run, on one engine and registry.
 */
import { PassThrough } from 'node:stream';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { CACHED_FILES, Feed } from '../test/soak/feed.js';
import { ServiceFolder } from '../test/support/service.js';
import { requireEngine, requireRegistry } from '../test/support/services.js';
import { ended } from './engine-progress.js';
import { atLeast, type Row, shown } from './figures.js';

const SLOTS = 2;
/** Each has one push under way: two builds build, two wrap up, and the queue is never empty. */
const REPOSITORIES = 8;
/** Before the rounds: a service that has just started is compiled while it works, and gets faster for some 500 builds. */
const FIRST_BUILDS = 480;
const ROUNDS = 3;
/** So many that the pace is the one that goes on: what begins a round and what ends it runs beside nothing. */
const BUILDS_A_ROUND = 120;
/** Of the engine's own pace. */
const LEAST_SHARE = 0.7;

export async function throughputRows(): Promise<readonly Row[]> {
  const [engine, registry] = [requireEngine(), requireRegistry()];
  if (engine.skip || registry.skip) throw new Error('run it by `npm run bench`, which starts what it needs');
  const space = `bench-throughput-${process.pid}`;
  const service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, slots: SLOTS });
  try {
    const feed = await Feed.make(service, REPOSITORIES, FIRST_BUILDS + ROUNDS * BUILDS_A_ROUND);
    await service.start();
    const floor = new Floor(engine.url.replace(/^unix:\/\//, ''), `${new URL(registry.url).host}/${space}/floor`);
    await floor.begin();
    const msOf = async (count: number): Promise<number> => {
      const { ms, others } = await feed.push(count);
      if (others.length > 0) throw new Error(`a build did not complete: ${others[0]}`);
      return ms;
    };
    const first = await msOf(FIRST_BUILDS);
    await floor.builds(BUILDS_A_ROUND);
    let [ours, theirs] = [0, 0];
    for (let round = 0; round < ROUNDS; round += 1) {
      ours += await msOf(BUILDS_A_ROUND);
      theirs += await floor.builds(BUILDS_A_ROUND);
    }
    await feed.stop();
    await floor.end();
    const perSecond = (ms: number, builds = ROUNDS * BUILDS_A_ROUND): number => (1_000 * builds) / ms;
    return [
      atLeast('throughput.cached_per_s', perSecond(ours), '1/s', LEAST_SHARE * perSecond(theirs)),
      shown('throughput.floor_per_s', perSecond(theirs), '1/s'),
      shown('throughput.first_per_s', perSecond(first, FIRST_BUILDS), '1/s'),
    ];
  } finally {
    await service.close();
  }
}

/** The engine alone: a build and a push, again and again, in as many loops as the service has slots. */
class Floor {
  readonly #docker: Docker;
  readonly #repository: string;
  readonly #cache: string;
  #count = 0;

  constructor(socketPath: string, repository: string) {
    this.#docker = new Docker({ socketPath });
    this.#repository = repository;
    this.#cache = `${repository}:cache`;
  }

  /** Its cache: one image that stays, as one of each component does in the service. */
  async begin(): Promise<void> {
    await this.#build(this.#cache);
  }

  async end(): Promise<void> {
    await this.#docker.getImage(this.#cache).remove();
  }

  /** Milliseconds that so many took. */
  async builds(count: number): Promise<number> {
    const began = performance.now();
    let left = count;
    const loop = async (): Promise<void> => {
      for (; left > 0; ) {
        left -= 1;
        await this.#one();
      }
    };
    await Promise.all(Array.from({ length: SLOTS }, loop));
    return performance.now() - began;
  }

  async #one(): Promise<void> {
    this.#count += 1;
    const reference = `${this.#repository}:${this.#count}`;
    await this.#build(reference);
    await ended(this.#docker, await this.#docker.getImage(reference).push({ authconfig: {} }));
    await this.#docker.getImage(reference).remove();
  }

  /** Each has a label of its own, as each of ours has, so that it is an image of its own. */
  async #build(reference: string): Promise<void> {
    const context = pack();
    for (const [name, text] of Object.entries(CACHED_FILES)) {
      const own = name === 'Dockerfile' ? `LABEL io.layerwright.bench='${reference}'\n` : '';
      context.entry({ name, mtime: new Date(0) }, text + own);
    }
    context.finalize();
    const how = { t: reference, networkmode: 'none', rm: true, forcerm: true };
    await ended(this.#docker, await this.#docker.buildImage(context.pipe(new PassThrough()), how));
  }
}
