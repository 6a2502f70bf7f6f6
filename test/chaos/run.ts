/** One run of chaos: pushes, faults, the wait until all has ended, and the judge, who is another program. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pause } from '../../src/runtime/clock.js';
import { ended } from '../../src/runtime/signals.js';
import { until } from '../support/until.js';
import { Harms } from './harms.js';
import type { Judgement } from './judge.js';
import { randomFrom } from './random.js';
import { type Restarted, type Round, schedule } from './schedule.js';
import { type BusKind, type EngineKind, World } from './world.js';

export interface ChaosOptions {
  readonly bus: BusKind;
  readonly engine: EngineKind;
  readonly seed: number;
  readonly pushes: number;
  readonly faults: number;
  readonly supersede: boolean;
  /** Folder that gets the logs of all processes; null: they are thrown away. */
  readonly logs: string | null;
  /** Hears what happens, for people. */
  readonly say: (line: string) => void;
  /** Ends the run before its time: everything that it started goes, and it rejects with the reason. */
  readonly signal?: AbortSignal;
}

export interface ChaosReport extends Judgement {
  readonly bus: BusKind;
  readonly engine: EngineKind;
  readonly seed: number;
  readonly supersede: boolean;
  /** Containers, images, claims and processes that belong to nothing that lives. */
  readonly orphans: number;
  readonly kills: number;
  readonly pauses: number;
  readonly cuts: number;
  readonly slows: number;
  readonly restarts: Readonly<Record<Restarted, number>>;
  /** Seconds from the end of the last fault until all had ended; null: they did not in time. */
  readonly converged_s: number | null;
  /** Processes that ended without being told to. */
  readonly deaths: number;
  readonly seconds: number;
}

const REPOSITORIES = 10;
/**
 * More builds are not asked for at a time, for so long; milliseconds. What must end in time after the last fault is then what
 * faults held up, not what the slots could not yet do.
 */
const MOST_OWED = 20;
const CROWDED_MS = 60_000;
/** How long a fault waits for a build to reach its step; milliseconds. */
const STEP_MS = 15_000;
/** What must have ended when, after the last fault; milliseconds. Longer is waited, to tell what is late from what is lost. */
const CONVERGED_MS = 60_000;
const LATE_MS = 180_000;
/**
 * How long the engine and claims may take to be clean, after all has ended: what a killed builder left goes with the first
 * round of the keeper that comes in its place (src/keeper/decide/rounds.ts); milliseconds.
 */
const CLEAN_MS = 120_000;
/** How long roles may take to end; milliseconds. */
const END_MS = 20_000;
const JUDGE = fileURLToPath(new URL('./judge-program.ts', import.meta.url));

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const began = performance.now();
  const { say } = options;
  const tell = (line: string): void =>
    say(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
  const logLevel = options.logs === null ? 'info' : 'debug';
  const world = await World.open({ ...options, logLevel });
  try {
    const report = reportOf(world, options, tell, began);
    return await (options.signal === undefined ? report : Promise.race([report, interrupted(options.signal)]));
  } finally {
    if (options.logs !== null) await world.writeLogs(options.logs);
    await world.close();
  }
}

