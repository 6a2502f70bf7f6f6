/**
 * Builds by the thousand through the real service, each from the engine's cache, and what grows with them. The service
 * works for a while, rests while it is looked at, and goes on.
 */
import { ServiceFolder } from '../support/service.js';
import { requireEngine, requireRegistry } from '../support/services.js';
import { Feed } from './feed.js';
import { afterWarmUp, slopePer1000 } from './slopes.js';
import { look, type Sample } from './watch.js';

export interface SoakOptions {
  readonly builds: number;
  /** Builds between two looks. */
  readonly every: number;
  readonly slots: number;
  /** The process under which engine and registry run. */
  readonly root: number;
  readonly folders: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
}

export interface SoakReport {
  readonly builds: number;
  readonly completed: number;
  /** Builds that ended otherwise, one sentence each. */
  readonly others: readonly string[];
  readonly perSecond: number;
  /** Per 1,000 builds, the first quarter left out. */
  readonly slopes: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
  readonly samples: readonly Sample[];
}

/** Repositories for each slot: while one build ends, the next is there. */
const REPOSITORIES_A_SLOT = 2;
/**
 * What may grow per 1,000 builds: memory of the service in units of 1,000,000 bytes, and its handles. The resident memory
 * has garbage in it and what the allocators hold back; what collections leave of the heap tells of a leak alone.
 */
const RSS_LIMIT = 1;
const HEAP_LIMIT = 1;
const HANDLES_LIMIT = 1;
/** A handle more or less is no growth. */
const HANDLES_NOISE = 3;
/** Fewer builds say nothing about memory: a garbage collector takes its time. */
const ENOUGH_BUILDS = 3_000;

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { builds, every, slots, say } = options;
  const [engine, registry] = [requireEngine(), requireRegistry()];
  if (engine.skip || registry.skip) throw new Error('run it by `npm run test:soak`, which starts what it needs');
  const space = `soak-${process.pid}`;
  const service = await ServiceFolder.make({ engine: engine.url, registry: registry.url, space, slots });
  try {
    const repositories = slots * REPOSITORIES_A_SLOT;
    say(`making ${builds} commits in ${repositories} repositories`);
    // One repository may get more than its part, when its builds end sooner.
    const feed = await Feed.make(service, repositories, builds + repositories);
    await service.start();
    const watched = { ...options, service, engine: engine.url.replace(/^unix:\/\//, '') };
    const samples: Sample[] = [];
    const others: string[] = [];
    for (let done = 0, activeMs = 0; done < builds; ) {
      const count = Math.min(every, builds - done);
      const pushed = await feed.push(count);
      done += count;
      activeMs += pushed.ms;
      others.push(...pushed.others);
      const sample = await look(watched, done, activeMs);
      samples.push(sample);
      say(lineOf(sample, builds, (1_000 * count) / pushed.ms));
    }
    await feed.stop();
    return reportOf(samples, builds, others);
  } finally {
    await service.close();
  }
}

function lineOf(
  { builds, processes, heapMb, heapAfterGcMb, diskMb, images }: Sample,
  of: number,
  perSecond: number,
): string {
  const held = Object.entries(processes).map(
    ([name, { rssMb, handles }]) => `${name} ${Math.round(rssMb)} MB ${handles} handles`,
  );
  const disk = Object.entries(diskMb).map(([name, size]) => `${name} ${Math.round(size)}`);
  return `${builds} of ${of}, ${perSecond.toFixed(1)}/s; ${held.join(', ')}; heap ${Math.round(heapMb)} MB, after a collection ${heapAfterGcMb?.toFixed(1) ?? '?'}; disk ${disk.join(', ')}; ${images} images`;
}

function reportOf(samples: readonly Sample[], builds: number, others: readonly string[]): SoakReport {
  const slopes = slopesOf(afterWarmUp(samples));
  const activeMs = samples.at(-1)?.activeMs ?? 0;
  return {
    builds,
    completed: builds - others.length,
    others,
    perSecond: (1_000 * builds) / activeMs,
    slopes,
    faults: [
      ...faultsOf(samples, slopes, builds),
      ...others.slice(0, 5).map((end) => `a build ended otherwise: ${end}`),
    ],
    samples,
  };
}

function slopesOf(samples: readonly Sample[]): Record<string, number> {
  const figures = (sample: Sample): Record<string, number> => ({
    heap_mb: sample.heapMb,
    heap_after_gc_mb: sample.heapAfterGcMb ?? Number.NaN,
    images: sample.images,
    ...Object.fromEntries(Object.entries(sample.parts).map(([name, size]) => [`service_${name}_mb`, size])),
    ...Object.fromEntries(
      Object.entries(sample.processes).flatMap(([name, { rssMb, handles }]) => [
        [`${name}_rss_mb`, rssMb],
        [`${name}_handles`, handles],
      ]),
    ),
    ...Object.fromEntries(Object.entries(sample.diskMb).map(([name, size]) => [`${name}_disk_mb`, size])),
  });
  const [first] = samples;
  if (first === undefined) return {};
  const slopes = Object.keys(figures(first)).map((name) => {
    const points = samples.map((sample) => ({ at: sample.builds, value: figures(sample)[name] ?? Number.NaN }));
    return [name, slopePer1000(points)] as const;
  });
  return Object.fromEntries(slopes.filter((pair): pair is [string, number] => pair[1] !== null));
}

function faultsOf(samples: readonly Sample[], slopes: Readonly<Record<string, number>>, builds: number): string[] {
  const [first, last] = [samples[0], samples.at(-1)];
  const rss = slopes['service_rss_mb'] ?? 0;
  const heap = slopes['heap_after_gc_mb'] ?? 0;
  const handles = slopes['service_handles'] ?? 0;
  const left = (what: string, found: readonly string[] | number | undefined): string[] => {
    const count = typeof found === 'number' ? found : (found?.length ?? 0);
    return count === 0
      ? []
      : [`${count} ${what}${typeof found === 'object' ? `: ${found.slice(0, 3).join('; ')}` : ''}`];
  };
  return [
    ...left('messages wait though nothing is under way', last?.waiting),
    ...left('containers are left in the engine', last?.containers),
    // It keeps some beside each mirror that it uses: as many as at the first look.
    ...left('more processes of the service run than at first', last?.children.slice(first?.children.length)),
    ...left('processes of the service have no parent', last?.orphans),
    ...(builds >= ENOUGH_BUILDS && rss >= RSS_LIMIT
      ? [`the service grows by ${rss.toFixed(2)} MB per 1,000 builds`]
      : []),
    ...(builds >= ENOUGH_BUILDS && heap >= HEAP_LIMIT
      ? [`what is alive in the service's heap grows by ${heap.toFixed(2)} MB per 1,000 builds`]
      : []),
    ...(handles >= HANDLES_LIMIT && (handles * builds) / 1_000 >= HANDLES_NOISE
      ? [`the service's handles grow by ${handles.toFixed(1)} per 1,000 builds`]
      : []),
  ];
}
