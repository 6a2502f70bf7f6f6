/** One of the service's processes, with a line of its own to the bus; started again whenever it ends. */
import { readFile, writeFile } from 'node:fs/promises';
import { pause } from '../../src/runtime/clock.js';
import { busYaml } from '../support/bus-yaml.js';
import { type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.js';
import { ServiceProcess } from '../support/service.js';
import type { Role } from './schedule.js';

/** Milliseconds after which a process that ended by itself is started again, as a supervisor would. */
const AGAIN_MS = 500;
/** What is kept of the words of a process that ended by itself. */
const TAIL_LINES = 5;

export class Member {
  readonly name: string;
  readonly role: Role;
  readonly index: 0 | 1;
  /** Null where the bus is a file. */
  readonly line: FaultyProxy | null;
  /** The log of each process that there was, the living one's last. */
  readonly lives: ServiceProcess[] = [];
  /** Ends that nobody asked for, with the last words. */
  readonly deaths: string[] = [];
  readonly #config: string;
  readonly #level: string;
  #wanted = false;

  private constructor(role: Role, index: 0 | 1, config: string, line: FaultyProxy | null, level: string) {
    [this.role, this.index, this.#config, this.line, this.#level] = [role, index, config, line, level];
    this.name = `${role}-${index + 1}`;
  }

  /** Its configuration is the service's, but for the bus, which it reaches by its own line. */
  static async make(role: Role, index: 0 | 1, config: string, bus: string | null, level: string): Promise<Member> {
    if (bus === null) return new Member(role, index, config, null, level);
    const line = await startFaultyProxy(bus);
    const own = config.replace(/\.yaml$/, `-${role}-${index + 1}.yaml`);
    const url = new URL(bus);
    const through = `${url.protocol}//${url.username === '' ? '' : `${url.username}:${url.password}@`}${line.address}`;
    await writeFile(own, (await readFile(config, 'utf8')).replace(/^bus: .*$/m, busYaml(`${through}${url.pathname}`)));
    return new Member(role, index, own, line, level);
  }

  get process(): ServiceProcess | null {
    return this.lives.at(-1) ?? null;
  }

  start(): void {
    this.#wanted = true;
    const begun = new ServiceProcess(this.#config, ['run', this.role, '--log-level', this.#level]);
    this.lives.push(begun);
    begun.ended.then(() => this.#onEnd(begun)).catch(() => undefined);
  }

  /** As a crash would end it; it comes back after a while. */
  async kill(awayMs: number): Promise<void> {
    this.#wanted = false;
    await this.process?.stop('SIGKILL');
    await pause(awayMs);
    this.start();
  }

  /** Stops it in its tracks for a while. */
  async pause(forMs: number): Promise<void> {
    const held = this.process;
    if (held?.pid === undefined || held.pid === null || !held.alive) return;
    process.kill(held.pid, 'SIGSTOP');
    await pause(forMs);
    if (held.alive) process.kill(held.pid, 'SIGCONT');
  }

  /** As an operator ends it; gives the exit code. */
  async stop(): Promise<number | null> {
    this.#wanted = false;
    return (await this.process?.stop('SIGTERM')) ?? null;
  }

  /** Whatever state it is in, nothing is left of it. */
  async close(): Promise<void> {
    this.#wanted = false;
    await this.process?.stop('SIGKILL');
    await this.line?.close();
  }

  async #onEnd(ended: ServiceProcess): Promise<void> {
    if (!this.#wanted || ended !== this.process) return;
    this.deaths.push(
      `${this.name} ended by itself: ${ended.stderr.trimEnd().split('\n').slice(-TAIL_LINES).join(' | ')}`,
    );
    await pause(AGAIN_MS);
    if (this.#wanted && ended === this.process) this.start();
  }
}
