/** An empty bus of a test's own of each kind, for tests that do the same on all of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import type { BusSettings } from '../../src/bus/index.js';
import { settingsOf } from '../../src/library/address.js';
import { makeVhost, vhostSkip } from './amqp-vhost.js';
import { startNatsServer } from './nats-server.js';
import { requireNatsServer } from './services.js';

export interface BusPlace {
  /** A URL, or the path of a file. */
  readonly address: string;
  readonly settings: BusSettings;
  remove(): Promise<void>;
}

export interface PlaceKind {
  readonly kind: BusSettings['kind'];
  readonly skip: string | false;
  make(): Promise<BusPlace>;
}

const place = (address: string, remove: () => Promise<void>): BusPlace => ({
  address,
  settings: settingsOf(address),
  remove,
});

export const BUS_PLACES: readonly PlaceKind[] = [
  {
    kind: 'embedded',
    skip: false,
    make: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'layerwright-place-'));
      return place(join(folder, 'bus.db'), () => rm(folder, { recursive: true, force: true }));
    },
  },
  {
    kind: 'amqp',
    skip: vhostSkip(),
    make: async () => {
      const vhost = await makeVhost();
      return place(vhost.url, () => vhost.remove());
    },
  },
  {
    kind: 'nats',
    skip: requireNatsServer().skip,
    make: async () => {
      const server = await startNatsServer();
      return place(server.url, () => server.stop());
    },
  },
];

/**
 * For flows that decide alike on every bus and take minutes on all of them: the embedded one, and every kind with
 * LAYERWRIGHT_ALL_BUSES=1. What differs between buses has the conformance suite, and the flows of waves, which run on all.
 */
const FLOW_PLACES: readonly PlaceKind[] =
  process.env['LAYERWRIGHT_ALL_BUSES'] === '1' ? BUS_PLACES : BUS_PLACES.filter(({ kind }) => kind === 'embedded');

/** A flow on each of those, all at once: most of the time is waiting. `skip`: why it can't run on any. */
export function describeFlow(name: string, skip: string | false, suite: (kind: PlaceKind) => void): void {
  describe(name, { concurrency: true }, () => {
    for (const bus of FLOW_PLACES)
      describe(`on the ${bus.kind} bus`, { concurrency: 1, skip: skip || bus.skip }, () => suite(bus));
  });
}
