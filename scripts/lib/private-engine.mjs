// A Docker daemon of our own: its socket, data, containerd and pid files are in one folder, it makes no bridge, no
// firewall rule and no system setting, and it ends with the script. The machine's own engine, if any, is not touched.
import { hash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pingEngine } from './docker-api.mjs';
import { atEnd, endLeftovers, lastLines, start, until } from './processes.mjs';
import { must, run } from './run.mjs';

/** How long the daemon may take to answer. */
const START_MS = 60_000;

/** Longest path of a unix socket that every system takes (sun_path), with room for the names below the folder. */
const SOCKET_FOLDER_MAX = 60;

/** Folders that Docker's programs make whatever they are told; removed again when they were not there before. */
const STRAY_FOLDERS = ['/run/containerd/s', '/run/containerd', '/run/docker/plugins', '/run/docker'];

/** Beginning of the name of a folder of sockets outside the clone. */
const SHORT_NAME = 'layerwright-';

/**
 * @typedef {object} EngineTools where its programs are
 * @property {string} dockerd
 * @property {string} containerd
 * @property {NodeJS.ProcessEnv} env PATH with runc and the shim; the library path of an unpacked tree
 */

/**
 * Starts the daemon and waits until it answers.
 * @param {{ dir: string, tools: EngineTools }} options `dir` holds its images between runs
 * @returns {Promise<{ host: string, stop: () => Promise<void> }>}
 */
export async function startPrivateEngine({ dir, tools }) {
  mkdirSync(dir, { recursive: true });
  await clearEngine(dir);
  const drivers = existsSync(join(dir, 'data/vfs')) ? ['vfs'] : ['overlay2', 'vfs'];
  /** @type {unknown} */
  let refused = null;
  for (const driver of drivers) {
    try {
      return await startWith(driver, dir, tools);
    } catch (error) {
      refused = error;
      await clearEngine(dir);
    }
  }
  throw refused;
}

/**
 * @param {string} driver overlay2, or vfs where the file system can't take an overlay (as inside a container)
 * @param {string} dir
 * @param {EngineTools} tools
 */
async function startWith(driver, dir, tools) {
  const short = socketFolder(dir);
  const strays = STRAY_FOLDERS.filter((folder) => !existsSync(folder));
  const host = `unix://${short}/docker.sock`;
  const containerd = start({
    name: 'containerd',
    command: tools.containerd,
    args: ['--config', containerdConfig(dir, short)],
    dir,
    env: tools.env,
  });
  const daemon = start({
    name: 'dockerd',
    command: tools.dockerd,
    args: [
      `--config-file=${dockerdConfig(dir, await dockerdMajor(tools))}`,
      `--host=${host}`,
      `--containerd=${short}/containerd.sock`,
      `--data-root=${dir}/data`,
      `--exec-root=${short}/exec`,
      `--pidfile=${dir}/daemon.pidfile`,
      `--storage-driver=${driver}`,
      '--exec-opt=native.cgroupdriver=cgroupfs',
      `--cgroup-parent=/${cgroupName(dir)}`,
      '--bridge=none',
      '--iptables=false',
      '--ip6tables=false',
      '--ip-masq=false',
      '--ip-forward=false',
      '--userland-proxy=false',
    ],
    dir,
    env: tools.env,
  });
  const stop = async () => {
    await daemon.stop();
    await containerd.stop();
    await clearEngine(dir);
    removeEmpty(strays);
  };
  const answers = await until(
    async () => !daemon.alive() || !containerd.alive() || (await pingEngine(host)) === null,
    START_MS,
  );
  if (!answers || !daemon.alive() || !containerd.alive()) {
    await daemon.stop();
    await containerd.stop();
    const log = containerd.alive() || daemon.alive() ? daemon.logFile : containerd.logFile;
    throw new Error(`the private engine does not start with the storage driver ${driver}:\n${lastLines(log)}`);
  }
  atEnd(stop);
  return { host, stop };
}

