/** Does harm, and undoes it; counts what was done. */
import { pause } from '../../src/runtime/clock.js';
import { type Fault, type FaultyProxy, PASS } from '../support/faulty-proxy.js';
import type { Member } from './member.js';
import type { Random } from './random.js';
import type { Harm, Restarted, Victim } from './schedule.js';
import type { Sight } from './watch.js';
import type { World } from './world.js';

export interface HarmCounts {
  kills: number;
  pauses: number;
  cuts: number;
  slows: number;
  readonly restarts: Record<Restarted, number>;
}

/** Milliseconds that a broker may take to tell who has a build. */
const ASK_MS = 200;

export class Harms {
  readonly counts: HarmCounts = {
    kills: 0,
    pauses: 0,
    cuts: 0,
    slows: 0,
    restarts: { broker: 0, registry: 0, engine: 0 },
  };
  readonly #world: World;
  readonly #random: Random;
  /** The latest harm to each line: only it is healed when its time is over. */
  readonly #lines = new Map<FaultyProxy, symbol>();
  /** What is being started again; two at once would meet on its port. */
  readonly #starting = new Map<Restarted, Promise<void>>();

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** Resolves when all that was harmed is whole again. `said` hears what is done, and to whom. */
  async do(harm: Harm, sight: Sight | null, said: (what: string) => void): Promise<void> {
    switch (harm.kind) {
      case 'kill': {
        const member = await this.#member(harm.victim, sight);
        said(`kill -9 of ${member.name}, away for ${harm.awayMs} ms`);
        this.counts.kills += 1;
        return member.kill(harm.awayMs);
      }
      case 'pause': {
        const member = await this.#member(harm.victim, sight);
        said(`${member.name} is paused for ${harm.forMs} ms`);
        this.counts.pauses += 1;
        return member.pause(harm.forMs);
      }
      case 'cut': {
        const [line, name] = await this.#line(harm.line, harm.victim, sight);
        said(`${name}: ${harm.how}${harm.forMs === 0 ? '' : ` for ${harm.forMs} ms`}`);
        this.counts.cuts += 1;
        if (harm.how === 'reset') return line.reset();
        const fault: Fault = harm.how === 'refuse' ? { kind: 'refuse' } : { kind: 'stuck', directions: ['up', 'down'] };
        return this.#spoil(line, fault, harm.forMs);
      }
      case 'slow': {
        const [line, name] = await this.#line(harm.line, harm.victim, sight);
        const { latencyMs, bytesPerSecond, forMs } = harm;
        said(`${name}: ${latencyMs} ms late and ${bytesPerSecond} bytes/s for ${forMs} ms`);
        this.counts.slows += 1;
        return this.#spoil(line, { kind: 'slow', latencyMs, bytesPerSecond }, forMs);
      }
      case 'restart':
        said(`the ${harm.service} is killed, away for ${harm.awayMs} ms`);
        this.counts.restarts[harm.service] += 1;
        return this.#restart(harm.service, harm.awayMs);
    }
  }

  async #spoil(line: FaultyProxy, fault: Fault, forMs: number): Promise<void> {
    const mine = Symbol('harm');
    this.#lines.set(line, mine);
    line.set(fault);
    await pause(forMs);
    if (this.#lines.get(line) === mine) line.set(PASS);
  }

  async #restart(service: Restarted, awayMs: number): Promise<void> {
    const before = this.#starting.get(service) ?? Promise.resolve();
    const now = before.then(async () => {
      const server = this.#world.servers[service];
      if (server === null) throw new Error(`there is no ${service}`);
      await server.kill();
      await pause(awayMs);
      await server.start();
    });
    this.#starting.set(
      service,
      now.catch(() => undefined),
    );
    return now;
  }

  async #line(which: 'bus' | 'registry', victim: Victim, sight: Sight | null): Promise<[FaultyProxy, string]> {
    if (which === 'registry') return [this.#world.registryLine, 'the line to the registry'];
    const { line, name } = await this.#member(victim, sight);
    if (line === null) throw new Error('this bus has no line');
    return [line, `the line of ${name} to the bus`];
  }

  async #member(victim: Victim, sight: Sight | null): Promise<Member> {
    const { members } = this.#world;
    if (victim !== 'worker') {
      const found = members.find(({ role, index }) => role === victim.role && index === victim.index);
      if (found !== undefined) return found;
    }
    const builders = members.filter(({ role }) => role === 'builder');
    const id = sight?.process ?? (sight?.build == null ? null : await this.#holderOf(sight.build));
    return builders.find(({ process }) => id !== null && process?.id === id) ?? this.#random.pick(builders);
  }

  /** Before `started` is told the claim says who has it. */
  async #holderOf(build: string): Promise<string | null> {
    const asked = this.#world.service.bus.holder(`build.${build}`).catch(() => null);
    return Promise.race([asked, pause(ASK_MS).then(() => null)]);
  }
}
