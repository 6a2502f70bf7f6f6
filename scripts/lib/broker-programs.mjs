// The brokers' programs: those of the machine, else unpacked from the distribution's packages (decision 0007).
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasApt, missingPackages, unpackPackages } from './apt.mjs';
import { EXIT, toolsDir } from './project.mjs';
import { findProgram, run } from './run.mjs';
import { Fault, step } from './say.mjs';

/** Older ones lack what the bus needs: message TTL on quorum queues, at-least-once dead letters. */
const RABBITMQ_MINIMUM = [3, 10];

/** Where an installation of Debian, Ubuntu or Fedora has RabbitMQ and Erlang. */
const INSTALLED = '/';

/**
 * @typedef {object} RabbitmqTools
 * @property {string} home RabbitMQ's folder of sbin/, plugins/, escript/
 * @property {string} version as `3.10.8`
 * @property {string} epmd path of Erlang's port mapper
 * @property {NodeJS.ProcessEnv} env what differs from the environment of the script: PATH, Erlang's folder, libraries
 */

/**
 * RabbitMQ, or null when it can't be had here.
 * @param {{ install: boolean }} options
 * @returns {Promise<RabbitmqTools | null>}
 * @throws {Fault} when it is too old
 */
export async function bringRabbitmq({ install }) {
  const folder = join(toolsDir, 'rabbitmq');
  const found = rabbitmqIn(INSTALLED) ?? rabbitmqIn(folder);
  if (found !== null || !install || !hasApt()) return found;
  step(
    "fetching RabbitMQ and Erlang from the distribution's package rabbitmq-server into .layerwright/tools (unpacked, not installed)",
  );
  const packages = await missingPackages(['rabbitmq-server']);
  if (packages.length === 0) return null; // Installed by the package list, and yet not there: its owner's to mend.
  await unpackPackages(packages, folder, (made) => makeMovable(join(made, 'usr/lib/erlang')));
  return rabbitmqIn(folder);
}

/** What a person types to have RabbitMQ, unpacked. */
export const RABBITMQ_COMMANDS = unpackCommands('rabbitmq', 'rabbitmq-server');

/**
 * The program nats-server, or null when it can't be had here.
 * @param {{ install: boolean }} options
 */
export async function bringNats({ install }) {
  const folder = join(toolsDir, 'nats');
  const places = ['usr/sbin', 'usr/bin'].map((name) => join(folder, name));
  const found = findProgram('nats-server', places);
  if (found !== null || !install || !hasApt()) return found;
  step(
    "fetching the NATS server from the distribution's package nats-server into .layerwright/tools (unpacked, not installed)",
  );
  await unpackPackages(['nats-server'], folder);
  return findProgram('nats-server', places);
}

/** What a person types to have nats-server, unpacked. */
export const NATS_COMMANDS = unpackCommands('nats', 'nats-server');

/**
 * A folder for PYTHONPATH with pika, the AMQP client of another hand that tests consume with. Null when it, or
 * python3, can't be had here.
 * @param {{ install: boolean }} options
 */
export async function bringPika({ install }) {
  const python = findProgram('python3');
  if (python === null) return null;
  const folder = join(toolsDir, 'pika');
  const path = join(folder, 'usr/lib/python3/dist-packages');
  if (!existsSync(join(path, 'pika')) && install && hasApt()) {
    step(
      "fetching pika from the distribution's package python3-pika into .layerwright/tools (unpacked, not installed)",
    );
    await unpackPackages(['python3-pika'], folder);
  }
  const { code } = await run(python, ['-c', 'import pika'], { env: { ...process.env, PYTHONPATH: path } });
  return code === 0 ? path : null;
}

/**
 * RabbitMQ below a root folder, with the Erlang that is there.
 * @param {string} root
 * @returns {RabbitmqTools | null}
 */
function rabbitmqIn(root) {
  const library = join(root, 'usr/lib/rabbitmq/lib');
  const erlang = ['usr/lib/erlang', 'usr/lib64/erlang'].map((name) => join(root, name)).find(existsSync);
  const home = existsSync(library)
    ? readdirSync(library).find((name) => name.startsWith('rabbitmq_server-'))
    : undefined;
  if (home === undefined || erlang === undefined) return null;
  const epmd = findProgram('epmd', [join(erlang, 'bin')]);
  if (epmd === null) return null;
  const version = home.slice('rabbitmq_server-'.length);
  if (isOlder(version)) {
    throw new Fault(
      `RabbitMQ ${version} in ${join(library, home)} is too old; ${RABBITMQ_MINIMUM.join('.')} is needed.`,
      EXIT.unavailable,
      ['https://www.rabbitmq.com/docs/install-debian'],
    );
  }
  const arch = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const libraries = [`usr/lib/${arch}`, `lib/${arch}`].map((name) => join(root, name)).join(':');
  const path = [join(erlang, 'bin'), process.env['PATH'], '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':');
  return {
    home: join(library, home),
    version,
    epmd,
    env: { PATH: path, ...(root === INSTALLED ? {} : { ERL_ROOTDIR: erlang, LD_LIBRARY_PATH: libraries }) },
  };
}

/** @param {string} version */
function isOlder(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = RABBITMQ_MINIMUM;
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}

/**
 * The package's `erl` knows but one place, /usr/lib/erlang: ours takes it from the environment, as upstream's does.
 * @param {string} erlang
 */
function makeMovable(erlang) {
  const runtimes = readdirSync(erlang).filter((name) => name.startsWith('erts-'));
  for (const file of ['bin', ...runtimes.map((name) => join(name, 'bin'))].map((name) => join(erlang, name, 'erl'))) {
    if (!existsSync(file)) continue;
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('ROOTDIR=/usr/lib/erlang', 'ROOTDIR="$ERL_ROOTDIR"'));
  }
}

/**
 * @param {string} name folder below .layerwright/tools
 * @param {string} packageName
 */
function unpackCommands(name, packageName) {
  const folder = `.layerwright/tools/${name}`;
  return [
    `sudo apt-get install -y ${packageName}    # Debian, Ubuntu: starts a service of its own; or only unpacked:`,
    `mkdir -p ${folder}`,
    `(cd ${folder} && apt-get download $(apt-get install -s --no-install-recommends ${packageName} | awk '/^Inst [^ ]+ [(]/ {print $2}'))`,
    `for deb in ${folder}/*.deb; do dpkg -x "$deb" ${folder}; done`,
  ];
}
