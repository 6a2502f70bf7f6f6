/** A small service in memory: the real trigger on a bus in memory, builders and git as models. */
import type { Bus, Handler } from '../../../src/bus/index.js';
import type { BuildRow } from '../../../src/ledger/index.js';
import { openLedger } from '../../../src/ledger/index.js';
import { type Build, type Message, parseOurs } from '../../../src/messages/index.js';
import { silentLogger } from '../../../src/observability/index.js';
import type { Plan } from '../../../src/replay/decide/plan.js';
import {
  type Foresight,
  type Lineage,
  makePlan,
  type PlanSettings,
  type Source,
  sendPlan,
} from '../../../src/replay/index.js';
import type { Spooled } from '../../../src/replay/spool.js';
import { foresee } from '../../../src/trigger/index.js';
import { openTrigger, type TriggerParts } from '../../../src/trigger/worker.js';
import { type FakeBus, fakeBus } from '../../support/fake-bus.js';
import { canceled, completed, failed, PREFIX, SAMPLE_TIME, sampleCommit, withNvr } from '../../support/samples.js';
import { SETTINGS } from '../trigger/samples.js';

export const GIT = ['#.git.receive.#'];
/** Components whose push is one build for `f41`. */
export const COMPONENTS = ['nginx', 'httpd', 'redis'] as const;

const CLOCK = { now: () => SAMPLE_TIME, monotonic: () => 0 };
const PATHS: TriggerParts['paths'] = { between: async () => ({ kind: 'unknown' }) };

/** The n-th commit of a component's branch; each descends from the one before. */
export function nthCommit(component: string, n: number): string {
  return sampleCommit(`${component} ${n}`);
}

export function push(
  component: string,
  n: number,
  parts: { readonly id?: string; readonly branch?: string } = {},
): Message {
  const { branch = 'f41', id = `push ${component} ${n} ${branch}` } = parts;
  const commit = { namespace: 'container', repo: component, branch, rev: nthCommit(component, n), agent: 'ralph' };
  return { id, topic: 'org.example.git.receive', headers: {}, body: { commit } };
}

export const foresight: Foresight = {
  foresee: async (message) => {
    const seen = await foresee(message, SETTINGS, PATHS, new AbortController().signal);
    if (seen.kind === 'refused') {
      return seen.refusal.code === 'not_a_push' ? { kind: 'no_push' } : { kind: 'refused', ...seen.refusal };
    }
    const refused = seen.notBuilt.map(({ candidate: { component, target, commit }, refusal }) => ({
      ...{ component, target, commit },
      ...refusal,
    }));
    return { kind: 'decided', builds: seen.builds, refused, unsure: seen.unsure };
  },
};

/** Branches without merges: the higher number is the newer commit. */
export const lineage: Lineage = {
  newer: async ({ source, a, b }) => {
    const number = (commit: string): number => {
      const component = String(/([^/]+)\.git$/.exec(source.repository)?.[1]);
      return [...Array(40).keys()].findIndex((n) => nthCommit(component, n) === commit);
    };
    return number(a) === number(b) ? 'unknown' : number(a) > number(b) ? 'a' : 'b';
  },
};

/** Settings of a replay but for what a test cares about. */
export type Parts = Partial<Omit<PlanSettings, 'select'>> & { readonly select?: Partial<PlanSettings['select']> };

function settings(parts: Parts = {}): PlanSettings {
  return {
    run: 'run-1',
    force: false,
    foreign: false,
    limit: null,
    supersede: true,
    agent: 'ralph',
    ...parts,
    select: { topic: null, component: null, id: null, build: null, after: null, ...parts.select },
  };
}

export async function* sourceOf(messages: readonly Message[]): Source & AsyncGenerator {
  yield messages.map((message, index) => ({ message, line: index + 1, at: SAMPLE_TIME }));
}

/** What a spool keeps, in memory. */
export class MemorySpool {
  readonly kept: Spooled[] = [];

  async put(record: Spooled): Promise<void> {
    this.kept.push(record);
  }

  async *records(): AsyncGenerator<Spooled> {
    yield* this.kept;
  }
}

export class World {
  readonly bus: FakeBus;

  private constructor(bus: FakeBus) {
    this.bus = bus;
  }

  static open(): World {
    return new World(fakeBus({ git: GIT }));
  }

  /** The ledger of all that was said so far. */
  async ledger() {
    const ledger = await openLedger({ bus: this.bus, prefix: PREFIX, path: null });
    await ledger.caughtUp();
    return ledger;
  }

