/** One look at everything that could grow: processes, files, queues, the engine. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import type { ServiceFolder } from '../support/service.js';
import { allProcesses, descendants, type Held, heldBy, type ProcessSample, residentParts } from './processes.js';

const exec = promisify(execFile);
const GROUPS = ['trigger', 'builder', 'builder.cascade'];

export interface Sample {
  /** Builds that have ended so far. */
  readonly builds: number;
  /** Since the first push, pauses for looking left out. */
  readonly activeMs: number;
  /** The service, the engine's and the registry's processes by name; those of one name together. */
  readonly processes: Readonly<Record<string, Held>>;
  /** The service's heap in use, in units of 1,000,000 bytes: what is alive and what is not yet collected. */
  readonly heapMb: number;
  /** What the last full collection left of it; null before the first. */
  readonly heapAfterGcMb: number | null;
  /** What the service's resident memory is made of, in the same units. */
  readonly parts: MemoryParts;
  /** Units of 1,000,000 bytes, by folder or file. */
  readonly diskMb: Readonly<Record<string, number>>;
  /** Messages that wait in a group though nothing is under way. */
  readonly waiting: number;
  readonly containers: number;
  readonly images: number;
  /** Processes of the service's that run though it has nothing to do, and such that lost their parent. */
  readonly children: readonly string[];
  readonly orphans: readonly string[];
}

export interface MemoryParts {
  /** What V8 holds for young objects, for old ones, and for all else in its heap. */
  readonly young: number;
  readonly old: number;
  readonly otherHeap: number;
  /** Programs and files that are mapped. */
  readonly files: number;
  /** What is left: buffers, SQLite's pages, compiled code's tables, and what the allocator holds back. */
  readonly native: number;
}

export interface Watched {
  readonly service: ServiceFolder;
  /** The engine's socket. */
  readonly engine: string;
  /** The process under which engine and registry run. */
  readonly root: number;
  /** Folders of the engine's and the registry's data by name, where they are ours. */
  readonly folders: Readonly<Record<string, string>>;
}

/** Looks while nothing is under way. */
export async function look(watched: Watched, builds: number, activeMs: number): Promise<Sample> {
  const { service, engine } = watched;
  const docker = new Docker({ socketPath: engine });
  const all = await allProcesses();
  const pid = service.pid ?? 0;
  const waiting = await Promise.all(GROUPS.map((group) => service.bus.waiting(group)));
  return {
    builds,
    activeMs,
    processes: await heldByName(all, watched, pid),
    ...(await memory(service, pid)),
    diskMb: await disk(watched),
    waiting: waiting.reduce((sum, one) => sum + one, 0),
    containers: (await docker.listContainers({ all: true })).length,
    images: (await docker.listImages({ all: true })).length,
    children: descendants(all, pid).map(({ command }) => command),
    orphans: all
      .filter((one) => one.parent === 1 && one.command.includes(service.folder))
      .map(({ command }) => command),
  };
}

async function heldByName(
  all: readonly ProcessSample[],
  { root, engine }: Watched,
  service: number,
): Promise<Record<string, Held>> {
  const inside = new Set(descendants(all, service).map(({ pid }) => pid));
  const beside = descendants(all, root).filter(
    ({ pid, name }) =>
      pid !== service && !inside.has(pid) && /^(dockerd|containerd|registry|docker-registry)/.test(name),
  );
  const named = [{ pid: service, name: 'service' }, ...beside.map(({ pid, name }) => ({ pid, name }))];
  if (beside.length === 0) named.push(...all.filter(({ command }) => command.includes(engine)));
  const held: Record<string, Held> = {};
  for (const { pid, name } of named) {
    const one = await heldBy(pid);
    const so = held[name] ?? { rssMb: 0, handles: 0 };
    if (one !== null) held[name] = { rssMb: so.rssMb + one.rssMb, handles: so.handles + one.handles };
  }
  return held;
}

async function memory(
  { health }: ServiceFolder,
  pid: number,
): Promise<Pick<Sample, 'heapMb' | 'heapAfterGcMb' | 'parts'>> {
  const text = await (await fetch(`${health}/metrics`)).text();
  const megabytes = (name: string): number => {
    const value = new RegExp(`^layerwright_nodejs_heap_${name} (\\S+)$`, 'm').exec(text)?.[1];
    return Number(value ?? Number.NaN) / 1_000_000;
  };
  const space = (name: string): number => megabytes(`space_size_total_bytes\\{space="${name}"\\}`);
  const [young, old] = [space('new'), space('old')];
  const total = megabytes('size_total_bytes');
  const { anonymousMb, filesMb } = await residentParts(pid);
  return {
    heapMb: megabytes('size_used_bytes'),
    heapAfterGcMb: megabytes('size_after_gc_bytes') || null,
    parts: { young, old, otherHeap: total - young - old, files: filesMb, native: anonymousMb - total },
  };
}

async function disk({ service, folders }: Watched): Promise<Record<string, number>> {
  const files = (await readdir(service.folder))
    .filter((name) => name.startsWith('bus.db'))
    .map((name) => join(service.folder, name));
  const mirrors = join(service.folder, 'state', 'mirrors');
  const sizes: Record<string, number> = {
    bus: await sizeOf(files),
    state: await sizeOf([join(service.folder, 'state')]),
    mirrors: await sizeOf([mirrors]),
  };
  for (const [name, folder] of Object.entries(folders)) sizes[name] = await sizeOf([folder]);
  return sizes;
}

/** What `du` says; files that go while it looks are no fault. */
async function sizeOf(paths: readonly string[]): Promise<number> {
  const { stdout } = await exec('du', ['-skc', ...paths]).catch((thrown: { stdout?: string }) => ({
    stdout: thrown.stdout ?? '',
  }));
  return (Number(/^(\d+)\s+total$/m.exec(stdout)?.[1] ?? 0) * 1_024) / 1_000_000;
}
