import type { Bus, Consumer, Handler } from '../../src/bus/index.js';
import { buildId } from '../../src/kernel/ids.js';
import { type Build, type Message, nameOfTopic } from '../../src/messages/index.js';
import { silentLogger } from '../../src/observability/index.js';
import { openTrigger } from '../../src/trigger/index.js';
import { pushOf, triggerSettings } from '../simulation/pushes.js';
import type { Random } from '../simulation/random.js';
import { PREFIX, SAMPLE_PROCESS } from '../support/samples.js';
import { Builders, type Execution, madeOf, told } from './builders.js';
import { Events } from './events.js';
import type { Spec, Specs } from './images.js';
import { type Entry, MemoryLedger } from './ledger.js';
import { type Commit, nameOf, Outside } from './outside.js';
import { SimulatedPlanner } from './planner.js';

/** When worlds begin. */
const BEGAN = Date.UTC(2026, 10, 23);
/** Milliseconds between two builds of the time before. */
const BEFORE_MS = 2_000;
/** A message is under way for so many milliseconds at most. */
const UNDER_WAY_MS = 40;
/** Milliseconds of a world's time after which it never rests. */
const LIMIT_MS = 60 * 86_400_000;
/** Up to so many components, a planner that takes over folds the log anew; above, it gets the rows. */
const FOLDS_ANEW = 600;

export interface WorldOptions {
  readonly random: Random;
  readonly slots: number;
  readonly lengthOf: (build: string) => number;
  /** What the members of a wave may take of its messages, where it is not the usual. */
  readonly resultBytes?: number | undefined;
  /** Chance that a request is delivered twice. */
  readonly twice?: number;
}

/** Trigger, planner and builders on a log in memory; git, registry and engines are models. */
export class World {
  readonly events = new Events();
  readonly log: Entry[];
  readonly ledger: MemoryLedger;
  readonly outside: Outside;
  readonly planner: SimulatedPlanner;
  readonly #builders: Builders;
  readonly #options: WorldOptions;
  readonly #beganAt: number;
  #ledgers: MemoryLedger[];
  #push: Handler = async () => ({ kind: 'ack' });

  /** `from`: goes on where another world has come to rest. */
  private constructor(options: WorldOptions, specs: Specs, from: World | null) {
    this.#options = options;
    this.log = from === null ? [] : [...from.log];
    this.ledger = new MemoryLedger(from?.ledger ?? null);
    this.#ledgers = [this.ledger];
    this.outside = new Outside(specs, from?.outside ?? null);
    this.#beganAt = from === null ? BEGAN : from.wall().getTime();
    const { events, ledger, outside } = this;
    const { slots, lengthOf } = options;
    const publish = (message: Message): void => this.publish(message);
    const now = (): Date => this.wall();
    this.#builders = new Builders({ events, ledger, outside, slots, lengthOf, now, publish });
    this.planner = new SimulatedPlanner({
      ...{ events, publish, wall: now, isOut: (component) => outside.spec(component).isOut },
      ledger: () => this.#ledgerOfOne(),
      settings: options.resultBytes === undefined ? {} : { resultBytes: options.resultBytes },
    });
  }

  /** A world in which every component was built once, and nothing is to be done. */
  static async begin(specs: Specs, options: WorldOptions): Promise<World> {
    const world = new World(options, specs, null);
    const count = specs.size;
    for (const [at, spec] of [...specs.values()].entries())
      world.#store(world.#builtBefore(spec), new Date(BEGAN - (count - at) * BEFORE_MS - 3_600_000));
    await world.#open();
    return world;
  }

  /** Another world that goes on from here; this one must be at rest. */
  async fork(options: WorldOptions): Promise<World> {
    const world = new World(options, this.outside.specs, this);
    await world.#open();
    return world;
  }

