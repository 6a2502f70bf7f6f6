// A Podman of our own, the second engine: its programs are unpacked, its service keeps everything in one folder.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasApt, missingPackages, unpackPackages } from './apt.mjs';
import { pingEngine } from './docker-api.mjs';
import { clearEngine, socketFolder } from './private-engine.mjs';
import { lastLines, start, until } from './processes.mjs';
import { EXIT, root, toolsDir } from './project.mjs';
import { shellQuoted } from './rabbitmq-program.mjs';
import { findProgram, isRoot, run } from './run.mjs';
import { Fault, step } from './say.mjs';

const folder = join(toolsDir, 'podman');

/** What does the work; its head says how the program is configured. */
const SCRIPT = join(root, 'scripts/lib/podman.sh');

/** How long the service may take to answer. */
const START_MS = 60_000;

/** Where user ids begin that neither people nor packages get. */
const FIRST_USER_ID = 64_123;

/** Two runtimes: crun runs nothing where control groups are of two generations at once, runc does. */
const PACKAGES = ['podman', 'crun', 'runc'];

/** What a person types to have Podman unpacked. */
export const PODMAN_COMMANDS = [
  'mkdir -p .layerwright/tools/podman',
  `(cd .layerwright/tools/podman && apt-get download $(apt-get install -s --no-install-recommends ${PACKAGES.join(' ')} | awk '/^Inst [^ ]+ [(]/ {print $2}'))`,
  'for deb in .layerwright/tools/podman/*.deb; do dpkg -x "$deb" .layerwright/tools/podman; done',
];

/**
 * @typedef {object} PodmanTools where its programs are
 * @property {string} podman
 * @property {string} conmon
 * @property {string | null} runc
 * @property {string | null} crun
 * @property {string | null} libraries the library path of an unpacked tree
 */

/**
 * Podman's programs, or null when they can't be had here.
 * @param {{ install: boolean }} options
 * @returns {Promise<PodmanTools | null>}
 */
export async function bringPodmanTools({ install }) {
  const here = await programs([], null);
  if (here !== null) return here;
  const arch = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const bins = ['usr/sbin', 'usr/bin'].map((name) => join(folder, name));
  if (!existsSync(join(folder, 'usr/bin/podman'))) {
    if (!install || !hasApt()) return null;
    step("fetching Podman from the distribution's package podman into .layerwright/tools (unpacked, not installed)");
    const packages = await missingPackages(PACKAGES);
    if (packages.length === 0) return null; // Installed by the package list, and yet not there: its owner's to mend.
    await unpackPackages(packages, folder);
  }
  return programs(bins, join(folder, 'usr/lib', arch));
}

/**
 * The programs by their paths when all are there and run.
 * @param {readonly string[]} bins
 * @param {string | null} libraries
 * @returns {Promise<PodmanTools | null>}
 */
async function programs(bins, libraries) {
  const [podman, conmon, runc, crun] = ['podman', 'conmon', 'runc', 'crun'].map((name) => findProgram(name, bins));
  if (!podman || !conmon || (!runc && !crun)) return null;
  if (!findProgram('unshare') || !findProgram('setpriv')) return null;
  const env = libraries === null ? process.env : { ...process.env, LD_LIBRARY_PATH: libraries };
  const { code } = await run(podman, ['--version'], { env });
  return code === 0 ? { podman, conmon, runc: runc ?? null, crun: crun ?? null, libraries } : null;
}

/**
 * As `bringPodmanTools`, but none is a fault.
 * @param {{ install: boolean }} options
 * @throws {Fault} with exit code 69 and the commands that help
 */
export async function mustBringPodman({ install }) {
  // As another user it needs subordinate ids, which only the machine's owner can give.
  if (process.platform !== 'linux' || !isRoot())
    throw new Fault('A Podman of our own runs as root on Linux.', EXIT.unavailable, ['sudo npm test']);
  const tools = await bringPodmanTools({ install });
  if (tools === null) throw new Fault('No Podman was found.', EXIT.unavailable, PODMAN_COMMANDS);
  return tools;
}

/**
 * Writes a program that is one Podman service, wherever its parts are.
 * @param {string} path
 * @param {PodmanTools} tools
 * @returns {string} the path
 */
