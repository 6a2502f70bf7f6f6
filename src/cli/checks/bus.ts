import { randomUUID } from 'node:crypto';
import type { Bus } from '../../bus/index.js';
import { compose, topicOf } from '../../messages/index.js';
import { duration } from '../render/text.js';
import { type Finding, fault, faultOf, warn, well } from './finding.js';

/** Milliseconds that a message may take from us to us. */
const ROUND_TRIP_MS = 5_000;

/**
 * The bus takes a message and gives it back. The message is of a topic that no log keeps; `said` is the last fault that the
 * bus told without being asked: why a message did not come.
 */
export async function checkBus(
  bus: Bus,
  prefix: string,
  where: string,
  now: () => Date,
  said: () => Error | null,
): Promise<Finding> {
  const health = await bus.health();
  if (!health.ok)
    return fault('bus', `${where}: ${health.reason}`, 'Check `bus` in the configuration, and the disk it is on.');
  const build = randomUUID();
  const body = { build, attempt: 1, first: 0, lines: ['doctor'] };
  let timer: NodeJS.Timeout | undefined;
  let came: (arrived: boolean) => void = () => undefined;
  const arrived = new Promise<boolean>((resolve) => {
    came = resolve;
    timer = setTimeout(() => resolve(false), ROUND_TRIP_MS);
  });
  const listener = await bus.listen([topicOf(prefix, 'build.output.v1')], (message) => {
    if (message.body['build'] === build) came(true);
  });
  try {
    const message = compose({ prefix, name: 'build.output.v1', id: randomUUID(), body, now: now() });
    const began = performance.now();
    await bus.publish(message);
    const stored = performance.now() - began;
    if (await arrived) return well('bus', `${bus.kind} ${where}: written in ${duration(stored)}, read back`);
    const why = said();
    if (why !== null) return faultOf('bus', why);
    return fault(
      'bus',
      `${where}: a message was stored, but did not come back`,
      'Restart what uses the bus; check that its folder is on a local disk.',
    );
  } finally {
    clearTimeout(timer);
    await listener.stop();
  }
}

/** What waits, and what nobody could handle. */
export async function checkQueues(bus: Bus): Promise<Finding> {
  const [pushes, requests] = [
    await bus.waiting('trigger'),
    (await bus.waiting('builder')) + (await bus.waiting('builder.cascade')),
  ];
  let dead = 0;
  for await (const batch of bus.read('dead', 'start')) dead += batch.length;
  const text = `${pushes} pushes and ${requests} requests wait, ${dead} dead letters`;
  if (dead > 0) return warn('queues', text, '`layerwright watch --dead` shows them, with the reasons.');
  return well('queues', text);
}