  /** The trigger takes what waits for it, then builders do. Gives the builds that were made, sorted. */
  async work(ends: (build: Build) => 'completed' | 'failed' = () => 'completed'): Promise<readonly string[]> {
    await this.#drain('trigger', () => this.#trigger());
    const ledger = await this.ledger();
    const built: string[] = [];
    const build = async (request: Build): Promise<void> => {
      await ledger.caughtUp();
      const row = ledger.build(request.id);
      if (row?.ended || row?.state === 'canceled') return;
      const newer = await outdoneBy(request, ledger.builds({ component: request.component, target: request.target }));
      if (newer !== null) return this.bus.publish(canceled(request, 'superseded', newer.id));
      built.push(request.id);
      const named = withNvr(request, '1', String(built.length));
      await this.bus.publish(ends(request) === 'completed' ? completed(named) : failed(named));
    };
    for (const group of ['builder', 'builder.cascade']) await this.#drain(group, () => this.#builders(group, build));
    await ledger.close();
    return built.sort();
  }

  /** The trigger asks for what was pushed, and the requests are taken by somebody who forgets them. */
  async loseRequests(): Promise<void> {
    await this.#drain('trigger', () => this.#trigger());
    await this.#drain('builder', () => this.#builders('builder', async () => undefined));
  }

  #trigger(): Promise<{ stop(): Promise<void> }> {
    return openTrigger({ bus: this.bus, settings: SETTINGS, paths: PATHS, clock: CLOCK, log: silentLogger });
  }

  #builders(group: string, build: (request: Build) => Promise<void>): Promise<{ stop(): Promise<void> }> {
    const handler: Handler = async ({ message }) => {
      const read = parseOurs(PREFIX, message);
      if (read?.ok && read.value.name === 'build.requested.v1') await build(read.value.body.build);
      return { kind: 'ack' };
    };
    return this.bus.consume(group, handler, { slots: 1 });
  }

  async #drain(group: string, open: () => Promise<{ stop(): Promise<void> }>): Promise<void> {
    const consumer = await open();
    while ((await this.bus.waiting(group)) > 0) await new Promise((resolve) => setImmediate(resolve));
    await consumer.stop();
  }

  async plan(messages: readonly Message[], parts: Parts = {}, spool = new MemorySpool()): Promise<Plan> {
    const ledger = await this.ledger();
    try {
      const plan = await makePlan({
        source: sourceOf(messages),
        settings: settings(parts),
        ledger,
        reader: { prefix: PREFIX, isListenedTo: (topic) => topic.includes('.git.receive'), foresight },
        lineage,
        spool,
        signal: new AbortController().signal,
        onProgress: () => undefined,
      });
      if (plan === null) throw new Error('interrupted');
      return plan;
    } finally {
      await ledger.close();
    }
  }

  /** Plans and sends. */
  async replay(messages: readonly Message[], parts: Parts = {}, bus: Pick<Bus, 'publish'> = this.bus) {
    const spool = new MemorySpool();
    const plan = await this.plan(messages, parts, spool);
    const { run } = settings(parts);
    const signal = new AbortController().signal;
    const sending = { bus, prefix: PREFIX, run, clock: CLOCK, rate: 1e9, signal, onSent: () => undefined };
    return { plan, outcome: await sendPlan(plan, spool, sending) };
  }

  /** All that was ever stored, oldest first. */
  get history(): readonly Message[] {
    return this.bus.published;
  }
}

/** Ids of the builds that a plan makes, sorted. */
export function wanted(plan: Plan): readonly string[] {
  return plan.entries
    .filter(({ action }) => action !== 'none')
    .flatMap(({ builds }) => builds.filter(({ will }) => will).map(({ build }) => String(build)))
    .sort();
}

/** Reason codes of a plan, entry by entry. */
export function codes(plan: Plan): readonly string[] {
  return plan.entries.map(({ why, builds }) => why?.code ?? builds.map(({ code }) => code).join(','));
}

/** The newer commit's build that stands in for one, as builders look for it. */
async function outdoneBy(build: Build, rows: readonly BuildRow[]): Promise<BuildRow | null> {
  if (build.cause.type !== 'push') return null;
  for (const row of rows) {
    if (row.kind !== 'official' || row.id === build.id || row.state === 'canceled') continue;
    const duel = { source: build.source, a: build.source.commit, b: row.source.commit };
    if ((await lineage.newer(duel)) === 'b') return row;
  }
  return null;
}
