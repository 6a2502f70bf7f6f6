// `npm run test:chaos -- --bus NAME`: kills, pauses, cuts and restarts everything while pushes come in, and judges what came of it.
import { parseArgs } from 'node:util';
import { buildService, checkNode, installPackages } from './lib/dependencies.mjs';
import { main, parseOrExplain } from './lib/main.mjs';
import { count, fromCaller } from './lib/options.mjs';
import { EXIT, root } from './lib/project.mjs';
import { run } from './lib/run.mjs';
import { Fault, step } from './lib/say.mjs';
import { runFolder, startServices } from './lib/test-services.mjs';

const USAGE = `npm run test:chaos -- --bus embedded|amqp|nats [OPTIONS]

Runs two processes of each role with a broker, a registry and an engine of their own, pushes to ten repositories, and
kills, pauses, cuts off, slows and restarts all of them. Ends with 1 when a push was lost, a build has two images or two
ends, a tag is wrong, something is left behind, or it took more than a minute to come to rest.

  --bus NAME        embedded, amqp or nats
  --engine NAME     docker (the default) or podman
  --pushes N        so many (default 200)
  --faults N        so many (default: one for five pushes, at least six)
  --seed S          what happens, and when, follows from it (default: the time)
  --supersede V     off (the default): every push is built; on: a newer commit may stand in for an older one
  --json FILE       writes the report
  --logs FOLDER     writes the log of every process
  --no-install      fetches no program that is missing
  --help
`;

const SERVICES = ['REGISTRY_PROGRAM', 'BUSYBOX'];
/** What each engine and each bus needs beside them; Docker's program is known once one has started. */
const ENGINES = Object.freeze({ docker: ['ENGINE', 'DAEMON'], podman: ['PODMAN_PROGRAM'] });
const BUSES = Object.freeze({ embedded: [], amqp: ['RABBITMQ'], nats: ['NATS_SERVER'] });

await main(async () => {
  const { values } = parseOrExplain(USAGE, () =>
    parseArgs({
      options: {
        bus: { type: 'string' },
        engine: { type: 'string', default: 'docker' },
        pushes: { type: 'string', default: '200' },
        faults: { type: 'string' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        supersede: { type: 'string', default: 'off' },
        json: { type: 'string' },
        logs: { type: 'string' },
        'no-install': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }),
  );
  const bus = oneOf(values, 'bus', /** @type {(keyof typeof BUSES)[]} */ (Object.keys(BUSES)));
  const engine = oneOf(values, 'engine', /** @type {(keyof typeof ENGINES)[]} */ (Object.keys(ENGINES)));
  const pushes = count(values, 'pushes');
  const options = {
    bus,
    engine,
    pushes,
    faults: values['faults'] === undefined ? Math.max(6, Math.round(pushes / 5)) : count(values, 'faults'),
    seed: count(values, 'seed'),
    supersede: oneOf(values, 'supersede', /** @type {const} */ (['off', 'on'])) === 'on',
    logs: typeof values['logs'] === 'string' ? fromCaller(values['logs']) : null,
  };
  checkNode();
  await installPackages();
  await buildService();
  const wanted = new Set([...SERVICES, ...ENGINES[engine], ...BUSES[bus]]);
  const { env } = await startServices({
    dir: await runFolder('chaos'),
    install: values['no-install'] !== true,
    wanted,
  });
  step(`chaos on ${bus} and ${options.engine}; seed ${options.seed}`);
  const json = typeof values['json'] === 'string' ? [fromCaller(values['json'])] : [];
  const program = ['--import', 'tsx', 'test/chaos/main.ts', JSON.stringify(options), ...json];
  const { code } = await run(process.execPath, program, {
    cwd: root,
    env: { ...process.env, ...env },
    inherit: true,
    ownEnd: true,
  });
  return code === 0 ? EXIT.ok : EXIT.failed;
});

/**
 * @template {string} T
 * @param {Record<string, unknown>} values
 * @param {string} name
 * @param {readonly T[]} allowed
 * @returns {T}
 */
function oneOf(values, name, allowed) {
  const found = allowed.find((each) => each === values[name]);
  if (found !== undefined) return found;
  throw new Fault(`--${name} is one of ${allowed.join(', ')}.`, EXIT.usage, [`npm run test:chaos -- --bus nats`]);
}
