// The engine that the demo and the tests build with: the machine's own where one answers, else a private one.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasApt, missingPackages, unpackPackages } from './apt.mjs';
import { findEngine } from './find-engine.mjs';
import { startPrivateEngine } from './private-engine.mjs';
import { EXIT, toolsDir } from './project.mjs';
import { findProgram, isRoot, run } from './run.mjs';
import { Fault, step } from './say.mjs';

const folder = join(toolsDir, 'engine');

/** What a person types to get an engine the usual way. */
const INSTALL_COMMANDS = [
  'sudo apt-get install -y docker.io && sudo usermod -aG docker "$USER"    # Debian, Ubuntu; then log in again',
  'sudo dnf install -y podman && systemctl --user start podman.socket      # Fedora',
  'https://docs.docker.com/desktop/                                        # macOS, Windows',
];

/** What this script would have done itself, and what else helps. */
const OWN_COMMANDS = [
  'mkdir -p .layerwright/tools/engine',
  "(cd .layerwright/tools/engine && apt-get download $(apt-get install -s --no-install-recommends docker.io | awk '/^Inst [^ ]+ [(]/ {print $2}'))",
  'for deb in .layerwright/tools/engine/*.deb; do dpkg -x "$deb" .layerwright/tools/engine; done',
  '# then this again, which starts a private daemon from there; or an engine of your own:',
  ...INSTALL_COMMANDS,
];

/**
 * @typedef {object} Engine
 * @property {string} host as `unix:///…/docker.sock`
 * @property {boolean} private true when this script started it, so that all in it is ours
 * @property {import('./private-engine.mjs').EngineTools | null} tools what a private one was started with
 * @property {() => Promise<void>} stop
 */

/**
 * An engine that answers.
 * @param {{ dir: string, install: boolean, own?: boolean }} options `dir`: where a private one lives; `own`: a private one
 *   wherever it can run
 * @returns {Promise<Engine>}
 * @throws {Fault} with exit code 69 and the commands that help
 */
export async function bringEngine({ dir, install, own = false }) {
  const { found, tried } = own && canRunPrivate(install) ? { found: null, tried: [] } : await findEngine();
  if (found !== null) {
    step(`building with the engine at ${found.host} (${found.from})`);
    return { host: found.host, private: false, tools: null, stop: async () => {} };
  }
  const looked = tried.map(({ host, from, why }) => `${host} (${from}): ${why}`).join('; ');
  const why = looked === '' ? 'No container engine was found' : `No container engine can be used: ${looked}`;
  if (!isRoot())
    throw new Fault(`${why}; start one, or give this user access to it.`, EXIT.unavailable, INSTALL_COMMANDS);

  const tools = await bringEngineTools({ install });
  if (tools === null) throw new Fault(`${why}.`, EXIT.unavailable, OWN_COMMANDS);
  if (own) step(`starting a private engine for this run in ${dir}: no bridge, no firewall rules, own socket`);
  else
    step(
      `no engine answers here: starting a private one in ${dir} (own socket and data, no bridge, no firewall rules)`,
    );
  const { host, stop } = await startPrivateEngine({ dir, tools });
  return { host, private: true, tools, stop };
}

/** @param {boolean} install */
function canRunPrivate(install) {
  return isRoot() && process.platform === 'linux' && (findProgram('dockerd') !== null || (install && hasApt()));
}

/**
 * Docker's programs: those of the machine, else unpacked from the distribution's packages. Unpacking installs nothing,
 * so that no service is started or enabled and nothing outside this clone changes.
 * @param {{ install: boolean }} options
 * @returns {Promise<import('./private-engine.mjs').EngineTools | null>}
 */
async function bringEngineTools({ install }) {
  const here = await programs([], {});
  if (here !== null) return here;
  const arch = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const bins = ['usr/sbin', 'usr/bin', 'sbin', 'bin'].map((name) => join(folder, name));
  const libraries = [`usr/lib/${arch}`, `lib/${arch}`].map((name) => join(folder, name)).join(':');
  if (!existsSync(join(folder, 'usr/sbin/dockerd'))) {
    if (!install || !hasApt()) return null;
    step("fetching Docker from the distribution's package docker.io into .layerwright/tools (unpacked, not installed)");
    const packages = await missingPackages(['docker.io']);
    if (packages.length === 0) return null; // Installed by the package list, and yet not there: its owner's to mend.
    await unpackPackages(packages, folder);
  }
  return programs(bins, { LD_LIBRARY_PATH: libraries });
}

/**
 * The programs by their paths when all are there and run.
 * @param {readonly string[]} bins
 * @param {NodeJS.ProcessEnv} extra
 */
async function programs(bins, extra) {
  const path = [...bins, process.env['PATH'], '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':');
  const env = { ...process.env, ...extra, PATH: path };
  const [dockerd, containerd, runc] = ['dockerd', 'containerd', 'runc'].map((name) => findProgram(name, bins));
  if (!dockerd || !containerd || !runc) return null;
  const ended = await Promise.all([dockerd, containerd, runc].map((program) => run(program, ['--version'], { env })));
  return ended.every(({ code }) => code === 0) ? { dockerd, containerd, env } : null;
}