async function reportOf(
  world: World,
  options: ChaosOptions,
  tell: (line: string) => void,
  began: number,
): Promise<ChaosReport> {
  const { bus, seed, pushes, faults } = options;
  const plan = schedule({ seed, pushes, faults, repositories: REPOSITORIES, broker: bus !== 'embedded' });
  const harms = new Harms(world, randomFrom(seed));
  tell(`all is up: ${pushes} pushes, ${faults} faults`);
  await play(world, plan, harms, tell);
  const over = performance.now();
  tell('the last fault is over');
  const convergedMs = await converge(world, over);
  tell(convergedMs === null ? `never ended: ${world.owed().join(', ')}` : 'all has ended');
  const left = await cleanUp(world);
  if (left.length > 0) for (const line of await world.engineReasons()) tell(`left: ${line}`);
  const judgement = await askJudge(world);
  const deaths = world.members.flatMap((member) => member.deaths);
  const orphans = [...left, ...(await world.endRoles(END_MS))];
  const { counts } = harms;
  return {
    bus,
    engine: options.engine,
    seed,
    supersede: options.supersede,
    ...judgement,
    orphans: orphans.length,
    ...counts,
    converged_s: convergedMs === null ? null : Math.round(convergedMs / 100) / 10,
    deaths: deaths.length,
    seconds: Math.round((performance.now() - began) / 1_000),
    faults: [
      ...(world.watch.blind === null ? [] : [world.watch.blind]),
      ...judgement.faults,
      ...orphans.map((orphan) => `left behind: ${orphan}`),
      ...deaths,
    ],
  };
}

/** Rejects when the signal ends. */
async function interrupted(signal: AbortSignal): Promise<never> {
  await ended(signal);
  throw new Error(`ended by ${String(signal.reason)}`);
}

/** What a run must not have. Empty: it is good. */
export function verdictOf(report: ChaosReport, pushes: number): readonly string[] {
  const { converged_s: converged, completed, supersede } = report;
  return [
    ...report.faults,
    ...(report.pushes === pushes ? [] : [`${report.pushes} commits of ${pushes} pushes`]),
    ...(supersede || completed === pushes ? [] : [`${completed} of ${pushes} pushes completed`]),
    ...(converged !== null && converged <= CONVERGED_MS / 1_000 ? [] : [`converged after ${converged} s`]),
  ];
}

async function play(world: World, plan: readonly Round[], harms: Harms, tell: (line: string) => void): Promise<void> {
  const going: Promise<void>[] = [];
  for (const { pushes, fault } of plan) {
    const seen = fault === null ? null : world.watch.next(fault.step, STEP_MS);
    const pushing = (async () => {
      for (const push of pushes) {
        await pause(push.pauseMs);
        await until('a build has ended', () => world.owed().length < MOST_OWED, CROWDED_MS).catch(() => undefined);
        await world.push(push);
      }
    })();
    going.push(pushing);
    // Who fails says so at the end; until then it is not unhandled.
    pushing.catch(() => undefined);
    if (fault === null || seen === null) continue;
    const sight = await seen;
    await pause(fault.delayMs);
    const at = sight === null ? `no build came to ${fault.step}` : `at ${fault.step} of ${sight.build ?? 'a push'}`;
    const harming = harms.do(fault.harm, sight, (what) => tell(`${what} (${at})`));
    harming.catch(() => undefined);
    going.push(harming);
    await pushing;
    await pause(fault.gapMs);
  }
  await Promise.all(going);
}

/** Milliseconds until all had ended; null: not even late. */
async function converge(world: World, from: number): Promise<number | null> {
  try {
    await until('all has ended', () => world.owed().length === 0, LATE_MS);
    return performance.now() - from;
  } catch {
    return null;
  }
}

/** What is left when all has ended and all had time to clean. */
async function cleanUp(world: World): Promise<readonly string[]> {
  const left = { names: [] as readonly string[] };
  await until(
    'nothing is left',
    async () => {
      // An engine that is cleaning may refuse to list what it is about to lose.
      const names = await leftoversOf(world).catch(() => null);
      left.names = names ?? left.names;
      return names?.length === 0;
    },
    CLEAN_MS,
  ).catch(() => undefined);
  return left.names;
}

async function leftoversOf(world: World): Promise<readonly string[]> {
  return [...(await world.engineLeftovers()), ...(await world.claims(false))];
}

async function askJudge(world: World): Promise<Judgement> {
  const asked = ['--import', 'tsx', JUDGE, JSON.stringify(world.stores)];
  const { stdout } = await promisify(execFile)(process.execPath, asked, { maxBuffer: 64 * 1_048_576 });
  return JSON.parse(stdout) as Judgement;
}
