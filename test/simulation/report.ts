import type { Sabotage } from './broker.js';
import type { Violation } from './judge.js';
import { runSchedule } from './simulate.js';

export interface SimulationOptions {
  readonly seed: number;
  readonly schedules: number;
  /** Numbers of the schedules to run, where it is not all of them. */
  readonly only?: number;
  /** Every `of`th schedule, from `index` on: the part of one process of several. */
  readonly share?: { readonly index: number; readonly of: number };
  /** Ends the run early; milliseconds. */
  readonly timeMs?: number;
  /** Ends with the first schedule that fails. */
  readonly untilFailure?: boolean;
  readonly sabotage?: Sabotage;
  readonly say?: (line: string) => void;
}

export interface FailedSchedule {
  readonly schedule: number;
  readonly violations: readonly Violation[];
}

export interface SimulationReport {
  readonly seed: number;
  readonly schedules: number;
  readonly steps: number;
  readonly builds: number;
  /** What hooks sent, copies included. */
  readonly pushes: number;
  readonly crashes: number;
  readonly stands: number;
  readonly cuts: number;
  readonly terminations: number;
  readonly outages: number;
  /** Milliseconds of virtual time from the last fault to rest, the longest. */
  readonly longestConvergenceMs: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly schedulesPerMinute: number;
  readonly failed: readonly FailedSchedule[];
}

/** Runs schedules one after the other and adds up what was seen. */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const {
    seed,
    only,
    share = { index: 0, of: 1 },
    timeMs = Number.POSITIVE_INFINITY,
    untilFailure = false,
    sabotage = null,
    say = () => undefined,
  } = options;
  const began = performance.now();
  const usage = process.cpuUsage();
  const count = { crash: 0, stand: 0, cut: 0, terminate: 0, away: 0 };
  const failed: FailedSchedule[] = [];
  let [schedules, steps, builds, pushes, longestConvergenceMs] = [0, 0, 0, 0, 0];
  const first = only ?? share.index;
  const end = only === undefined ? options.schedules : only + 1;
  for (let schedule = first; schedule < end && performance.now() - began < timeMs; schedule += share.of) {
    const ran = await runSchedule(seed, schedule, { note: only === undefined ? null : say, sabotage });
    schedules += 1;
    steps += ran.steps;
    builds += ran.scenario.asked.length;
    pushes += ran.scenario.pushes?.sent.length ?? 0;
    longestConvergenceMs = Math.max(longestConvergenceMs, ran.convergedMs);
    for (const { fault } of ran.scenario.befalls) count[fault.kind] += 1;
    if (ran.violations.length === 0) continue;
    failed.push({ schedule, violations: ran.violations });
    for (const { kind, text } of ran.violations) say(`schedule ${schedule}: ${kind}: ${text}`);
    if (untilFailure) break;
  }
  const cpu = process.cpuUsage(usage);
  const cpuSeconds = (cpu.user + cpu.system) / 1e6;
  const seconds = (performance.now() - began) / 1_000;
  return {
    seed,
    schedules,
    steps,
    builds,
    pushes,
    crashes: count.crash,
    stands: count.stand,
    cuts: count.cut,
    terminations: count.terminate,
    outages: count.away,
    longestConvergenceMs,
    seconds: Math.round(seconds * 10) / 10,
    cpuSeconds: Math.round(cpuSeconds * 10) / 10,
    schedulesPerMinute: Math.round((schedules * 60) / seconds),
    failed,
  };
}

/** The report of a run whose shares were run side by side, in `seconds` of the clock. */
export function addUp(shares: readonly SimulationReport[], seconds: number): SimulationReport {
  const [first] = shares;
  if (first === undefined) throw new Error('no share of the simulation was run');
  const sum = (of: (share: SimulationReport) => number): number => shares.reduce((all, share) => all + of(share), 0);
  const schedules = sum((share) => share.schedules);
  return {
    seed: first.seed,
    schedules,
    steps: sum(({ steps }) => steps),
    builds: sum(({ builds }) => builds),
    pushes: sum(({ pushes }) => pushes),
    crashes: sum(({ crashes }) => crashes),
    stands: sum(({ stands }) => stands),
    cuts: sum(({ cuts }) => cuts),
    terminations: sum(({ terminations }) => terminations),
    outages: sum(({ outages }) => outages),
    longestConvergenceMs: Math.max(...shares.map((share) => share.longestConvergenceMs)),
    seconds: Math.round(seconds * 10) / 10,
    cpuSeconds: Math.round(sum(({ cpuSeconds }) => cpuSeconds) * 10) / 10,
    schedulesPerMinute: Math.round((schedules * 60) / seconds),
    failed: shares.flatMap(({ failed }) => failed).sort((a, b) => a.schedule - b.schedule),
  };
}
