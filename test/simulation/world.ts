import { type Builder, openBuilder } from '../../src/builder/index.js';
import { digestOf } from '../../src/kernel/digest.js';
import { silentLogger, silentMetrics } from '../../src/observability/index.js';
import { openPlanner, type Planner } from '../../src/planner/index.js';
import type { Clock } from '../../src/runtime/clock.js';
import { gitPaths, openTrigger, type Trigger } from '../../src/trigger/index.js';
import { MemoryGit, SAMPLE_TARGET } from '../support/builder-world.js';
import { cancelCommand, PREFIX, requested } from '../support/samples.js';
import type { Fault, FaultOfProcess, Victim } from './befalls.js';
import { BEGINNING, Broker, type Sabotage } from './broker.js';
import { SimulatedBus } from './bus.js';
import { Faults } from './faults.js';
import { SimulatedLedger } from './ledger.js';
import { type EngineStore, RegistryStore, SimulatedEngine, SimulatedGit, SimulatedRegistry } from './outside.js';
import { triggerSettings } from './pushes.js';
import type { Random } from './random.js';
import type { Asked, Scenario } from './scenario.js';
import type { Life, Scheduler } from './scheduler.js';

/** Where images go in every world. */
export const HOST = 'candidate.example.org';

/** A last line that goes on: so the builder gives the engine its labels beside the file, and no tar is read. */
const DOCKERFILE_END = 'RUN true \\';

interface Running {
  readonly life: Life;
  readonly bus: SimulatedBus;
  readonly ledger: SimulatedLedger;
  role: Builder | Planner | Trigger | null;
}

/** Processes of one service and all that is outside them. */
export class World {
  readonly scheduler: Scheduler;
  readonly scenario: Scenario;
  readonly broker: Broker;
  readonly faults: Faults;
  readonly registry = new RegistryStore();
  readonly git = new MemoryGit();
  readonly engines: EngineStore[];
  readonly #running = new Map<string, Running>();
  readonly #incarnations = new Map<string, number>();
  /** Requests, cancels and returns that are still to come. */
  #awaited = 0;

  constructor(scheduler: Scheduler, scenario: Scenario, sabotage: Sabotage, ofLags: Random) {
    this.scheduler = scheduler;
    this.scenario = scenario;
    this.broker = new Broker(scheduler, scenario.broker, sabotage, ofLags);
    this.faults = new Faults(scheduler.random, scenario.rates);
    this.engines = Array.from({ length: scenario.ownEngines ? scenario.builders : 1 }, () => ({
      images: new Map(),
      built: 0,
    }));
  }

