import type { Bus, Topology } from './contract.js';
import { openEmbeddedBus } from './embedded/index.js';

/** Which engine, and how to reach it. Each kind is a member of its own. */
export type BusSettings = { readonly kind: 'embedded'; readonly path: string };

/** Opens a bus and declares the whole topology. Throws `bus_unavailable`, `bus_incompatible`. */
export async function openBus(settings: BusSettings, topology: Topology): Promise<Bus> {
  switch (settings.kind) {
    case 'embedded':
      return openEmbeddedBus(settings.path, topology);
  }
}
