// Finds the Docker-compatible engine that this machine's own tools would use.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pingEngine } from './docker-api.mjs';

/**
 * @typedef {{ host: string, from: string }} Place
 */

/**
 * An engine that answers, or null; and what was tried, each with the reason why it was not taken.
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string} [home]
 * @returns {Promise<{ found: Place | null, tried: (Place & { why: string })[] }>}
 */
export async function findEngine(env = process.env, home = homedir()) {
  const tried = [];
  for (const place of enginePlaces(env, home)) {
    const why = usable(place.host) ? await pingEngine(place.host) : 'only unix: and tcp: are understood here';
    if (why === null) return { found: place, tried };
    tried.push({ ...place, why });
    if (place.from === 'DOCKER_HOST') break; // Named by the user: no other is what they meant.
  }
  return { found: null, tried };
}

/**
 * Where an engine may be, in the order in which they are asked.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} home
 * @returns {Place[]}
 */
export function enginePlaces(env, home) {
  /** @type {Place[]} */
  const places = [];
  if (env['DOCKER_HOST']) places.push({ host: env['DOCKER_HOST'], from: 'DOCKER_HOST' });
  const context = contextHost(env, home);
  if (context !== null) places.push(context);
  const runtime = env['XDG_RUNTIME_DIR'];
  const sockets = [
    ['/var/run/docker.sock', "Docker's usual socket"],
    [runtime && `${runtime}/docker.sock`, 'rootless Docker'],
    [join(home, '.docker/run/docker.sock'), 'Docker Desktop'],
    [join(home, '.docker/desktop/docker.sock'), 'Docker Desktop'],
    [join(home, '.colima/default/docker.sock'), 'Colima'],
    [join(home, '.orbstack/run/docker.sock'), 'OrbStack'],
    [runtime && `${runtime}/podman/podman.sock`, 'rootless Podman'],
    ['/run/podman/podman.sock', 'Podman'],
  ];
  for (const [path, from] of sockets) {
    if (path && from && existsSync(path)) places.push({ host: `unix://${path}`, from });
  }
  return places.filter((place, index) => places.findIndex(({ host }) => host === place.host) === index);
}

/** @param {string} host */
function usable(host) {
  return host.startsWith('unix:///') || /^(tcp|http):\/\//.test(host);
}

/**
 * The engine of the current docker context, from docker's own files.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} home
 * @returns {Place | null}
 */
function contextHost(env, home) {
  const folder = env['DOCKER_CONFIG'] ?? join(home, '.docker');
  const name = env['DOCKER_CONTEXT'] ?? readJson(join(folder, 'config.json'))?.currentContext;
  if (typeof name !== 'string' || name === 'default' || name === '') return null;
  const contexts = join(folder, 'contexts/meta');
  if (!existsSync(contexts)) return null;
  for (const entry of readdirSync(contexts)) {
    const meta = readJson(join(contexts, entry, 'meta.json'));
    const host = meta?.Name === name ? meta.Endpoints?.docker?.Host : undefined;
    if (typeof host === 'string' && host !== '') return { host, from: `docker context ${name}` };
  }
  return null;
}

/** @param {string} path */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null; // Absent or damaged: docker itself says so when asked; here it only means that nothing is named.
  }
}
