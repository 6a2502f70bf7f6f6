/** What the two engines over a network have in common: settings, proxies, and who is still connected. */
import { type Bus, type BusSettings, openBus, type Topology } from '../../src/bus/index.js';
import type { RawMessage } from '../../src/messages/index.js';
import { BusProcess } from '../support/bus-process.js';
import { type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.js';
import { type NetworkTestBus, TOPOLOGY } from './kit.js';

/** One empty bus on a server. */
export interface NetworkPlace {
  /** With host and port. */
  readonly url: string;
  /** How a bus is reached at `address` (`host:port`), the server's own or a proxy's. */
  settings(address: string): BusSettings;
  publishRaw(raw: RawMessage): Promise<void>;
  makeAnew(): Promise<void>;
  /** Removes every queue or stream under the living connections. */
  removeLogs(): Promise<void>;
  /** What connections left behind; all of them are closed. */
  left(): Promise<readonly string[]>;
  kill(): Promise<void>;
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

export function networkBus(place: NetworkPlace): NetworkTestBus {
  const buses: Bus[] = [];
  const children: BusProcess[] = [];
  const proxies: FaultyProxy[] = [];
  const faults: Error[] = [];
  const { host } = new URL(place.url);
  const settings = (through?: FaultyProxy): BusSettings => place.settings(through?.address ?? host);
  const closeAll = async (): Promise<void> => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
  };
  return {
    faults,
    open: async (topology: Topology = TOPOLOGY, through?: FaultyProxy) => {
      const bus = await openBus(settings(through), topology, { onFault: (error) => faults.push(error) });
      buses.push(bus);
      return bus;
    },
    spawn: async (through?: FaultyProxy) => {
      const child = await BusProcess.start({ settings: settings(through), topology: TOPOLOGY });
      children.push(child);
      return child;
    },
    proxy: async () => {
      const proxy = await startFaultyProxy(place.url);
      proxies.push(proxy);
      return proxy;
    },
    publishRaw: (raw) => place.publishRaw(raw),
    makeAnew: async () => {
      await closeAll();
      await place.makeAnew();
    },
    makeAnewUnder: () => place.makeAnew(),
    removeLogs: () => place.removeLogs(),
    leftovers: async () => {
      await closeAll();
      return place.left();
    },
    kill: () => place.kill(),
    startAgain: () => place.startAgain(),
    stop: async () => {
      await Promise.all(children.map((child) => child.kill()));
      for (const proxy of proxies) proxy.set({ kind: 'pass' });
      try {
        await closeAll();
      } finally {
        await Promise.all(proxies.map((proxy) => proxy.close()));
        await place.stop();
      }
    },
  };
}