  wall(): Date {
    return new Date(this.#beganAt + this.events.now);
  }

  get executions(): readonly Execution[] {
    return this.#builders.executions;
  }

  /** A hook tells of a commit. */
  async tell(component: string, commit: Commit): Promise<void> {
    await this.take(pushOf('dist-git', component, commit.id, ['Dockerfile']));
  }

  /** The trigger gets a message of a git host. */
  async take(message: Message): Promise<void> {
    await this.#push({ message, retries: 0, signal: new AbortController().signal });
  }

  publish(message: Message): void {
    this.#store(message, this.wall());
    const name = nameOfTopic(PREFIX, message.topic);
    if (name !== 'build.requested.v1' && name !== 'build.requested.cascade.v1') return;
    const lane = name === 'build.requested.v1' ? 'people' : 'cascade';
    const { build } = message.body as unknown as { readonly build: Build };
    const { random, twice = 0 } = this.#options;
    for (let copies = random.chance(twice) ? 2 : 1; copies > 0; copies -= 1)
      this.events.after(random.next() * UNDER_WAY_MS, () => this.#builders.offer(lane, build));
  }

  /** Goes on until nothing more happens. */
  async rest(): Promise<void> {
    await this.events.run(LIMIT_MS);
  }

  close(): void {
    this.planner.end();
  }

  async #open(): Promise<void> {
    const bus = {
      consume: async (_group: string, handler: Handler): Promise<Consumer> => {
        this.#push = handler;
        return { busy: 0, pause: async () => {}, resume: async () => {}, stop: async () => {} };
      },
      publish: async (message: Message) => this.publish(message),
    } satisfies Pick<Bus, 'consume' | 'publish'>;
    const clock = { now: () => this.wall(), monotonic: () => this.events.now };
    const paths = { between: async () => ({ kind: 'unknown' as const }) };
    await openTrigger({ bus, settings: triggerSettings(false, 0), paths, clock, log: silentLogger });
    this.planner.begin();
  }

  #store(message: Message, storedAt: Date): void {
    const entry = { message, storedAt };
    this.log.push(entry);
    for (const ledger of this.#ledgers) ledger.take(entry);
  }

  /** The first planner reads with all others; one that takes over, for itself. */
  #ledgerOfOne(): MemoryLedger {
    if (this.planner.looks === 0) return this.ledger;
    const ledger = this.outside.specs.size > FOLDS_ANEW ? new MemoryLedger(this.ledger) : new MemoryLedger();
    if (this.outside.specs.size <= FOLDS_ANEW) for (const entry of this.log) ledger.take(entry);
    this.#ledgers = [this.ledger, ledger];
    return ledger;
  }

  #builtBefore(spec: Spec): Message {
    const { component } = spec;
    const commit = this.outside.head(component) ?? this.outside.commit(component);
    const identity = { component, target: 'f41', commit: commit.id, kind: 'official' as const };
    const build: Build = {
      ...identity,
      id: buildId({ ...identity, buildArgs: {}, causeKey: '' }),
      ...{ name: component, version: '1', release: '1.f41', nvr: `${component}-1-1.f41` },
      source: {
        ...{ repository: `https://src.example.org/container/${component}.git`, namespace: 'container' },
        ...{ branch: 'f41', commit: commit.id, path: '' },
      },
      cause: { type: 'push', key: '', message: null, wave: null, agent: null, reason: null, parents: null },
      build_args: {},
      attempt: 1,
    };
    const parents = spec.parents.map((parent) => {
      const made = this.outside.now(nameOf(parent));
      if (made === null) throw new Error(`${parent.component} comes after ${component}`);
      const { image } = made;
      return { parent, image, build: made.build };
    });
    const on = new Map(parents.map(({ parent, image }) => [parent.component, image.content as `sha256:${string}`]));
    const made = madeOf(build, commit.payload, on, [`build-${build.id}`, '1-1.f41', '1', 'latest']);
    this.outside.put(made);
    const body = {
      image: made.image,
      parents: parents.map((one) => ({
        ...{ written: `${one.parent.component}:${one.parent.tag}`, resolved: nameOf(one.parent) },
        ...{ digest: one.image.digest, build: one.build },
      })),
      timings: null,
      log: null,
      process: SAMPLE_PROCESS,
    };
    return told('build.completed.v1', build, body, this.wall());
  }
}
