/** The other end of `bus-child.ts`: starts it, tells it what to do, hears what happens there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ChildCommand, ChildEvent, ChildSetup } from './bus-child.js';
import { until } from './until.js';

const SCRIPT = fileURLToPath(new URL('./bus-child.ts', import.meta.url));

export class BusProcess {
  readonly events: ChildEvent[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'exit');
    if (child.stdout === null) throw new Error('the child has no output');
    createInterface({ input: child.stdout }).on('line', (line) => this.events.push(JSON.parse(line) as ChildEvent));
  }

  static async start(setup: ChildSetup): Promise<BusProcess> {
    const child = new BusProcess(
      spawn(process.execPath, ['--import', 'tsx', SCRIPT, JSON.stringify(setup)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    await child.hears('ready', 60_000);
    return child;
  }

  tell(command: ChildCommand): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** The first event of a kind that is about `subject` (an id or a key), or about anything. */
  hears(is: ChildEvent['is'], deadlineMs?: number, subject?: string): Promise<ChildEvent> {
    const fits = (event: ChildEvent): boolean =>
      event.is === is &&
      (subject === undefined || ('id' in event ? event.id : 'key' in event ? event.key : '') === subject);
    return until(`the other process says ${is} ${subject ?? ''}`, () => this.events.find(fits), deadlineMs);
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  goOn(): void {
    this.#child.kill('SIGCONT');
  }

  /** Ends it at once, as a crash would; harmless when it has ended. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
