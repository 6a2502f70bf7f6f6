import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '../kernel/json.js';

const USUAL = 'unix:///var/run/docker.sock';

/** What is looked at; tests give their own. */
export interface EngineSurroundings {
  readonly home: string;
  exists(path: string): boolean;
}

/**
 * The engine that this machine's own tools would use: `DOCKER_HOST`, Docker's current context, then the first of the
 * usual sockets of Docker and Podman. Where there is none, Docker's usual one: so a fault names something.
 */
export function findEngine(
  env: Readonly<Record<string, string | undefined>>,
  { home, exists }: EngineSurroundings = { home: homedir(), exists: existsSync },
): string {
  if (env['DOCKER_HOST']) return env['DOCKER_HOST'];
  const context = contextHost(env, home);
  if (context !== null) return context;
  const runtime = env['XDG_RUNTIME_DIR'];
  const sockets = [
    '/var/run/docker.sock',
    ...(runtime ? [`${runtime}/docker.sock`] : []),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    join(home, '.colima/default/docker.sock'),
    join(home, '.orbstack/run/docker.sock'),
    ...(runtime ? [`${runtime}/podman/podman.sock`] : []),
    '/run/podman/podman.sock',
  ];
  const found = sockets.find(exists);
  return found === undefined ? USUAL : `unix://${found}`;
}

/** The engine of Docker's current context, from Docker's own files (docker/cli, cli/context/store). */
function contextHost(env: Readonly<Record<string, string | undefined>>, home: string): string | null {
  const folder = env['DOCKER_CONFIG'] ?? join(home, '.docker');
  const name = env['DOCKER_CONTEXT'] ?? readJson(join(folder, 'config.json'))?.['currentContext'];
  if (typeof name !== 'string' || name === 'default' || name === '') return null;
  const contexts = join(folder, 'contexts/meta');
  for (const entry of existsSync(contexts) ? readdirSync(contexts) : []) {
    const meta = readJson(join(contexts, entry, 'meta.json'));
    if (meta?.['Name'] !== name) continue;
    const endpoints = meta['Endpoints'];
    const docker = isJsonObject(endpoints) ? endpoints['docker'] : undefined;
    const host = isJsonObject(docker) ? docker['Host'] : undefined;
    if (typeof host === 'string' && host !== '') return host;
  }
  return null;
}

/** Null for what is absent or damaged: then nothing is named. */
function readJson(path: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
