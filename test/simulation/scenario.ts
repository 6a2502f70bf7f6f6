import type { Build } from '../../src/messages/index.js';
import { type BuildParts, sampleBuild, sampleCommit } from '../support/samples.js';
import type { BrokerKind } from './broker.js';
import type { Side } from './faults.js';
import type { Random } from './random.js';

/** A build that is asked for; the commit is pushed at the same time. */
export interface Asked {
  readonly build: Build;
  readonly atMs: number;
  /** Asked for again, as a hook or a replay does, so many times. */
  readonly copies: readonly number[];
  readonly parent: string | null;
  readonly fails: boolean;
  /** When it is called off; null: never. */
  readonly cancelMs: number | null;
}

export type Fault =
  | FaultOfProcess
  | { readonly kind: 'away'; readonly side: Exclude<Side, 'bus'>; readonly ms: number };

export type FaultOfProcess =
  /** SIGKILL: gone in the middle of whatever it did; another process comes in its place. */
  | { readonly kind: 'crash'; readonly of: Victim; readonly ms: number }
  /** SIGSTOP, then SIGCONT. */
  | { readonly kind: 'stand'; readonly of: Victim; readonly ms: number }
  | { readonly kind: 'cut'; readonly of: Victim; readonly ms: number; readonly atOnce: boolean }
  /** SIGTERM. */
  | { readonly kind: 'terminate'; readonly of: Victim; readonly ms: number };

export interface Victim {
  readonly role: 'builder' | 'planner';
  readonly number: number;
}

/** What befalls a world, and when: before the step with that number. */
export interface Befalls {
  readonly step: number;
  readonly fault: Fault;
}

export interface Scenario {
  readonly broker: BrokerKind;
  readonly builders: number;
  readonly planners: number;
  readonly slots: number;
  readonly ownEngines: boolean;
  readonly supersede: boolean;
  readonly asked: readonly Asked[];
  readonly befalls: readonly Befalls[];
  readonly rates: Record<Side, number>;
  /** The longest that a build takes in the engine. */
  readonly buildMs: number;
}

/** Steps after which no fault begins; a build takes about a hundred. */
const FAULTY_STEPS = 450;

/** Draws a small world: one to four builds of one or two components, two builders, a planner, and what befalls them. */
export function drawScenario(random: Random): Scenario {
  const asked = drawBuilds(random);
  const planners = random.chance(0.2) ? 2 : 1;
  const befalls = Array.from({ length: random.below(4) }, () => ({
    step: random.below(FAULTY_STEPS),
    fault: drawFault(random, planners),
  })).sort((a, b) => a.step - b.step);
  const rate = (): number => random.pick([0, 0, 0, 0.02]);
  return {
    broker: {
      dropsCopies: random.chance(0.7),
      leaseOfDeadMs: random.pick([0, 5_000]),
      leaseMs: random.pick([5_000, 8_000]),
      doubles: random.pick([0, 0, 0.2]),
    },
    builders: 2,
    planners,
    slots: random.between(1, 2),
    ownEngines: random.chance(0.5),
    supersede: random.chance(0.6),
    asked,
    befalls,
    rates: { bus: rate(), registry: rate(), engine: rate(), git: rate() },
    buildMs: random.pick([100, 2_000, 30_000]),
  };
}

function drawBuilds(random: Random): Asked[] {
  const base = random.chance(0.3);
  const httpd = draws(random, 'httpd', random.between(1, 2), base ? 'base' : null);
  return base ? [...draws(random, 'base', 1, null), ...httpd] : httpd;
}

function draws(random: Random, component: string, count: number, parent: string | null): Asked[] {
  let atMs = 0;
  return Array.from({ length: count }, (_, index) => {
    atMs += random.pick([0, 100, 5_000, 40_000]);
    // A parent that fails or is called off leaves its children waiting, as it should.
    const isParent = component === 'base';
    return {
      build: sampleBuild({ component, source: { commit: sampleCommit(`${component} ${index}`) } } satisfies BuildParts),
      atMs,
      copies: random.chance(0.15) ? [atMs + random.below(30_000)] : [],
      parent,
      fails: !isParent && random.chance(0.05),
      cancelMs: !isParent && random.chance(0.1) ? atMs + random.below(20_000) : null,
    };
  });
}

function drawFault(random: Random, planners: number): Fault {
  const of: Victim = random.chance(0.85)
    ? { role: 'builder', number: random.below(2) }
    : { role: 'planner', number: random.below(planners) };
  const ms = random.pick([200, 4_000, 15_000, 60_000]);
  switch (random.below(6)) {
    case 0:
    case 1:
      return { kind: 'crash', of, ms };
    case 2:
      return { kind: 'stand', of, ms };
    case 3:
      return { kind: 'cut', of, ms: Math.min(ms, 15_000), atOnce: random.chance(0.5) };
    case 4:
      return { kind: 'terminate', of, ms };
    default:
      return { kind: 'away', side: random.pick(['registry', 'engine', 'git']), ms };
  }
}
