/** `pika_client.py` as a process: the bus as a program in another language sees it. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Message } from '../../src/messages/index.js';
import { requirePika } from './services.js';
import { until } from './until.js';

const SCRIPT = fileURLToPath(new URL('./pika_client.py', import.meta.url));

/** What the consumer saw of one message. */
export interface SeenByPika {
  readonly topic: string;
  readonly id: string | null;
  readonly priority: number | null;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Python's name of the type of each header's value. */
  readonly types: Readonly<Record<string, string>>;
  readonly text: string;
  /** What it would complain about. */
  readonly problems: readonly string[];
}

export class PikaConsumer {
  readonly seen: SeenByPika[] = [];
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Resolves when its queue is bound: what is published later comes. */
  static async start(url: string, queue: string, patterns: readonly string[]): Promise<PikaConsumer> {
    const client = new Client(['consume', url, queue, ...patterns]);
    const consumer = new PikaConsumer(client);
    client.onLine((line) => {
      if (line.startsWith('{')) consumer.seen.push(JSON.parse(line) as SeenByPika);
    });
    await client.says('ready');
    return consumer;
  }

  /** Removes the queue. */
  stop(): Promise<void> {
    return this.#client.end();
  }
}

/** Publishes as a Python program does; resolves when the broker has confirmed all. */
export async function publishByPika(url: string, messages: readonly Message[]): Promise<void> {
  const client = new Client(['publish', url]);
  let stored = 0;
  client.onLine((line) => {
    if (line === 'stored') stored += 1;
  });
  client.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
  await client.end();
  if (stored !== messages.length) throw new Error(`of ${messages.length} messages, ${stored} were stored`);
}

class Client {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #output: Interface;
  readonly #lines: string[] = [];
  readonly #ended: Promise<unknown[]>;
  #said = '';

  constructor(args: readonly string[]) {
    this.#child = spawn('python3', [SCRIPT, ...args], { env: { ...process.env, PYTHONPATH: requirePika().url } });
    this.#ended = once(this.#child, 'close');
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
    });
    this.#output = createInterface({ input: this.#child.stdout });
    this.onLine((line) => this.#lines.push(line));
  }

  onLine(hear: (line: string) => void): void {
    this.#output.on('line', hear);
  }

  write(text: string): void {
    this.#child.stdin.write(text);
  }

  async says(line: string): Promise<void> {
    await until(`the Python client says ${line}`, () => {
      if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.#said}`);
      return this.#lines.includes(line);
    });
  }

  /** Ends its input, and waits for its end. */
  async end(): Promise<void> {
    this.#child.stdin.end();
    const [code] = await this.#ended;
    if (code !== 0) throw new Error(`the Python client ended with ${code}: ${this.#said}`);
  }
}
