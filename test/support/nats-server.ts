/** A NATS server of a test's own, with JetStream, in a folder that goes with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireNatsServer } from './services.js';
import { until } from './until.js';

/** Our messages are up to 1 MiB, and have headers. */
const MAX_PAYLOAD = 2_097_152;

export interface NatsServer {
  /** `nats://127.0.0.1:PORT` */
  readonly url: string;
  stop(): Promise<void>;
}

/** `config`: further lines of the server's configuration. */
export async function startNatsServer(config = ''): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-nats-'));
  const file = join(folder, 'nats.conf');
  // Port -1: the server takes a free one and writes it into a file of this folder.
  await writeFile(
    file,
    `host: 127.0.0.1\nport: -1\nports_file_dir: "${folder}"\nmax_payload: ${MAX_PAYLOAD}\njetstream { store_dir: "${folder}/js" }\n${config}\n`,
  );
  const child = spawn(requireNatsServer().url, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-4_000);
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return { url: await urlOf(child, folder), stop };
  } catch (cause) {
    await stop();
    throw new Error(`nats-server did not start: ${said}`, { cause });
  }
}

async function urlOf(child: ChildProcess, folder: string): Promise<string> {
  return until('nats-server names its port', async () => {
    if (child.exitCode !== null || child.pid === undefined) throw new Error('it ended');
    const text = await readFile(join(folder, `nats-server_${child.pid}.ports`), 'utf8').catch(() => '');
    return text === '' ? undefined : (JSON.parse(text) as { nats: string[] }).nats[0];
  });
}
