import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ServiceError } from '../kernel/service-error.js';
import type { Bus, OpenOptions, Topology } from './contract.js';
import type { BusSettings } from './settings.js';

/**
 * Opens a bus and declares the whole topology. Throws `bus_unavailable`, `bus_denied`, `bus_incompatible`. Only the
 * engine that is asked for is loaded.
 */
export async function openBus(settings: BusSettings, topology: Topology, options: OpenOptions = {}): Promise<Bus> {
  switch (settings.kind) {
    case 'embedded': {
      await makeFolder(dirname(settings.path));
      const { openEmbeddedBus } = await import('./embedded/index.js');
      return openEmbeddedBus(settings.path, topology, options);
    }
    case 'amqp': {
      const { openAmqpBus } = await import('./amqp/index.js');
      return openAmqpBus(settings, topology, options);
    }
    case 'nats': {
      const { openNatsBus } = await import('./nats/index.js');
      return openNatsBus(settings, topology, options);
    }
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw new ServiceError('bus_unavailable', `the folder ${path} for the bus file can't be made`, { cause });
  }
}
