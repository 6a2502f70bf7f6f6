/** An engine of a run's own, to be killed and started again with what it has; and what is left in it, as an onlooker sees it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import Docker from 'dockerode';
import { endChild } from '../support/end-child.js';
import { clearDaemon, containerdEnded, daemonArguments } from '../support/engine-daemon.js';
import { requireDaemon, requirePodmanProgram } from '../support/services.js';
import { until } from '../support/until.js';

export interface OwnEngine {
  /** As `unix:///…/docker.sock`. */
  readonly host: string;
  kill(): Promise<void>;
  /** Resolves when it answers. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Containers, dangling images, and images of any name that does not begin with `kept`. */
  leftovers(kept: string): Promise<readonly string[]>;
  /** Of each dangling image what it was made by, and what the engine says when it is asked to remove it. */
  reasons(): Promise<readonly string[]>;
}

const START_MS = 60_000;

/** A daemon of either kind: the program, its arguments and settings, and the socket that it answers at. */
interface Daemon {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly socket: string;
  /** Resolves when a new one can start after one that was killed. */
  readonly settled: () => Promise<unknown>;
}

/** Docker with all that it has below `folder`, whose path is short: sockets are in it. */
export function startOwnDocker(folder: string): Promise<OwnEngine> {
  const { host, args } = daemonArguments(folder);
  return startOwn(folder, {
    program: requireDaemon().url,
    args,
    env: process.env,
    socket: host.replace(/^unix:\/\//, ''),
    settled: () => containerdEnded(folder),
  });
}

/** Podman, whose builds end with it. */
export function startOwnPodman(folder: string): Promise<OwnEngine> {
  const socket = `${folder}/p.sock`;
  const env = { ...process.env, LAYERWRIGHT_PODMAN_DIR: folder, LAYERWRIGHT_PODMAN_SOCKET: socket };
  const settled = async (): Promise<void> => undefined;
  return startOwn(folder, { program: requirePodmanProgram().url, args: [], env, socket, settled });
}

async function startOwn(folder: string, { program, args, env, socket, settled }: Daemon): Promise<OwnEngine> {
  await mkdir(folder, { recursive: true });
  const docker = new Docker({ socketPath: socket });
  let daemon: ChildProcess | null = null;
  const pings = (): Promise<boolean> =>
    docker.ping().then(
      () => true,
      () => false,
    );
  const start = async (): Promise<void> => {
    await settled();
    daemon = spawn(program, args, { stdio: 'ignore', env });
    await until('the engine answers', pings, START_MS);
  };
  const stop = async (): Promise<void> => {
    await endChild(daemon, 'SIGTERM');
    await clearDaemon(folder);
  };
  try {
    await start();
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return {
    host: `unix://${socket}`,
    kill: () => endChild(daemon, 'SIGKILL'),
    start,
    stop,
    leftovers: (kept) => leftovers(docker, kept),
    reasons: () => reasons(docker),
  };
}

/** Podman puts a host before short names: which one is a matter of its settings. */
async function leftovers(docker: Docker, kept: string): Promise<readonly string[]> {
  const containers = await docker.listContainers({ all: true });
  const dangling = await docker.listImages({ filters: { dangling: ['true'] } });
  const images = await docker.listImages();
  const names = images.flatMap(({ RepoTags }) => RepoTags ?? []);
  return [
    ...containers.map(({ Id, Command, State }) => `container ${Id.slice(0, 12)} (${State}): ${Command}`),
    ...dangling.map(({ Id, Labels }) => `dangling image ${Id.slice(7, 19)} of ${Labels?.['io.layerwright.build']}`),
    ...names
      .filter((name) => name !== '<none>:<none>' && !name.replace(/^(localhost|docker\.io)\//, '').startsWith(kept))
      .map((name) => `image ${name}`),
  ];
}

async function reasons(docker: Docker): Promise<readonly string[]> {
  const told: string[] = [];
  for (const { Id, RepoDigests, ParentId } of await docker.listImages({ filters: { dangling: ['true'] } })) {
    const image = docker.getImage(Id);
    const history: readonly { readonly CreatedBy: string }[] = await image.history();
    const said = await image.remove().then(() => 'it goes', String);
    const steps = history.map(({ CreatedBy }) => CreatedBy);
    told.push(JSON.stringify({ id: Id.slice(7, 19), said, digests: RepoDigests, parent: ParentId, steps }));
  }
  return told;
}
