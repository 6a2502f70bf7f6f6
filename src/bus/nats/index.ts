/** The NATS engine: JetStream keeps logs, groups and claims (nats-server 2.9 or later). */
import type { OpenOptions, Topology } from '../contract.js';
import type { NatsSettings } from '../settings.js';
import { NatsBus } from './bus.js';
import { openLink } from './connect.js';
import { namesOf } from './names.js';
import { declare, Plan } from './streams.js';

/** Connects and declares the whole topology. Throws `bus_unavailable`, `bus_denied`, `bus_incompatible`. */
export async function openNatsBus(settings: NatsSettings, topology: Topology, options: OpenOptions): Promise<NatsBus> {
  const plan = new Plan(topology, namesOf(topology.prefix), settings);
  const link = await openLink(settings, options.onFault ?? ((error) => process.emitWarning(error)));
  try {
    await declare(link, plan);
    return new NatsBus(link, plan, topology, settings);
  } catch (thrown) {
    await link.close();
    throw thrown;
  }
}
