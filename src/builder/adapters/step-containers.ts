/** Containers of steps that were killed together with a Docker: what ran in one has ended, and nobody takes it away. */
import { buildOfStep } from '../decide/step-host.js';
import type { DockerClient } from './docker-client.js';
import { removeContainer } from './engine-cleanup.js';
import { unlessRefused } from './engine-errors.js';

/** The part of dockerode that looks at containers. */
interface ContainerApi {
  listContainers(options: {
    readonly all: true;
    readonly abortSignal: AbortSignal;
  }): Promise<readonly { readonly Id: string; readonly State: string; readonly Created: number }[]>;
  getContainer(id: string): {
    inspect(options: { readonly abortSignal: AbortSignal }): Promise<{
      readonly HostConfig?: { readonly ExtraHosts?: readonly string[] | null };
    }>;
  };
}

/** States of a container in which it does not run and will not by itself. */
const ENDED_STATES: readonly string[] = ['created', 'exited', 'dead'];

/** An ended container of a build's step. */
export interface StepContainer {
  readonly id: string;
  readonly build: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/**
 * Takes away the ended containers of steps of these builds: who read their ids from a build's output may have been killed
 * together with the engine. `known` is as `stepContainers` has it.
 */
export async function removeStepContainers(
  client: DockerClient,
  isOver: (build: string) => boolean,
  known: Map<string, readonly string[]>,
): Promise<void> {
  for (const { id, build } of await stepContainers(client, known)) if (isOver(build)) await removeContainer(client, id);
}

/**
 * All that are in the engine. `known`: host names of containers that were looked at, by their ids; they never change, and
 * an engine may be full of a person's.
 */
export async function stepContainers(
  client: DockerClient,
  known: Map<string, readonly string[]>,
): Promise<readonly StepContainer[]> {
  const docker = client.docker as unknown as ContainerApi;
  const listed = await client.ask('other', (abortSignal) => docker.listContainers({ all: true, abortSignal }));
  const ended = listed.filter(({ State }) => ENDED_STATES.includes(State));
  const ids = new Set(ended.map(({ Id }) => Id));
  for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
  const found: StepContainer[] = [];
  for (const { Id: id, Created: created } of ended) {
    const hosts = known.get(id) ?? (await hostsOf(client, docker, id));
    if (hosts === null) continue;
    known.set(id, hosts);
    const build = buildOfStep(hosts);
    if (build !== null) found.push({ id, build, createdAt: created * 1_000 });
  }
  return found;
}

/** Null for a container that is gone, or that the engine does not show: it is not known to be ours. */
function hostsOf(client: DockerClient, docker: ContainerApi, id: string): Promise<readonly string[] | null> {
  return unlessRefused(null, async () => {
    const seen = await client.ask('other', (abortSignal) => docker.getContainer(id).inspect({ abortSignal }));
    return seen.HostConfig?.ExtraHosts ?? [];
  });
}
