/** The whole service as its users run it: one process or several, on any bus, with repositories, an engine and a registry. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Bus, openBus, topology } from '../../src/bus/index.js';
import { derivedId } from '../../src/kernel/ids.js';
import type { JsonObject } from '../../src/kernel/json.js';
import { settingsOf } from '../../src/library/address.js';
import type { Message } from '../../src/messages/index.js';
import { busYaml } from './bus-yaml.js';
import { until } from './until.js';

const PROGRAM = fileURLToPath(new URL('../../bin/layerwright.js', import.meta.url));
const exec = promisify(execFile);
const DAY_MS = 86_400_000;
const GIBIBYTE = 1_073_741_824;
/** Within what time the service must be up, on a machine that has other work; milliseconds. */
const UP_MS = 60_000;
/** What `up` does, as two processes. */
const APART = [
  ['run', 'trigger', 'builder'],
  ['run', 'planner'],
] as const;

export const SERVICE_PREFIX = 'org.example.flow';
export const BRANCH = 'f41';
/** How this process opens the log of pushes, as the configuration does: brokers refuse one that was made with other bounds. */
export const SERVICE_GIT = { git: ['#.git.receive'], gitLog: { maxAgeMs: DAY_MS, maxBytes: GIBIBYTE } } as const;

export interface ServiceOptions {
  readonly engine: string;
  readonly registry: string;
  /** Beginning of the repositories' names in the registry, so that tests share one without meeting. */
  readonly space: string;
  /** Lines of YAML that are added to the target `f41`. */
  readonly target?: readonly string[];
  readonly slots?: number;
  /** Whether a newer commit calls an older one's build off. */
  readonly supersede?: boolean;
  /** Tries of a step that fails in passing. */
  readonly maxAttempts?: number;
  /** Where the bus is, as a URL; without it a file in the folder. */
  readonly bus?: string;
  /** How repositories are cloned, as `sources` has it; from the folder itself without it. */
  readonly clone?: string;
  /** How long a git host that is away is waited for. */
  readonly sourcePatience?: string;
  /** How long no other image may have changed before rebuilds begin; by default longer than any test. */
  readonly quiet?: string;
  /** Time between two looks for what no message told; by default none is taken. */
  readonly reconcile?: string;
  /** Whether `start` makes the planner a process of its own, beside one of trigger and builder; without it all are one. */
  readonly apart?: boolean;
  /** Beside the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Where its folder is made; the system's place for temporary files without it. */
  readonly within?: string;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One process of the service. */
export class ServiceProcess {
  readonly #child: ChildProcess;
  /** Resolves when it has ended, in whatever way. */
  readonly ended: Promise<unknown>;
  /** Its log so far, as JSON lines. */
  stderr = '';
  stdout = '';

  constructor(config: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, [PROGRAM, ...args, '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.ended = once(this.#child, 'exit');
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  /** Its identity in claims and messages, as its own log has it; null until it has logged something. */
  get id(): string | null {
    return /"process":"([^"]+)"/.exec(this.stderr)?.[1] ?? null;
  }

  /** False once it has ended, in whatever way. */
  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Where it serves health, as it says itself when it is up. */
  get health(): string | null {
    return /http:\S+(?=\/readyz)/.exec(this.stdout)?.[0] ?? null;
  }

  /** What it has logged so far with this text. */
  logged(message: string): readonly JsonObject[] {
    return this.stderr
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as JsonObject)
      .filter(({ msg }) => msg === message);
  }

  /** Throws when it has ended. */
  assertAlive(): void {
    const { exitCode } = this.#child;
    if (exitCode !== null) throw new Error(`the service ended with ${exitCode}: ${this.stderr}`);
  }

  /** Ends it, and waits for that. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.kill(signal);
      await exited;
    }
    return this.#child.exitCode;
  }
}

/** A folder with a configuration, repositories and a bus; the service runs while `start` was called and `stop` was not. */
export class ServiceFolder {
  readonly folder: string;
  readonly config: string;
  readonly #options: ServiceOptions;
  #bus: Bus | null = null;
  /** What `start` started; the one with the planner last. */
  #processes: readonly ServiceProcess[] = [];
  readonly #beside: ServiceProcess[] = [];

  private constructor(folder: string, options: ServiceOptions) {
    this.folder = folder;
    this.config = join(folder, 'layerwright.yaml');
    this.#options = options;
  }

