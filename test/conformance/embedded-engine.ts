/** The embedded engine for the conformance suite: each bus is a file in a folder of its own. */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../src/bus/embedded/database.js';
import { openEmbeddedBus } from '../../src/bus/embedded/index.js';
import { BusProcess } from '../support/bus-process.js';
import { type BusEngine, type TestBus, TOPOLOGY } from './kit.js';

/** What a test of this engine alone may know more. */
export interface EmbeddedTestBus extends TestBus {
  readonly path: string;
  /** Faults without a caller, of all connections of this process. */
  readonly faults: readonly Error[];
}

export const embeddedEngine = {
  name: 'embedded',
  skip: false,
  duplicates: 'one',
  timePrecisionMs: 1,
  network: null,
  start: async (): Promise<EmbeddedTestBus> => {
    const folder = await mkdtemp(join(tmpdir(), 'layerwright-bus-'));
    const path = join(folder, 'bus.db');
    const faults: Error[] = [];
    const buses: Awaited<ReturnType<typeof openEmbeddedBus>>[] = [];
    const children: BusProcess[] = [];
    const open = async (topology = TOPOLOGY): ReturnType<typeof openEmbeddedBus> => {
      const bus = await openEmbeddedBus(path, topology, { onFault: (error) => faults.push(error) });
      buses.push(bus);
      return bus;
    };
    const closeAll = async (): Promise<void> => {
      await Promise.all(buses.splice(0).map((bus) => bus.close()));
    };
    return {
      path,
      faults,
      open,
      spawn: async () => {
        const child = await BusProcess.start({ settings: { kind: 'embedded', path }, topology: TOPOLOGY });
        children.push(child);
        return child;
      },
      publishRaw: async (raw) => {
        const bus = await openEmbeddedBus(path, TOPOLOGY);
        await bus.publishRaw(raw);
        await bus.close();
      },
      makeAnew: async () => {
        await closeAll();
        // Statements end when they are collected, and SQLite then tidies up: a file may go by itself meanwhile.
        for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
      },
      leftovers: async () => {
        await closeAll();
        const files = await Promise.all(
          (await readdir(folder)).map(async (name) => ({ name, bytes: await sizeOf(join(folder, name)) })),
        );
        // SQLite's own files beside the bus may stay, but nothing may be in them only.
        const left = files.filter(
          ({ name, bytes }) => !/^bus\.db(-shm)?$/.test(name) && !(name === 'bus.db-wal' && bytes === 0),
        );
        return [...left.map(({ name }) => name), ...rowsLeft(path)];
      },
      stop: async () => {
        await Promise.all(children.map((child) => child.kill()));
        await closeAll();
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
} satisfies BusEngine;

/** Bytes of a file; 0 for one that SQLite has removed meanwhile. */
async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}

/** Leases, and deliveries in hands: nobody is there any more who could have them. */
function rowsLeft(path: string): string[] {
  const db = new Database(path);
  const leases = db.all<[string]>('SELECT key FROM leases').map(([key]) => `the lease ${key}`);
  const taken = db.all<[number]>('SELECT seq FROM deliveries WHERE holder IS NOT NULL');
  db.close();
  return [...leases, ...taken.map(([seq]) => `the delivery ${seq}`)];
}
