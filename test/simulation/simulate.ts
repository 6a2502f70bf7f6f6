import type { Sabotage } from './broker.js';
import { isSettled, judge, type Violation } from './judge.js';
import { Random, scheduleSeed } from './random.js';
import { drawScenario, type Scenario } from './scenario.js';
import { Scheduler } from './scheduler.js';
import { turn, withVirtualTime } from './virtual-time.js';
import { World } from './world.js';

/** Milliseconds of the world's time after the last fault in which all must have come to its end. */
const CONVERGES_MS = 600_000;
/** Steps after which a schedule is given up as one that never rests. */
const MOST_STEPS = 60_000;

export interface ScheduleReport {
  readonly schedule: number;
  readonly violations: readonly Violation[];
  readonly steps: number;
  /** Milliseconds of the world's time from the last fault to rest. */
  readonly convergedMs: number;
  readonly scenario: Scenario;
}

export interface ScheduleOptions {
  /** Gets each step. */
  readonly note?: ((line: string) => void) | null;
  readonly sabotage?: Sabotage;
  /** Whether builds are asked for by pushes, through the trigger; left out: the seed decides. */
  readonly pushes?: boolean;
  /** Whether a broker that stores copies has a log that lags behind its queues; left out: the seed decides. */
  readonly lags?: boolean;
}

/** Chance that a world has pushes and triggers. */
const PUSHED = 0.5;
/** Chance that a log lags, where it can. */
const LAGS = 0.5;
/** Makes another seed of one. */
const OTHER = 0x5bd1e995;

/** Runs one schedule to its rest and judges it. */
export async function runSchedule(
  seed: number,
  schedule: number,
  { note = null, sabotage = null, pushes, lags }: ScheduleOptions = {},
): Promise<ScheduleReport> {
  const random = new Random(scheduleSeed(seed, schedule));
  const ofPushes = new Random(~scheduleSeed(seed, schedule));
  const isPushed = ofPushes.chance(PUSHED);
  const ofLags = new Random(scheduleSeed(seed, schedule) ^ OTHER);
  const mayLag = ofLags.chance(LAGS);
  const scenario = drawScenario(random, (pushes ?? isPushed) ? ofPushes : null, (lags ?? mayLag) ? ofLags : null);
  const scheduler = new Scheduler(random, turn, note);
  return withVirtualTime(scheduler, async () => {
    const world = new World(scheduler, scenario, sabotage, ofLags);
    await world.begin();
    const befalls = [...scenario.befalls];
    let lastFaultMs = 0;
    let looked = -1;
    let isAtRest = false;
    while (!isAtRest && scheduler.steps < MOST_STEPS && scheduler.now < lastFaultMs + CONVERGES_MS) {
      for (let next = befalls[0]; next !== undefined && scheduler.steps >= next.step; next = befalls[0]) {
        befalls.shift();
        await world.befall(next.fault);
        lastFaultMs = scheduler.now + next.fault.ms;
      }
      await world.startDue();
      // Small faults go on as long as the larger ones, or until what was asked for has come.
      if (befalls.length === 0 && scheduler.now > lastFaultMs && !isLate(scenario, scheduler)) world.faults.stop();
      if (!(await scheduler.step())) break;
      if (scheduler.now === looked || befalls.length > 0) continue;
      looked = scheduler.now;
      isAtRest = world.isQuiet && isSettled(world);
    }
    const convergedMs = Math.max(0, scheduler.now - lastFaultMs);
    const found = judge(world);
    const restless: Violation = { kind: 'restless', text: 'something goes on though every build has its end' };
    const violations = isAtRest || found.length > 0 ? found : [restless];
    return { schedule, violations, steps: scheduler.steps, convergedMs, scenario };
  });
}

function isLate({ asked }: Scenario, { now }: Scheduler): boolean {
  return asked.some(({ atMs }) => now < atMs + 10_000);
}
