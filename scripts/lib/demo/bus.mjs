// The message bus of the demo: a file, or a broker of the demo's own.
import { join } from 'node:path';
import { startNats } from '../nats.mjs';
import { start } from '../processes.mjs';
import { EXIT, root } from '../project.mjs';
import { startRabbitmq } from '../rabbitmq.mjs';
import { Fault, step } from '../say.mjs';

/** Asked for first, so that the configuration stays the same from run to run. */
const PORTS = Object.freeze({ amqp: 5673, management: 15_673, nats: 4223, monitor: 8223 });

/** `--bus`. */
export const BUSES = Object.freeze(['embedded', 'amqp', 'nats']);

/** On a broker each role is a process of its own, as on several machines; a bus that is a file has all in one. */
const ROLES = Object.freeze(['trigger', 'builder', 'planner']);

/**
 * @typedef {object} DemoBus
 * @property {string} kind
 * @property {string} yaml its settings, as one line of YAML
 * @property {string | null} look where a person can look into it
 */

/**
 * Starts the broker, if it is one. What it holds stays for the next demo.
 * @param {{ kind: string, dir: string, install: boolean }} options
 * @returns {Promise<DemoBus>}
 * @throws {Fault} with exit code 69
 */
export async function startBus({ kind, dir, install }) {
  if (kind === 'embedded') return { kind, yaml: '{ kind: embedded }', look: null };
  if (kind === 'amqp') {
    const { url, management } = await startRabbitmq({
      dir: join(dir, 'amqp'),
      install,
      port: PORTS.amqp,
      management: PORTS.management,
    });
    const look = management.replace('guest:guest@', '');
    step(
      `a RabbitMQ of the demo's own listens at ${url.replace('guest:guest@', '')}; look into it at ${look} (guest, guest)`,
    );
    return { kind, yaml: `{ kind: amqp, url: "${url}", management_url: "${look}" }`, look: `${look}  # guest, guest` };
  }
  if (kind === 'nats') {
    const { url, monitor } = await startNats({
      dir: join(dir, 'nats'),
      install,
      port: PORTS.nats,
      monitor: PORTS.monitor,
    });
    const look = `${monitor}/jsz?streams=true`;
    step(`a NATS server of the demo's own listens at ${url}; look into it at ${look}`);
    return { kind, yaml: `{ kind: nats, servers: ["${url}"] }`, look };
  }
  throw new Fault(`The demo has no bus ${kind}; it has ${BUSES.join(', ')}.`, EXIT.usage);
}

/**
 * Starts the service on it.
 * @param {{ kind: string, dir: string, config: string }} options
 * @returns {import('../processes.mjs').Running[]}
 */
export function startService({ kind, dir, config }) {
  const bin = join(root, 'bin/layerwright.js');
  const env = { ...process.env, LAYERWRIGHT_CONFIG: config };
  const one = (/** @type {string} */ name, /** @type {string[]} */ args) =>
    start({ name, command: process.execPath, args: [bin, ...args], dir, env });
  if (kind === 'embedded') return [one('layerwright', ['up'])];
  // The first serves /readyz where the configuration says; the others can't at the same port.
  return ROLES.map((role, index) =>
    one(`layerwright-${role}`, ['run', role, ...(index === 0 ? [] : ['--listen', 'off'])]),
  );
}
