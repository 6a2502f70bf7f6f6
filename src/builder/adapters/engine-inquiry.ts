import { isJsonObject, type JsonObject } from '../../kernel/json.js';
import type { EngineInfo } from '../ports.js';
import { askPodman, type DockerClient, PODMAN_API } from './docker-client.js';
import type { EngineLimits } from './engine-limits.js';
import { dockerWays, type EngineWays, podmanWays } from './engine-ways.js';

/** Milliseconds that an engine may take to say what it is. */
export const INFO_MS = 10_000;

/** What an engine is, and how it wants to be spoken to. */
export interface KnownEngine {
  readonly info: EngineInfo;
  readonly ways: EngineWays;
}

export async function askEngine(client: DockerClient): Promise<KnownEngine> {
  const { docker } = client;
  const [version, system] = await Promise.all([
    client.ask('other', (abortSignal) => docker.version({ abortSignal }), { timeoutMs: INFO_MS }),
    client.ask('other', (abortSignal) => docker.info({ abortSignal }), { timeoutMs: INFO_MS }),
  ]);
  const kind = JSON.stringify(version.Components ?? []).includes('Podman') ? 'podman' : 'docker';
  const says = { memory: system.MemoryLimit === true, cpu: system.CpuCfsQuota === true };
  const host = kind === 'podman' ? await askPodmanHost(client) : {};
  const rootless = isRootless(host);
  const limits = rootless ? delegatedTo(host) : says;
  return {
    info: {
      kind,
      version: version.Version,
      apiVersion: version.ApiVersion,
      platform: `${version.Os}/${version.Arch}`,
      limitsMemory: limits.memory,
      limitsCpu: limits.cpu,
    },
    ways: kind === 'docker' ? dockerWays(limits) : podmanWays({ rootless, limits }),
  };
}

/** Podman says it in its own part of the API; what it says in Docker's words is of the machine, not of its user (4.3.1). */
async function askPodmanHost(client: DockerClient): Promise<JsonObject> {
  const path = `${PODMAN_API}/info`;
  const info = await askPodman(client, { path, method: 'GET', statusCodes: { 200: true } }, INFO_MS);
  const host = isJsonObject(info) ? info['host'] : null;
  return isJsonObject(host) ? host : {};
}

function isRootless(host: JsonObject): boolean {
  const security = host['security'];
  return isJsonObject(security) && security['rootless'] === true;
}

/** By the controllers that the user was given: none, where control groups are of version 1. */
function delegatedTo(host: JsonObject): EngineLimits {
  const controllers = Array.isArray(host['cgroupControllers']) ? host['cgroupControllers'] : [];
  return { memory: controllers.includes('memory'), cpu: controllers.includes('cpu') };
}
