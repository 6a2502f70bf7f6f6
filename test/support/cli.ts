/** The command line as its users run it: a process, in a folder of its own, on an embedded bus unless another is given. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bus, openBus, topology } from '../../src/bus/index.js';
import { PREFIX } from './samples.js';

const PROGRAM = fileURLToPath(new URL('../../bin/layerwright.js', import.meta.url));
const DAY_MS = 86_400_000;
/** A command that takes longer hangs. */
const DEADLINE_MS = 60_000;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A process that runs; its output so far can be looked at. */
export class RunningCli {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  stdout = '';
  stderr = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    const late = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
    this.ended = once(child, 'close').then(() => {
      clearTimeout(late);
      return { code: child.exitCode, stdout: this.stdout, stderr: this.stderr };
    });
  }
}

export interface CliConfig {
  readonly engine?: string;
  readonly registry?: string;
  /** Lines of YAML for `bus`; without them it is embedded, in the folder. */
  readonly bus?: string;
}

/** A folder with a configuration. Engine and registry of it do not exist unless they are given. */
export class CliFolder {
  readonly folder: string;
  readonly #buses: Bus[] = [];
  readonly #running = new Set<ChildProcess>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(config: CliConfig = {}): Promise<CliFolder> {
    const cli = new CliFolder(await mkdtemp(join(tmpdir(), 'layerwright-cli-')));
    await writeFile(join(cli.folder, 'layerwright.yaml'), cli.#yaml(config));
    return cli;
  }

  /** The embedded bus that the commands have, for the test itself. */
  async bus(): Promise<Bus> {
    const bus = await openBus(
      { kind: 'embedded', path: join(this.folder, '.layerwright', 'bus.db') },
      topology({ prefix: PREFIX, git: ['#.git.receive'], gitLog: { maxAgeMs: DAY_MS, maxBytes: 1e9 } }),
    );
    this.#buses.push(bus);
    return bus;
  }

  start(args: readonly string[], { stdin = '', env = {} }: CliOptions = {}): RunningCli {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(LAYERWRIGHT_|DOCKER_|NODE_)/.test(name));
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd: this.folder,
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // A command that ends without reading its input is judged by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
    this.#running.add(child);
    child.once('close', () => this.#running.delete(child));
    return new RunningCli(child);
  }

  run(args: readonly string[], options: CliOptions = {}): Promise<Outcome> {
    return this.start(args, options).ended;
  }

  /** Runs a command that must succeed, and reads its lines as JSON. */
  async json(...args: readonly string[]): Promise<readonly Record<string, unknown>[]> {
    const { code, stdout, stderr } = await this.run([...args, '--json']);
    if (code !== 0) throw new Error(`layerwright ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  async close(): Promise<void> {
    for (const child of this.#running) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    for (const bus of this.#buses) await bus.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  #yaml({ engine, registry, bus }: CliConfig): string {
    return [
      `prefix: ${PREFIX}`,
      ...(bus === undefined ? [] : [bus]),
      'http: { host: 127.0.0.1, port: 0 }',
      'git_topics: ["#.git.receive"]',
      'sources:',
      '  - match: { namespace: container }',
      '    clone: "./git/{namespace}/{repo}.git"',
      'targets:',
      '  f41:',
      '    refs: [f41]',
      '    dist: .f41',
      '    repository: "cli/{component}"',
      'engines:',
      `  - { host: ${JSON.stringify(engine ?? `unix://${this.folder}/no.sock`)}, platform: linux/amd64 }`,
      'registries:',
      `  candidate: { url: ${JSON.stringify(registry ?? 'http://127.0.0.1:9')} }`,
      '',
    ].join('\n');
  }
}