  /** Shorter than an outage in some worlds, longer in others. */
  get #sourcePatienceMs(): number {
    return this.scenario.slots === 1 ? 10_000 : 3_600_000;
  }

  async begin(): Promise<void> {
    const { pushes } = this.scenario;
    for (const asked of this.scenario.asked) this.#ask(asked);
    for (const { atMs, message, again } of pushes?.sent ?? []) this.#at(atMs, () => this.broker.store(message, again));
    for (let number = 0; number < this.scenario.planners; number += 1) await this.#start({ role: 'planner', number });
    for (let number = 0; number < this.scenario.builders; number += 1) await this.#start({ role: 'builder', number });
    for (let number = 0; number < (pushes?.triggers ?? 0); number += 1) await this.#start({ role: 'trigger', number });
  }

  #ask({ build, atMs, copies, parent, cancelMs }: Asked): void {
    const from = parent === null ? 'FROM scratch' : `FROM ${HOST}/f41/${parent}:latest`;
    const message = requested(build);
    const isPushed = this.scenario.pushes !== null;
    this.#at(atMs, () => {
      this.git.push(build.source.repository, build.source.commit, `${from}\nLABEL version="2.4"\n${DOCKERFILE_END}`);
      this.scheduler.note(() => `asked for: ${build.component} ${build.id.slice(0, 6)}`);
      if (!isPushed) this.broker.store(message, undefined);
    });
    if (!isPushed)
      for (const [index, copyMs] of copies.entries())
        this.#at(copyMs, () => this.broker.store(message, `replay ${index}`));
    if (cancelMs !== null) this.#at(cancelMs, () => this.broker.store(cancelCommand(build.id), undefined));
  }

  #at(ms: number, work: () => void): void {
    this.#awaited += 1;
    this.scheduler.after(null, ms, () => {
      this.#awaited -= 1;
      work();
    });
  }

  async #start(victim: Victim): Promise<void> {
    const place = placeOf(victim);
    const incarnation = (this.#incarnations.get(place) ?? 0) + 1;
    this.#incarnations.set(place, incarnation);
    const life: Life = {
      name: `${place}.${incarnation}`,
      alive: true,
      stands: false,
      weight: this.scheduler.random.pick([1, 1, 0.2, 0.03]),
    };
    const bus = new SimulatedBus(life, this.scheduler, this.broker, this.faults);
    const ledger = new SimulatedLedger(bus, this.scheduler, this.broker);
    const running: Running = { life, bus, ledger, role: null };
    this.#running.set(place, running);
    await this.scheduler.as(life, () => {
      const opened = this.#open(victim, running);
      opened.then(
        (role) => {
          running.role = role;
        },
        // A process that can't start ends, and is started again.
        () => this.#exit(victim, running, 1_000),
      );
    });
  }

  #open({ role, number }: Victim, running: Running): Promise<Builder | Planner | Trigger> {
    switch (role) {
      case 'builder':
        return this.#builder(running, number);
      case 'planner':
        return this.#planner(running);
      case 'trigger':
        return this.#trigger(running);
    }
  }

  #trigger({ life, bus }: Running): Promise<Trigger> {
    const git = new SimulatedGit({ life, scheduler: this.scheduler, faults: this.faults }, this.git);
    return openTrigger({
      bus,
      settings: triggerSettings(this.scenario.pushes?.watches === true, this.#sourcePatienceMs),
      paths: gitPaths(git, silentLogger),
      clock: this.#clock(),
      log: silentLogger,
    });
  }

  #clock(): Clock {
    return { now: () => new Date(BEGINNING + this.scheduler.now), monotonic: () => this.scheduler.now };
  }

  #planner({ life, bus, ledger }: Running): Promise<Planner> {
    const process = { id: life.name, host: 'host', pid: 1, version: '0.1.0' };
    return openPlanner({ bus, ledger, prefix: PREFIX, process, clock: this.#clock() });
  }

  #builder({ life, bus, ledger }: Running, number: number): Promise<Builder> {
    const { scenario, scheduler, faults } = this;
    const wire = { life, scheduler, faults };
    const store = this.engines[number % this.engines.length] ?? { images: new Map(), built: 0 };
    const host = `unix:///engine-${number % this.engines.length}.sock`;
    const failing = new Set(scenario.asked.filter(({ fails }) => fails).map(({ build }) => build.id));
    const engine = new SimulatedEngine(wire, host, store, this.registry, {
      takes: () => scheduler.random.below(scenario.buildMs),
      fails: ({ build }) => failing.has(build),
    });
    return openBuilder(
      {
        prefix: PREFIX,
        process: { id: life.name, host: 'host', pid: 1, version: '0.1.0' },
        targets: { f41: TARGET },
        engines: [],
        engineRegistryHosts: {},
        supersede: scenario.supersede,
        logs: '/nonexistent',
        maxTries: 5,
        sourcePatienceMs: this.#sourcePatienceMs,
      },
      {
        bus,
        ledger,
        git: new SimulatedGit(wire, this.git),
        registries: new Map([['candidate', new SimulatedRegistry(wire, this.registry)]]),
        engines: [{ engine, platform: 'linux/amd64', slots: scenario.slots }],
        logs: NO_LOGS,
        clock: this.#clock(),
        log: silentLogger,
        metrics: silentMetrics,
      },
    );
  }

  /** Lets a fault begin; its end is a timer of the world. */
  async befall(fault: Fault): Promise<void> {
    if (fault.kind === 'away') {
      this.scheduler.note(() => `FAULT: ${fault.side} is away for ${fault.ms} ms`);
      this.faults.away.add(fault.side);
      this.#at(fault.ms, () => this.faults.away.delete(fault.side));
      return;
    }
    const running = this.#running.get(placeOf(fault.of));
    if (running?.life.alive && !running.life.stands) await this.#strike(fault, running);
  }

  async #strike(fault: FaultOfProcess, running: Running): Promise<void> {
    const { life, bus } = running;
    this.scheduler.note(() => `FAULT: ${fault.kind} of ${life.name}, ${fault.ms} ms`);
    switch (fault.kind) {
      case 'crash':
        this.#exit(fault.of, running, fault.ms);
        return;
      case 'stand':
        life.stands = true;
        // While it stands nothing is renewed.
        if (fault.ms > this.scenario.broker.leaseMs)
          this.#at(this.scenario.broker.leaseMs, () => bus.lose(0, fault.ms - this.scenario.broker.leaseMs));
        this.#at(fault.ms, () => {
          life.stands = false;
          this.#handAll();
        });
        return;
      case 'cut':
        bus.lose(fault.atOnce ? 0 : this.scenario.broker.leaseMs, fault.ms);
        this.#at(fault.ms, () => this.#handAll());
        return;
      case 'terminate':
        await this.#terminate(fault.of, running, fault.ms);
    }
  }

  async #terminate(victim: Victim, running: Running, ms: number): Promise<void> {
    const { role, bus, life } = running;
    if (role === null) return this.#exit(victim, running, ms);
    // Until its successor has started nothing is at rest.
    running.role = null;
    await this.scheduler.as(life, () => {
      void role
        .stop()
        .then(() => bus.close())
        .finally(() => this.#exit(victim, running, ms));
    });
  }

  #exit(victim: Victim, { life, bus, ledger }: Running, ms: number): void {
    if (!life.alive) return;
    this.scheduler.kill(life);
    bus.die(this.scenario.broker.leaseOfDeadMs);
    void ledger.close();
    this.#awaited += 1;
    this.scheduler.after(null, ms, () => {
      this.#awaited -= 1;
      this.#starts.push(victim);
    });
  }

  /** Processes whose time to start has come. */
  readonly #starts: Victim[] = [];

  async startDue(): Promise<void> {
    for (const victim of this.#starts.splice(0)) await this.#start(victim);
  }

  #handAll(): void {
    for (const group of this.broker.groups.values()) this.broker.hand(group);
  }

  /** Nothing is under way and nothing is to come, as far as the outside can see. */
  get isQuiet(): boolean {
    if (this.#awaited > 0 || this.#starts.length > 0 || !this.broker.idle) return false;
    for (const key of this.broker.claims.keys()) if (!/^(process\.|planner$)/.test(key)) return false;
    return [...this.#running.values()].every(
      ({ role }) => role !== null && (!('dependencies' in role) || role.busy() === 0),
    );
  }
}

function placeOf({ role, number }: Victim): string {
  return `${role}-${number + 1}`;
}

const NO_LOGS = {
  open: async () => ({
    line: () => undefined,
    tail: () => '',
    bytes: 0,
    finish: async () => digestOf('log'),
  }),
};

const TARGET = { ...SAMPLE_TARGET, limits: { ...SAMPLE_TARGET.limits, timeMs: 600_000 } };
