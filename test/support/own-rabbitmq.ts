/** A RabbitMQ of a test's own, to be killed and configured. It takes seconds to start: let several cases share one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AmqpBroker } from './amqp-vhost.js';
import { requireRabbitmq } from './services.js';
import { until } from './until.js';

/** Within what time it must be up; milliseconds. */
const START_MS = 60_000;
/** What of its output is told when it does not start. */
const TAIL_CHARACTERS = 4_000;

export interface OwnRabbitmq extends AmqpBroker {
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again where it was, with its data; resolves when it serves. */
  startAgain(): Promise<void>;
  stop(): Promise<void>;
}

export interface OwnOptions {
  /** Further lines of rabbitmq.conf. */
  readonly conf?: string;
  /** An advanced.config, for what rabbitmq.conf does not know: Erlang terms. */
  readonly advanced?: string;
  /** Beside the management's. */
  readonly plugins?: readonly string[];
}

export async function startOwnRabbitmq({ conf = '', advanced, plugins = [] }: OwnOptions = {}): Promise<OwnRabbitmq> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-rabbitmq-'));
  const [port, management, distribution, epmd] = await freePorts();
  await writeFile(join(folder, 'further.conf'), `${conf}\n`);
  if (advanced !== undefined) await writeFile(join(folder, 'advanced.config'), advanced);
  const env = {
    ...process.env,
    LAYERWRIGHT_RABBITMQ_DIR: join(folder, 'node'),
    LAYERWRIGHT_RABBITMQ_PORT: String(port),
    LAYERWRIGHT_RABBITMQ_MANAGEMENT_PORT: String(management),
    LAYERWRIGHT_RABBITMQ_DIST_PORT: String(distribution),
    LAYERWRIGHT_RABBITMQ_EPMD_PORT: String(epmd),
    LAYERWRIGHT_RABBITMQ_NODENAME: `own${port}@localhost`,
    LAYERWRIGHT_RABBITMQ_CONF: join(folder, 'further.conf'),
    LAYERWRIGHT_RABBITMQ_PLUGINS: plugins.join(' '),
    ...(advanced === undefined ? {} : { LAYERWRIGHT_RABBITMQ_ADVANCED: join(folder, 'advanced.config') }),
  };
  let child: ChildProcess | null = null;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = once(ending, 'exit');
    ending.kill(signal);
    await exited;
  };
  const start = async (): Promise<void> => {
    // The port mapper ends a moment after the node that started it; a new node must not take it for a living one.
    await until('the port mapper has ended', async () => !(await answers(epmd)));
    child = spawn(requireRabbitmq().url, [], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    await up(child, [port, management]);
  };
  const stop = async (): Promise<void> => {
    await end('SIGTERM');
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await start();
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    managementUrl: `http://guest:guest@127.0.0.1:${management}`,
    kill: () => end('SIGKILL'),
    startAgain: start,
    stop,
  };
}

async function up(child: ChildProcess, ports: readonly number[]): Promise<void> {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-TAIL_CHARACTERS);
    });
  }
  await until(
    'RabbitMQ is up',
    async () => {
      if (child.exitCode !== null) throw new Error(`RabbitMQ ended: ${said}`);
      return (await Promise.all(ports.map(answers))).every(Boolean);
    },
    START_MS,
  );
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Four ports that are free now, all held at once so that they differ. */
async function freePorts(): Promise<[number, number, number, number]> {
  const servers = [createServer(), createServer(), createServer(), createServer()] as const;
  const ports = await Promise.all(servers.map(listen));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  const [first = 0, second = 0, third = 0, fourth = 0] = ports;
  return [first, second, third, fourth];
}

async function listen(server: Server): Promise<number> {
  const listening = once(server, 'listening');
  server.listen(0, '127.0.0.1');
  await listening;
  return (server.address() as AddressInfo).port;
}
