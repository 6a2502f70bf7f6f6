/** All that a run of chaos is about: the service's processes, two of each role, and real stores of its own around them. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceError } from '../../src/kernel/service-error.js';
import { pause } from '../../src/runtime/clock.js';
import { type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.js';
import { OWN_BROKERS, type OwnBroker } from '../support/own-brokers.js';
import { type OwnRegistry, startOwnRegistry } from '../support/own-registry.js';
import { BRANCH, ServiceFolder } from '../support/service.js';
import { requireBusybox } from '../support/services.js';
import { until } from '../support/until.js';
import type { Stores } from './evidence.js';
import { Member } from './member.js';
import { type OwnEngine, startOwnDocker, startOwnPodman } from './own-engine.js';
import { type PlannedPush, type Restarted, ROLES } from './schedule.js';
import { Watch } from './watch.js';

export type BusKind = 'embedded' | 'amqp' | 'nats';
export type EngineKind = 'docker' | 'podman';

export interface WorldOptions {
  readonly bus: BusKind;
  readonly engine: EngineKind;
  readonly supersede: boolean;
  /** Of the service's processes. */
  readonly logLevel: 'debug' | 'info';
}

interface Server {
  kill(): Promise<void>;
  start(): Promise<void>;
}

const SPACE = 'chaos';
/** Names of images that stay in the engine: the cache of each component. */
const KEPT_IMAGES = 'layerwright-cache/';
const START_MS = 60_000;
/** Milliseconds until a push that the bus did not take is published again. */
const ANNOUNCE_AGAIN_MS = 250;

export class World {
  readonly service: ServiceFolder;
  readonly watch: Watch;
  readonly members: Member[] = [];
  readonly registryLine: FaultyProxy;
  readonly servers: Readonly<Record<Restarted, Server | null>>;
  /** Commit by commit, in the order of their pushes. */
  readonly commits: { readonly component: string; readonly commit: string }[] = [];
  readonly #turns = new Map<string, Promise<string>>();
  readonly #options: WorldOptions;
  readonly #parts: Parts;

  private constructor(options: WorldOptions, parts: Parts) {
    const { broker, registry, engine, service, watch, registryLine } = parts;
    [this.#options, this.#parts] = [options, parts];
    [this.service, this.watch, this.registryLine] = [service, watch, registryLine];
    this.servers = { broker, registry, engine };
  }

  /** Everything runs when it resolves, and nothing was pushed yet. */
  static async open(options: WorldOptions): Promise<World> {
    const close: (() => Promise<unknown>)[] = [];
    try {
      const folder = await mkdtemp(join(tmpdir(), 'layerwright-chaos-'));
      close.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
      const kind = OWN_BROKERS.find((each) => each.kind === options.bus) ?? null;
      const starting = [kind?.prepare() ?? null, startOwnRegistry(join(folder, 'registry'))] as const;
      const [broker, registry] = await Promise.all(starting);
      close.push(() => registry.stop());
      if (broker !== null) close.push(() => broker.stop());
      const engine = await startEngine(options.engine, join(folder, 'engine'));
      close.push(() => engine.stop());
      await broker?.start();
      const watch = new Watch();
      const registryLine = await startFaultyProxy(registry.url, watch.heard);
      close.push(() => registryLine.close());
      const service = await ServiceFolder.make({
        engine: engine.host,
        registry: `http://${registryLine.address}`,
        space: SPACE,
        supersede: options.supersede,
        ...(broker === null ? {} : { bus: broker.url }),
      });
      close.push(() => service.close());
      const busybox = await readFile(requireBusybox().url);
      const world = new World(options, { broker, registry, engine, service, watch, registryLine, busybox, close });
      close.push(() => watch.close());
      await watch.open(service.bus);
      await world.#startMembers();
      return world;
    } catch (thrown) {
      await closeAll(close);
      throw thrown;
    }
  }

  get stores(): Stores {
    const { broker, registry, service } = this.#parts;
    return {
      bus: broker?.url ?? join(service.folder, 'bus.db'),
      registry: registry.url,
      space: SPACE,
      git: join(service.folder, 'git', 'container'),
      branch: BRANCH,
      supersede: this.#options.supersede,
    };
  }

  /** Commits to a repository, and tells the bus until it takes it: that much a git host must do. */
  async push({ component, seconds }: PlannedPush): Promise<void> {
    const { service, busybox, watch } = this.#parts;
    const files: Record<string, string | Uint8Array> = {
      tiny: `${this.commits.length}\n`,
      Dockerfile: dockerfile(seconds),
    };
    if (seconds > 0) files['busybox'] = busybox;
    const commit = await this.#inTurn(component, () => service.commit(component, files));
    watch.pushed();
    for (;;) {
      try {
        await service.announce(component, commit);
        return;
      } catch (thrown) {
        if (!(thrown instanceof ServiceError && thrown.transient)) throw thrown;
        await pause(ANNOUNCE_AGAIN_MS);
      }
    }
  }

  /** Two commits at once would meet in the work tree. */
  async #inTurn(component: string, make: () => Promise<string>): Promise<string> {
    const before = this.#turns.get(component);
    const made = (async () => {
      await before?.catch(() => undefined);
      const commit = await make();
      this.commits.push({ component, commit });
      return commit;
    })();
    this.#turns.set(component, made);
    return made;
  }

