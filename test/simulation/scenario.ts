import type { Build } from '../../src/messages/index.js';
import { type BuildParts, sampleBuild, sampleCommit } from '../support/samples.js';
import { type Befalls, drawFault, type Victim } from './befalls.js';
import type { BrokerKind } from './broker.js';
import type { Side } from './faults.js';
import { drawPushes, type Pushes } from './pushes.js';
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

export interface Scenario {
  readonly broker: BrokerKind;
  readonly builders: number;
  readonly planners: number;
  readonly slots: number;
  readonly ownEngines: boolean;
  readonly supersede: boolean;
  readonly asked: readonly Asked[];
  /** Who asks for them by pushing; null: they are asked for by requests. */
  readonly pushes: Pushes | null;
  readonly befalls: readonly Befalls[];
  readonly rates: Record<Side, number>;
  /** The longest that a build takes in the engine. */
  readonly buildMs: number;
}

/** Seen: some tens of milliseconds; a second on a machine with ten times too much to do. */
const LOG_LAGS_MS = [50, 1_000] as const;
/** Steps after which no fault begins; a build takes about a hundred. */
const FAULTY_STEPS = 450;

/**
 * Draws a small world: one to four builds of one or two components, two builders, a planner, and what befalls them.
 * `ofPushes` gives its pushes and nothing else, so that a world without is the same as before there were any; `ofLags`
 * by how much the log of a broker that stores twice lags behind its queues.
 */
export function drawScenario(random: Random, ofPushes: Random | null, ofLags: Random | null): Scenario {
  const asked = drawBuilds(random);
  const planners = random.chance(0.2) ? 2 : 1;
  const befalls: Befalls[] = Array.from({ length: random.below(4) }, () => ({
    step: random.below(FAULTY_STEPS),
    fault: drawFault(random, drawVictim(random, planners)),
  }));
  const pushes = ofPushes === null ? null : drawPushes(ofPushes, asked);
  if (pushes !== null) befalls.push(...pushes.befalls);
  befalls.sort((a, b) => a.step - b.step);
  const rate = (): number => random.pick([0, 0, 0, 0.02]);
  const dropsCopies = random.chance(0.7);
  return {
    broker: {
      dropsCopies,
      leaseOfDeadMs: random.pick([0, 5_000]),
      leaseMs: random.pick([5_000, 8_000]),
      doubles: random.pick([0, 0, 0.2]),
      // NATS and the embedded bus have one store for both.
      logLagsMs: dropsCopies || ofLags === null ? 0 : ofLags.pick(LOG_LAGS_MS),
    },
    builders: 2,
    planners,
    slots: random.between(1, 2),
    ownEngines: random.chance(0.5),
    supersede: random.chance(0.6),
    asked,
    pushes,
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

function drawVictim(random: Random, planners: number): Victim {
  return random.chance(0.85)
    ? { role: 'builder', number: random.below(2) }
    : { role: 'planner', number: random.below(planners) };
}
