/** A RabbitMQ of a test's own, to be killed and configured. It takes seconds to start: let several cases share one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../scripts/lib/services.mjs';
import type { AmqpBroker } from './amqp-vhost.js';
import { endChild } from './end-child.js';
import { requireRabbitmq } from './services.js';
import { until } from './until.js';

/** Within what time it must be up; milliseconds. */
const START_MS = 180_000;
/** What of its output is told when it does not start. */
const TAIL_CHARACTERS = 4_000;

export interface OwnRabbitmq extends AmqpBroker {
  /** Ends it at once, as a crash would, once it has written down which queues and streams it has. */
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

export async function startOwnRabbitmq(options: OwnOptions = {}): Promise<OwnRabbitmq> {
  const rabbitmq = await prepareOwnRabbitmq(options);
  try {
    await rabbitmq.startAgain();
  } catch (thrown) {
    await rabbitmq.stop();
    throw thrown;
  }
  return rabbitmq;
}

/** One that has its place and does not run yet. */
export async function prepareOwnRabbitmq({ conf = '', advanced, plugins = [] }: OwnOptions = {}): Promise<OwnRabbitmq> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-rabbitmq-'));
  const [port, management, distribution, epmd] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
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
  const written: Written = {
    queues: `http://127.0.0.1:${management}/api/queues`,
    names: (system) =>
      readFile(
        join(
          folder,
          'node',
          'data',
          env.LAYERWRIGHT_RABBITMQ_NODENAME,
          system,
          env.LAYERWRIGHT_RABBITMQ_NODENAME,
          'names.dets',
        ),
        'latin1',
      ),
  };
  let child: ChildProcess | null = null;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = null;
    await endChild(ending, signal);
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
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    managementUrl: `http://guest:guest@127.0.0.1:${management}`,
    kill: async () => {
      if (child !== null) await until('the server has written down what it has', () => isWritten(written));
      await end('SIGKILL');
    },
    startAgain: start,
    stop,
  };
}

interface Written {
  /** Address of the management's list. */
  readonly queues: string;
  /** The server's own list of the queues, or of the coordinator of streams, that it starts again. */
  readonly names: (system: 'quorum' | 'coordination') => Promise<string>;
}

/**
 * Whether the server has its queues and streams on disk. It writes these lists up to seconds after it made a queue; one
 * that is killed before that comes back without the queue's messages, and with its first streams down for ever.
 */
async function isWritten({ queues, names }: Written): Promise<boolean> {
  const authorization = `Basic ${Buffer.from('guest:guest').toString('base64')}`;
  const answer = await fetch(queues, { headers: { authorization } });
  const list = (await answer.json()) as readonly { name: string; vhost: string; type: string }[];
  const [quorum, coordination] = await Promise.all([names('quorum'), names('coordination')]);
  return list.every(({ name, vhost, type }) => {
    if (type === 'stream') return coordination.includes('rabbit_stream_coordinator');
    return type !== 'quorum' || quorum.includes(`${encodeURIComponent(vhost)}_${name}`);
  });
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
