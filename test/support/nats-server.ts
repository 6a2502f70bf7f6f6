/** A NATS server of a test's own, with JetStream, in a folder that goes with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../scripts/lib/services.mjs';
import { endChild } from './end-child.js';
import { requireNatsServer } from './services.js';
import { until } from './until.js';

/** Our messages are up to 1 MiB, and have headers. */
const MAX_PAYLOAD = 2_097_152;

export interface NatsServer {
  /** `nats://127.0.0.1:PORT`; the same after a new start. */
  readonly url: string;
  /** The monitoring of the server, `http://127.0.0.1:PORT`. */
  readonly monitor: string;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again where it was, with its data or with none. */
  startAgain(data: 'kept' | 'wiped'): Promise<void>;
  stop(): Promise<void>;
}

/** `config`: further lines of the server's configuration. */
export async function startNatsServer(config = ''): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-nats-'));
  // Not of the server's own choice: while it is killed an outgoing connection could take one that is.
  const [port, monitor] = [await freePort(), await freePort()];
  let child: ChildProcess | null = null;
  const start = async (): Promise<void> => {
    child = await startIn(folder, port, monitor, config);
    await listens(child, folder);
  };
  const stop = async (): Promise<void> => {
    if (child !== null) await endChild(child, 'SIGTERM');
    await rm(folder, { recursive: true, force: true });
  };
  await start().catch(async (thrown: unknown) => {
    await stop();
    throw thrown;
  });
  return {
    url: `nats://127.0.0.1:${port}`,
    monitor: `http://127.0.0.1:${monitor}`,
    kill: async () => {
      if (child !== null) await endChild(child, 'SIGKILL');
    },
    startAgain: async (data) => {
      if (data === 'wiped') await rm(join(folder, 'js'), { recursive: true, force: true });
      await start();
    },
    stop,
  };
}

async function startIn(folder: string, port: number, monitor: number, config: string): Promise<ChildProcess> {
  const file = join(folder, 'nats.conf');
  const lines = [
    'host: 127.0.0.1',
    `port: ${port}`,
    `http: "127.0.0.1:${monitor}"`,
    `ports_file_dir: "${folder}"`,
    `max_payload: ${MAX_PAYLOAD}`,
    `jetstream { store_dir: "${folder}/js" }`,
    config,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  return spawn(requireNatsServer().url, ['-c', file, '-l', join(folder, 'log')], { stdio: 'ignore' });
}

/** The server names its ports in a file once it listens. */
async function listens(child: ChildProcess, folder: string): Promise<void> {
  await until('nats-server listens', async () => {
    if (child.exitCode !== null || child.pid === undefined) {
      throw new Error(`nats-server ended: ${await readFile(join(folder, 'log'), 'utf8').catch(() => '')}`);
    }
    return access(join(folder, `nats-server_${child.pid}.ports`)).then(
      () => true,
      () => false,
    );
  });
}