/**
 * The folder of sockets: inside `dir` where the path is short enough, else one in the system's temporary folder that
 * a link in `dir` names, so that the next run finds it.
 * @param {string} dir
 */
export function socketFolder(dir) {
  const inside = join(dir, 'run');
  if (inside.length <= SOCKET_FOLDER_MAX) {
    mkdirSync(inside, { recursive: true, mode: 0o700 });
    return inside;
  }
  const short = mkdtempSync(join(tmpdir(), SHORT_NAME));
  writeFileSync(join(dir, 'run.path'), short);
  return short;
}

/**
 * Leaves nothing of an earlier daemon but its images: ends its processes, unmounts, removes sockets.
 * @param {string} dir
 */
export async function clearEngine(dir) {
  const ended = await endLeftovers(dir);
  const link = join(dir, 'run.path');
  const short = existsSync(link) ? readFileSync(link, 'utf8').trim() : join(dir, 'run');
  for (const mount of await mountsBelow([dir, short])) await run('umount', ['-l', mount]);
  if (short.startsWith(join(tmpdir(), SHORT_NAME)) || short.startsWith(`${dir}/`))
    rmSync(short, { recursive: true, force: true });
  removeCgroups(cgroupName(dir));
  rmSync(link, { force: true });
  rmSync(join(dir, 'daemon.pidfile'), { force: true });
  return ended;
}

/**
 * The control group that an engine's containers are in.
 * @param {string} dir
 */
function cgroupName(dir) {
  return `layerwright-${hash('sha256', dir).slice(0, 12)}`;
}

/**
 * Removes a control group of which nothing runs any more, from every hierarchy.
 * @param {string} name
 */
function removeCgroups(name) {
  const hierarchies = '/sys/fs/cgroup';
  if (!existsSync(hierarchies)) return;
  const parents = [hierarchies, ...readdirSync(hierarchies).map((entry) => join(hierarchies, entry))];
  removeEmpty(parents.flatMap((parent) => [join(parent, name, 'buildkit'), join(parent, name)]));
}

/**
 * Removes folders that are empty; what is in use by another stays.
 * @param {readonly string[]} folders
 */
function removeEmpty(folders) {
  for (const folder of folders) {
    try {
      rmdirSync(folder);
    } catch {
      // Not there, or not empty.
    }
  }
}

/**
 * Mount points below folders, deepest first.
 * @param {readonly string[]} folders
 */
async function mountsBelow(folders) {
  if (!existsSync('/proc/self/mountinfo')) return [];
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap(
      (line) =>
        line.split(' ')[4]?.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))) ?? [],
    )
    .filter((point) => folders.some((folder) => point.startsWith(`${folder}/`)));
  return [...new Set(points)].sort((a, b) => b.length - a.length);
}

/**
 * containerd of its own: dockerd would otherwise join the machine's when that runs.
 * @param {string} dir
 * @param {string} short
 */
function containerdConfig(dir, short) {
  const path = join(dir, 'containerd.toml');
  writeFileSync(
    path,
    [
      'version = 2',
      `root = "${dir}/containerd"`,
      `state = "${short}/containerd"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      '[grpc]',
      `address = "${short}/containerd.sock"`,
      // Its default is a folder in /opt.
      '[plugins."io.containerd.internal.v1.opt"]',
      `path = "${dir}/containerd-opt"`,
      '',
    ].join('\n'),
  );
  return path;
}

/**
 * A configuration file of its own, as dockerd reads the machine's otherwise. Before 24 it wrote a key to /etc/docker.
 * @param {string} dir
 * @param {number} major
 */
function dockerdConfig(dir, major) {
  const path = join(dir, 'daemon.json');
  writeFileSync(path, JSON.stringify(major < 24 ? { 'deprecated-key-path': join(dir, 'key.json') } : {}));
  return path;
}

/** @param {EngineTools} tools */
async function dockerdMajor(tools) {
  const { stdout } = await must(tools.dockerd, ['--version'], { env: tools.env });
  return Number(/version (\d+)\./.exec(stdout)?.[1] ?? 0);
}