  /** Commits that the service still owes an end; with supersede the head of a branch must be built. */
  owed(): readonly string[] {
    const { watch } = this.#parts;
    const heads = new Map(this.commits.map(({ component, commit }) => [component, commit]));
    return this.commits.flatMap(({ component, commit }) => {
      const end = watch.endOf(commit);
      const isOwed = end === null || (end === 'superseded' && heads.get(component) === commit);
      return isOwed ? [`${component} ${commit.slice(0, 8)}`] : [];
    });
  }

  /** What is in the engine and belongs to no build that lives. */
  engineLeftovers(): Promise<readonly string[]> {
    return this.#parts.engine.leftovers(KEPT_IMAGES);
  }

  /** Why dangling images may be there still; takes them away where it can. */
  engineReasons(): Promise<readonly string[]> {
    return this.#parts.engine.reasons();
  }

  /** Claims of builds, tags and names; with `all` those of processes and the planner too. */
  async claims(all: boolean): Promise<readonly string[]> {
    const { service, watch } = this.#parts;
    const components = [...new Set(this.commits.map(({ component }) => component))];
    const keys = [
      ...watch.builds.map((id) => `build.${id}`),
      ...components.map((component) => `tags.candidate.${service.repository(component)}.f41`),
      ...(all ? ['planner', ...watch.processes.map((id) => `process.${id}`)] : []),
    ];
    const held: string[] = [];
    for (const key of keys) if ((await service.bus.holder(key)) !== null) held.push(`claim ${key}`);
    return held;
  }

  /** Ends the roles as an operator does. Gives what they left, exit codes that are not 0 included. */
  async endRoles(deadlineMs: number): Promise<readonly string[]> {
    const codes = await Promise.all(this.members.map(async (member) => `${member.name} ${await member.stop()}`));
    const left = { claims: [] as readonly string[] };
    await until(
      'no claim is left',
      async () => {
        left.claims = await this.claims(true);
        return left.claims.length === 0;
      },
      deadlineMs,
    ).catch(() => undefined);
    return [...codes.filter((code) => !code.endsWith(' 0')).map((code) => `exit of ${code}`), ...left.claims];
  }

  /** Writes what each process has said into a folder. */
  async writeLogs(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    for (const { name, lives } of this.members)
      for (const [index, { stderr }] of lives.entries())
        await writeFile(join(folder, `${name}.${index + 1}.log`), stderr);
  }

  async close(): Promise<void> {
    await closeAll(this.#parts.close);
  }

  async #startMembers(): Promise<void> {
    const { service, broker, close } = this.#parts;
    for (const role of ROLES) {
      for (const index of [0, 1] as const) {
        const bus = broker?.url ?? null;
        const member = await Member.make(role, index, service.config, bus, this.#options.logLevel);
        close.push(() => member.close());
        this.members.push(member);
        member.start();
      }
    }
    for (const { name, process } of this.members)
      await until(`${name} is up: ${process?.stderr}`, () => process?.health !== null, START_MS);
  }
}

interface Parts {
  readonly broker: OwnBroker | null;
  readonly registry: OwnRegistry;
  readonly engine: OwnEngine;
  readonly service: ServiceFolder;
  readonly watch: Watch;
  readonly registryLine: FaultyProxy;
  readonly busybox: Uint8Array;
  readonly close: (() => Promise<unknown>)[];
}

function startEngine(kind: EngineKind, folder: string): Promise<OwnEngine> {
  switch (kind) {
    case 'docker':
      return startOwnDocker(folder);
    case 'podman':
      return startOwnPodman(folder);
  }
}

/** Last in, first out; all run, the first error is thrown. */
async function closeAll(close: (() => Promise<unknown>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (let each = close.pop(); each !== undefined; each = close.pop()) {
    await each().catch((thrown: unknown) => errors.push(thrown));
  }
  if (errors.length > 0) throw errors[0];
}

function dockerfile(seconds: number): string {
  const made = 'FROM scratch\nLABEL version="1.0"\nCOPY tiny /tiny\n';
  if (seconds === 0) return made;
  return `${made}COPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "echo begun; sleep ${seconds}"]\n`;
}