  static async make(options: ServiceOptions): Promise<ServiceFolder> {
    const service = await ServiceFolder.prepare(options);
    try {
      await service.openBus();
    } catch (thrown) {
      await service.close();
      throw thrown;
    }
    return service;
  }

  /** Without the bus: for one that does not run yet. `openBus` opens it. */
  static async prepare(options: ServiceOptions): Promise<ServiceFolder> {
    const service = new ServiceFolder(await mkdtemp(join(options.within ?? tmpdir(), 'layerwright-flow-')), options);
    await writeFile(service.config, service.#yaml());
    return service;
  }

  async openBus(): Promise<void> {
    this.#bus = await openBus(
      settingsOf(this.#options.bus ?? join(this.folder, 'bus.db')),
      topology({ prefix: SERVICE_PREFIX, ...SERVICE_GIT }),
      // Tests break the bus on purpose; what that does is seen elsewhere.
      { onFault: () => undefined },
    );
  }

  get bus(): Bus {
    if (this.#bus === null) throw new Error('the bus was not opened');
    return this.#bus;
  }

  /** Of the process of `start`, the one with the planner where it is apart. */
  get pid(): number | null {
    return this.#processes.at(-1)?.pid ?? null;
  }

  /** Where the process of `start` serves health. */
  get health(): string | null {
    return this.#processes.at(-1)?.health ?? null;
  }

  /** What the running processes have written for operators. */
  get stderr(): string {
    return this.#processes.map(({ stderr }) => stderr).join('');
  }

  /** The registry's name of a component's images. */
  repository(component: string): string {
    return `${this.#options.space}/${component}`;
  }

  /** Starts `up`, or what it does as two processes; resolves when it is ready for work. */
  async start(): Promise<void> {
    const all = this.#options.apart === true ? APART : [['up']];
    this.#processes = all.map((each) => new ServiceProcess(this.config, each, this.#options.env));
    const isUp = async (): Promise<boolean> => {
      for (const each of this.#processes) each.assertAlive();
      if (all.length > 1 && this.#processes.some(({ health }) => health === null)) return false;
      return (await this.bus.holder('planner')) !== null;
    };
    await until('the service is up', isUp, UP_MS);
  }

  /** Starts `run` with some roles beside all others; resolves when it works. */
  async run(...roles: readonly string[]): Promise<ServiceProcess> {
    const started = this.begin(...roles);
    await until(`${roles.join(', ')} is up`, () => {
      started.assertAlive();
      return started.health !== null;
    });
    return started;
  }

  /** Starts `run` and does not wait for it. */
  begin(...roles: readonly string[]): ServiceProcess {
    const started = new ServiceProcess(this.config, ['run', ...roles], this.#options.env);
    this.#beside.push(started);
    return started;
  }

  /** Ends what `start` started, and waits for that; the exit code of the process, of the one with the planner where it is apart. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const stopping = this.#processes;
    this.#processes = [];
    const codes = await Promise.all(stopping.map((each) => each.stop(signal)));
    return codes.at(-1) ?? null;
  }

  /** Runs a command of the command line to its end. */
  async cli(...args: readonly string[]): Promise<Ran> {
    try {
      const { stdout, stderr } = await exec(process.execPath, [PROGRAM, ...args, '--config', this.config], {
        timeout: 120_000,
      });
      return { code: 0, stdout, stderr };
    } catch (thrown) {
      const { code, stdout, stderr } = thrown as { code: number | null; stdout: string; stderr: string };
      return { code: code ?? -1, stdout, stderr };
    }
  }

  /** Commits files to a component's repository (made when it is not there) and gives the commit; tells nobody. */
  async commit(component: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
    const bare = join(this.folder, 'git', 'container', `${component}.git`);
    const work = join(this.folder, 'work', component);
    const git = async (cwd: string, ...args: readonly string[]): Promise<string> =>
      (
        await exec('git', ['-c', 'user.name=A Maintainer', '-c', 'user.email=a@example.org', ...args], { cwd })
      ).stdout.trim();
    await mkdir(work, { recursive: true });
    if ((await git(work, 'rev-parse', '--show-toplevel').catch(() => '')) !== work) {
      await mkdir(bare, { recursive: true });
      await git(bare, 'init', '--quiet', '--bare', `--initial-branch=${BRANCH}`);
      await git(work, 'init', '--quiet', `--initial-branch=${BRANCH}`);
      await git(work, 'remote', 'add', 'origin', bare);
    }
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(work, name, '..'), { recursive: true });
      await writeFile(join(work, name), content, { mode: 0o755 });
    }
    await git(work, 'add', '--all');
    await git(work, 'commit', '--quiet', '--allow-empty', '--message', `change ${component}`);
    await git(work, 'push', '--quiet', 'origin', BRANCH);
    return git(work, 'rev-parse', 'HEAD');
  }

  /** Publishes a push as a dist-git host does. */
  async announce(component: string, commit: string, branch = BRANCH): Promise<void> {
    await this.bus.publish(pushMessage(component, commit, branch));
  }

  /** Commits and announces. */
  async push(component: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
    const commit = await this.commit(component, files);
    await this.announce(component, commit);
    return commit;
  }

  /** Bodies of all messages of ours so far whose topic ends so, as `wave.opened`; oldest first. */
  async told<Body>(what: string): Promise<readonly Body[]> {
    const found: Body[] = [];
    for await (const batch of this.bus.read('ours', 'start'))
      for (const { message } of batch)
        if (message.topic.endsWith(`.container.${what}`)) found.push(message.body as unknown as Body);
    return found;
  }

  /** All messages of ours so far about a commit, oldest first. */
  async about(commit: string): Promise<readonly Message[]> {
    const found: Message[] = [];
    for await (const batch of this.bus.read('ours', 'start')) {
      for (const { message } of batch) {
        const build = message.body['build'] as JsonObject | undefined;
        if ((build?.['source'] as JsonObject | undefined)?.['commit'] === commit) found.push(message);
      }
    }
    return found;
  }

  /** The first message about a commit whose topic ends so. */
  said(commit: string, what: string, deadlineMs = 60_000): Promise<Message> {
    return until(
      `${what} of ${commit}`,
      async () => (await this.about(commit)).find(({ topic }) => topic.endsWith(`.build.${what}`)),
      deadlineMs,
    );
  }

  async close(): Promise<void> {
    await this.stop();
    for (const each of this.#beside) await each.stop();
    await this.#bus?.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  #yaml(): string {
    const { engine, registry, space, target = [], slots = 2, supersede = true, maxAttempts = 5, bus } = this.#options;
    const {
      clone = `file://${this.folder}/git/{namespace}/{repo}.git`,
      sourcePatience = '1h',
      quiet = '1h',
      reconcile = 'off',
    } = this.#options;
    return [
      `prefix: ${SERVICE_PREFIX}`,
      busYaml(bus ?? join(this.folder, 'bus.db')),
      `state: ${JSON.stringify(join(this.folder, 'state'))}`,
      'http: { host: 127.0.0.1, port: 0 }',
      'git_topics: ["#.git.receive"]',
      'git_log: { max_age: 1d, max_bytes: 1g }',
      `build: { supersede: ${supersede}, max_attempts: ${maxAttempts}, source_patience: ${sourcePatience} }`,
      `rebuilds: { quiet: ${quiet}, deadline: 1h, reconcile: ${reconcile} }`,
      'sources:',
      '  - match: { namespace: container }',
      `    clone: ${JSON.stringify(clone)}`,
      '    allow_private: true',
      '    component: "{repo}"',
      'targets:',
      '  f41:',
      `    refs: [${BRANCH}]`,
      '    dist: .f41',
      `    repository: ${JSON.stringify(`${space}/{component}`)}`,
      '    latest: true',
      '    candidate: candidate',
      '    parents:',
      '      allow: [registry.example.org]',
      '      rewrite: [{ from: "registry.example.org/{path}", to: "candidate/{path}" }]',
      '    network: none',
      ...target.map((line) => `    ${line}`),
      'engines:',
      `  - { host: ${JSON.stringify(engine)}, platform: linux/amd64, slots: ${slots} }`,
      'registries:',
      `  candidate: { url: ${JSON.stringify(registry)} }`,
      '',
    ].join('\n');
  }
}

/** A push as dist-git's hook announces it. */
export function pushMessage(component: string, commit: string, branch = BRANCH): Message {
  const body = {
    agent: 'ralph',
    commit: {
      name: 'A Maintainer',
      email: 'a@example.org',
      username: 'ralph',
      summary: 'a change',
      message: 'a change\n',
      stats: { files: {}, total: {} },
      rev: commit,
      path: `/srv/git/repositories/container/${component}.git`,
      repo: component,
      namespace: 'container',
      branch,
    },
  };
  return {
    id: derivedId('push', component, commit, branch),
    topic: `${SERVICE_PREFIX}.git.receive`,
    headers: {},
    body,
  };
}