export function writePodmanProgram(path, { podman, conmon, runc, crun, libraries }) {
  mkdirSync(dirname(path), { recursive: true });
  const places = { PODMAN: podman, CONMON: conmon, RUNC: runc, CRUN: crun, LD_LIBRARY_PATH: libraries };
  const lines = [
    '#!/bin/sh',
    ...Object.entries(places).map(([name, value]) =>
      value === null ? `unset ${name}` : `export ${name}=${shellQuoted(value)}`,
    ),
    `exec sh ${shellQuoted(SCRIPT)} "$@"`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o755 });
  return path;
}

/**
 * A user id for a rootless Podman that is nobody's on this machine.
 */
function freeUserId() {
  const taken = new Set(
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => Number(line.split(':')[2])),
  );
  let id = FIRST_USER_ID;
  while (taken.has(id)) id += 1;
  return id;
}

/**
 * As `startPodman`, but rootless. A `Forbidden` where this machine lets nobody but root have namespaces.
 * @param {{ dir: string, tools: PodmanTools }} options
 */
export async function startRootlessPodman({ dir, tools }) {
  const user = freeUserId();
  mkdirSync(dir, { recursive: true });
  const env = { ...process.env, LAYERWRIGHT_PODMAN_DIR: dir, LAYERWRIGHT_PODMAN_USER: String(user) };
  // What each step needs: a mount of its own, and processes of its own to be seen there.
  const step = ['unshare', 'unshare', '--mount', '--pid', '--fork', '--mount-proc', 'true'];
  const { code, stderr } = await run(writePodmanProgram(join(dir, 'podman-service'), tools), step, { env });
  if (code !== 0) {
    const words = stderr.trim().split('\n').at(-1) ?? '';
    throw new Forbidden(`A rootless Podman can't run here: ${words}`, EXIT.unavailable, namespaceCommands());
  }
  return startPodman({ dir, tools, user });
}

/** For what this machine forbids also to root. */
export class Forbidden extends Fault {}

/** What lets users have namespaces, by what forbids it. */
function namespaceCommands() {
  const settings = [
    { name: 'kernel.unprivileged_userns_clone', forbids: '0', allows: '1' },
    { name: 'user.max_user_namespaces', forbids: '0', allows: '10000' },
    { name: 'kernel.apparmor_restrict_unprivileged_userns', forbids: '1', allows: '0' },
  ];
  const forbidding = settings.filter(({ name, forbids }) => {
    const path = `/proc/sys/${name.replaceAll('.', '/')}`;
    return existsSync(path) && readFileSync(path, 'utf8').trim() === forbids;
  });
  // Else a container around us forbids it.
  if (forbidding.length === 0) return ['docker run --privileged'];
  return forbidding.map(({ name, allows }) => `sudo sysctl ${name}=${allows}`);
}

/**
 * Starts a service whose images live in `dir`, and waits until it answers.
 * @param {{ dir: string, tools: PodmanTools, user?: number }} options `user`: rootless, as this user
 * @returns {Promise<import('./engine.mjs').Engine>}
 */
export async function startPodman({ dir, tools, user }) {
  mkdirSync(dir, { recursive: true });
  await clearEngine(dir);
  const socket = join(socketFolder(dir), 'podman.sock');
  const running = start({
    name: 'podman',
    command: writePodmanProgram(join(dir, 'podman-service'), tools),
    args: [],
    dir,
    env: {
      ...process.env,
      LAYERWRIGHT_PODMAN_DIR: dir,
      LAYERWRIGHT_PODMAN_SOCKET: socket,
      LAYERWRIGHT_PODMAN_USER: user === undefined ? '' : String(user),
    },
  });
  const host = `unix://${socket}`;
  const stop = async () => {
    await running.stop();
    await clearEngine(dir);
  };
  if (!(await until(async () => !running.alive() || (await pingEngine(host)) === null, START_MS)) || !running.alive()) {
    await stop();
    throw new Error(`Podman does not start:\n${lastLines(running.logFile)}`);
  }
  return { host, private: true, tools: null, stop };
}
