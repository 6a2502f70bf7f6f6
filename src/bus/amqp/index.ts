/** The RabbitMQ engine: quorum queues for groups, streams for logs, exclusive queues for claims (RabbitMQ 3.10 or later). */
import type { OpenOptions, Topology } from '../contract.js';
import type { AmqpSettings } from '../settings.js';
import { AmqpBus } from './bus.js';
import { Declarations } from './declare.js';
import { Link } from './link.js';
import { namesOf } from './names.js';

/**
 * Seconds between heartbeats: a peer that fell silent is noticed after two to three times as long, and what a process
 * that stands still has in hands comes to others within ten seconds.
 */
const HEARTBEAT_S = 3;

/** Connects and declares the whole topology. Throws `bus_unavailable`, `bus_denied`, `bus_incompatible`. */
export async function openAmqpBus(settings: AmqpSettings, topology: Topology, options: OpenOptions): Promise<AmqpBus> {
  const onFault = options.onFault ?? ((error: Error) => process.emitWarning(error));
  const names = namesOf(settings, topology.prefix);
  const declarations = new Declarations(names, topology, settings.passiveDeclares);
  const linkFor = (what: string): Link => {
    const link = new Link({ settings, heartbeatS: HEARTBEAT_S, name: `layerwright ${what}`, onFault });
    link.onUp((model) => declarations.declare(model));
    return link;
  };
  const [publishing, consuming] = [linkFor('publishing'), linkFor('consuming')];
  try {
    await publishing.open();
    await consuming.open();
  } catch (thrown) {
    await Promise.all([publishing.close(), consuming.close()]);
    throw thrown;
  }
  return new AmqpBus({ settings, topology, names, declarations, publishing, consuming, onFault });
}
