import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ServiceError } from '../kernel/service-error.js';
import type { Bus, Topology } from './contract.js';
import { openEmbeddedBus } from './embedded/index.js';

/** Which engine, and how to reach it. Each kind is a member of its own. */
export type BusSettings = { readonly kind: 'embedded'; readonly path: string };

export interface OpenOptions {
  /** Gets faults that have no caller: `work` or a listener that throws. By default they are warnings of the process. */
  readonly onFault?: (error: Error) => void;
}

/** Opens a bus and declares the whole topology. Throws `bus_unavailable`, `bus_incompatible`. */
export async function openBus(settings: BusSettings, topology: Topology, options: OpenOptions = {}): Promise<Bus> {
  switch (settings.kind) {
    case 'embedded':
      await makeFolder(dirname(settings.path));
      return openEmbeddedBus(settings.path, topology, options);
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw new ServiceError('bus_unavailable', `the folder ${path} for the bus file can't be made`, { cause });
  }
}
