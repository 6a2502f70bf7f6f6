// `npm run demo`: brings what is missing, starts the service, pushes commits, shows what becomes of them.
import { mkdirSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BUSES, startBus, startService } from './lib/demo/bus.mjs';
import { Events } from './lib/demo/events.mjs';
import { runPlan } from './lib/demo/plan.mjs';
import { sayLook, sayNext, sayResults, writeResults } from './lib/demo/report.mjs';
import { runRipple, sayRipple } from './lib/demo/ripple.mjs';
import { Screen } from './lib/demo/screen.mjs';
import { TARGET, writeSettings } from './lib/demo/settings.mjs';
import { buildService, checkNode, installPackages } from './lib/dependencies.mjs';
import { cleanEngine, engineJson } from './lib/docker-api.mjs';
import { bringEngine } from './lib/engine.mjs';
import { main, parseOrExplain } from './lib/main.mjs';
import { atEnd, endLeftovers, lastLines } from './lib/processes.mjs';
import { EXIT, root, stateDir } from './lib/project.mjs';
import { findProgram } from './lib/run.mjs';
import { Fault, palette, say, seconds, step } from './lib/say.mjs';
import { freePort, startRegistry } from './lib/services.mjs';
import { bringBusybox } from './lib/tools.mjs';

const USAGE = `npm run demo [-- OPTIONS]

Starts Layerwright with an engine, a registry and git repositories of its own, pushes five commits, and shows the
images and messages that come of them; then changes the base image and shows how what stands on it is rebuilt. Without --exit it stays up for commits of your own; Ctrl-C ends it.
Everything it keeps is in .layerwright/ of this clone.

  --exit         ends when the builds have ended, and leaves nothing running
  --json FILE    writes what was built: nvr, digest, tags, timings, message ids
  --no-install   fetches no program that is missing, and prints the commands instead
  --bus KIND     the message bus: embedded, amqp (a RabbitMQ of the demo's own) or nats; on the last two each role
                 is a process of its own
  --state DIR    where it keeps everything, instead of .layerwright/demo
  --fresh        forgets what earlier demos built there
  --help
`;

/** Asked for first, so that the configuration stays the same from run to run. */
const REGISTRY_PORT = 5151;
const HEALTH_PORT = 9181;

await main(async () => {
  const began = Date.now();
  const { values } = parseOrExplain(USAGE, () =>
    parseArgs({
      options: {
        exit: { type: 'boolean', default: false },
        json: { type: 'string' },
        'no-install': { type: 'boolean', default: false },
        bus: { type: 'string', default: 'embedded' },
        state: { type: 'string' },
        fresh: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }),
  );
  const kind = String(values['bus']);
  if (!BUSES.includes(kind)) throw new Fault(`The demo has no bus ${kind}; it has ${BUSES.join(', ')}.`, EXIT.usage);
  const jsonFile = typeof values['json'] === 'string' ? here(values['json']) : null;
  const dir = typeof values['state'] === 'string' ? here(values['state']) : join(stateDir, 'demo');
  const place = await prepare({ dir, kind, install: values['no-install'] !== true, fresh: values['fresh'] === true });

  const since = new Date();
  const service = startService({ kind, dir, config: place.config });
  for (const { name, pid, logFile } of service)
    step(`started ${name}, pid ${pid}; it writes to ${relative(root, logFile)}`);
  const events = new Events({ config: place.config, since });
  const screen = new Screen();
  events.onEvent((event) => screen.show(event));
  for (const { name, ended, logFile } of service) {
    void ended.then((code) =>
      events.fail(new Fault(`${name} ended with ${code}:\n${lastLines(logFile)}`, EXIT.failed)),
    );
  }

  say('\npushing five commits: a base image, a web server on it, two images on that, and one that fails\n');
  const ends = await runPlan({ dir, place, events });
  screen.rest();
  const results = await sayResults({ ends, config: place.config, registry: place.registry });

  say('\nchanging the base image: what stands on it is rebuilt, each image after its own parents\n');
  const failing = ends.filter(({ failureMeant }) => failureMeant).map(({ component }) => component);
  const ripple = await runRipple({ dir, config: place.config, events, screen, failing });
  screen.rest();
  sayRipple(ripple);
  if (jsonFile !== null) {
    writeResults(jsonFile, { results, ripple, place, tookMs: Date.now() - began });
    say(`\nwritten: ${jsonFile}`);
  }
  say(palette().dim(`\ntook ${seconds(Date.now() - began)}`));
  if (values['exit'] === true) {
    sayLook({ config: place.config, kind });
    return results.good && ripple.good ? EXIT.ok : EXIT.failed;
  }

  sayNext({ dir, config: place.config, registry: place.registry, look: place.look });
  return (await Promise.race(service.map(({ ended }) => ended))) === 0 ? EXIT.ok : EXIT.failed;
});

/**
 * A path as the person meant it: npm runs scripts in the clone's folder.
 * @param {string} path
 */
function here(path) {
  return resolve(process.env['INIT_CWD'] ?? '.', path);
}

/**
 * Everything that has to be there before the service starts; each says what it does.
 * @param {{ dir: string, kind: string, install: boolean, fresh: boolean }} options
 */
async function prepare({ dir, kind, install, fresh }) {
  checkNode();
  if (findProgram('git') === null) {
    throw new Fault('The demo needs git.', EXIT.unavailable, ['sudo apt-get install -y git']);
  }
  mkdirSync(dir, { recursive: true });
  await endLeftovers(dir);
  if (fresh)
    for (const name of ['registry', 'git', 'work', 'state', 'amqp', 'nats'])
      rmSync(join(dir, name), { recursive: true, force: true });

  const faults = /** @type {Fault[]} */ ([]);
  // What only a person can mend is told before anything that takes long.
  const engine = await orFault(faults, () => bringEngine({ dir: join(dir, 'engine'), install }));
  if (engine === null && install) throw joined(faults);
  const busybox = await bringBusybox({ install });
  const registry = await orFault(faults, () =>
    startRegistry({ dir: join(dir, 'registry'), install, engine: engine?.host ?? null, port: REGISTRY_PORT }),
  );
  const bus = await orFault(faults, () => startBus({ kind, dir, install }));
  if (engine === null || registry === null || bus === null) throw joined(faults);
  if (!engine.private) atEnd(() => cleanEngine(engine.host, `io.layerwright.target=${TARGET}`));
  step(`a registry of the demo's own listens at ${registry.url}`);
  await installPackages();
  await buildService();
  const info = await engineJson(engine.host, 'GET', '/version');
  const config = writeSettings({
    dir,
    bus: bus.yaml,
    repositories: join(dir, 'git'),
    engine: engine.host,
    platform: `linux/${info.Arch}`,
    registry: registry.url,
    health: await freePort(HEALTH_PORT),
    pulls: busybox === null,
  });
  return { engine: engine.host, registry: registry.url, bus: kind, look: bus.look, config, busybox };
}

/**
 * All that is missing is told at once, so a fault waits for the others.
 * @template T
 * @param {Fault[]} faults
 * @param {() => Promise<T>} bring
 * @returns {Promise<T | null>}
 */
async function orFault(faults, bring) {
  try {
    return await bring();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    faults.push(error);
    return null;
  }
}

/** @param {readonly Fault[]} faults */
function joined(faults) {
  return new Fault(
    faults.map(({ message }) => message).join(' '),
    EXIT.unavailable,
    faults.flatMap(({ commands }) => commands),
  );
}
