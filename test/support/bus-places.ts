/** An empty bus of a test's own of each kind, for tests that do the same on all of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
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

/** Declares what a flow tells besides its main story. */
export type AlsoTold = (story: string, test: () => Promise<void>) => unknown;

/** With LAYERWRIGHT_ALL_BUSES=1 every flow runs whole on every bus. */
const ALL_WHOLE = process.env['LAYERWRIGHT_ALL_BUSES'] === '1';

/**
 * A flow on a bus of each kind, all at once: most of the time is waiting. Its main story is told on all of them, what it
 * declares by `also` on the embedded one: that is decided alike on every bus, and takes minutes on all. `skip`: why it
 * can't run on any.
 */
export function describeFlow(
  name: string,
  skip: string | false,
  suite: (kind: PlaceKind, also: AlsoTold) => void,
): void {
  describe(name, { concurrency: true }, () => {
    for (const bus of BUS_PLACES) {
      const also: AlsoTold = ALL_WHOLE || bus.kind === 'embedded' ? it : () => undefined;
      describe(`on the ${bus.kind} bus`, { concurrency: 1, skip: skip || bus.skip }, () => suite(bus, also));
    }
  });
}
