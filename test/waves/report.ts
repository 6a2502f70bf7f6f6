/** Many runs, one after the other, and what they come to together. */
import { scheduleSeed } from '../simulation/random.js';
import { runCase } from './dry-run.js';
import type { Violation } from './judge.js';
import { runPeople } from './people.js';
import { LARGEST_EVERY, runOne } from './run.js';

export interface SimulationOptions {
  readonly seed: number;
  readonly runs: number;
  /** Cases in which what is said to be done is held against what is done. */
  readonly cases: number;
  /** Components of each run; left out: by chance, as the issue has it. */
  readonly size?: number;
  /** One of them alone: the number of a run, `people-3`, `case-12`. */
  readonly only?: string;
  /** The part of one process of several. */
  readonly share?: { readonly index: number; readonly of: number };
  readonly say?: (line: string) => void;
}

export interface Failed {
  /** As `--only` takes it. */
  readonly name: string;
  readonly violations: readonly Pick<Violation, 'kind' | 'text'>[];
}

/** What one process has seen. */
export interface ShareReport {
  readonly runs: number;
  readonly exactlyOnce: number;
  readonly converged: number;
  readonly makespanRatios: readonly number[];
  readonly baselineRatios: readonly number[];
  /** Waits of people, in mean lengths of a build. */
  readonly waits: readonly number[];
  readonly busyRatios: readonly number[];
  readonly cases: number;
  readonly equal: number;
  readonly builds: number;
  readonly waves: number;
  readonly largest: number;
  readonly failed: readonly Failed[];
}

/** Worlds in which people wait: one for so many runs, and never fewer. */
const RUNS_FOR_PEOPLE = 20;
const LEAST_PEOPLE = 4;
/** Violations of one run that are told. */
const TOLD = 20;

interface Task {
  readonly name: string;
  readonly work: (sum: Sum) => Promise<readonly Pick<Violation, 'kind' | 'text'>[]>;
}

/** The same, while it grows. */
type Sum = {
  -readonly [Key in keyof ShareReport]: ShareReport[Key] extends readonly (infer One)[] ? One[] : ShareReport[Key];
};

/** Runs a process's part of all tasks. */
export async function simulateShare(options: SimulationOptions): Promise<ShareReport> {
  const { only, share = { index: 0, of: 1 }, say = () => undefined } = options;
  const sum: Sum = {
    ...{ runs: 0, exactlyOnce: 0, converged: 0, cases: 0, equal: 0, builds: 0, waves: 0, largest: 0 },
    ...{ makespanRatios: [], baselineRatios: [], waits: [], busyRatios: [], failed: [] },
  };
  for (const [at, { name, work }] of tasksOf(options).entries()) {
    // Some are much larger than others, at even distances: the parts take them in turn.
    const part = (at + Math.floor(at / LARGEST_EVERY)) % share.of;
    if (only === undefined && part !== share.index) continue;
    const violations = await work(sum);
    if (violations.length === 0) continue;
    sum.failed.push({ name, violations: violations.slice(0, TOLD) });
    for (const { kind, text } of violations.slice(0, TOLD)) say(`${name}: ${kind}: ${text}`);
  }
  return sum;
}

/** One that is asked for alone need not be among as many as are run else. */
function tasksOf({ seed, runs, cases, size, only }: SimulationOptions): readonly Task[] {
  const [kind = '', number = ''] = only?.match(/^(people|case)?-?(\d+)$/)?.slice(1) ?? [];
  if (only !== undefined) {
    if (kind === 'people') return [peopleTask(seed, Number(number), size)];
    return [kind === 'case' ? caseTask(seed, Number(number)) : runTask(seed, Number(number), size)];
  }
  const people = runs === 0 ? 0 : Math.max(LEAST_PEOPLE, Math.ceil(runs / RUNS_FOR_PEOPLE));
  return [
    ...Array.from({ length: runs }, (_, run) => runTask(seed, run, size)),
    ...Array.from({ length: people }, (_, one) => peopleTask(seed, one, size)),
    ...Array.from({ length: cases }, (_, one) => caseTask(seed, one)),
  ];
}

function runTask(seed: number, run: number, size: number | undefined): Task {
  return {
    name: String(run),
    work: async (sum) => {
      const ran = await runOne(seed, run, size === undefined ? {} : { size });
      sum.runs += 1;
      sum.exactlyOnce += ran.once.length === 0 ? 1 : 0;
      sum.converged += ran.converged.length === 0 ? 1 : 0;
      sum.makespanRatios.push(ran.makespanRatio);
      sum.baselineRatios.push(ran.baselineRatio);
      sum.builds += ran.builds;
      sum.waves += ran.waves;
      sum.largest = Math.max(sum.largest, ran.size);
      return [...ran.once, ...ran.converged];
    },
  };
}

function peopleTask(seed: number, number: number, size: number | undefined): Task {
  return {
    name: `people-${number}`,
    work: async (sum) => {
      const ran = await runPeople(scheduleSeed(seed + 1, number), size === undefined ? {} : { cascade: size });
      sum.waits.push(...ran.waits);
      sum.busyRatios.push(ran.busyRatio);
      sum.builds += ran.builds;
      return ran.violations;
    },
  };
}

function caseTask(seed: number, number: number): Task {
  return {
    name: `case-${number}`,
    work: async (sum) => {
      const { fault } = await runCase(seed, number);
      sum.cases += 1;
      sum.equal += fault === null ? 1 : 0;
      return fault === null ? [] : [{ kind: 'differs', text: fault }];
    },
  };
}

/** What `--json` writes: the words of the issue. */
export interface SimulationReport {
  readonly runs: number;
  readonly exactly_once: number;
  readonly converged: number;
  readonly makespan_ratio_median: number | null;
  readonly baseline_ratio_median: number | null;
  readonly human_wait_p95_builds: number | null;
  readonly slots_busy_ratio: number | null;
  readonly dry_run_equal: string;
  readonly seed: number;
  readonly builds: number;
  readonly waves: number;
  readonly largest: number;
  readonly human_builds: number;
  /** Spread of the logarithm of a build's length. */
  readonly length_sigma: number;
  readonly seconds: number;
  readonly failed: readonly Failed[];
}

export function addUp(
  shares: readonly ShareReport[],
  { seed, sigma, seconds }: { readonly seed: number; readonly sigma: number; readonly seconds: number },
): SimulationReport {
  const sum = (of: (share: ShareReport) => number): number => shares.reduce((all, share) => all + of(share), 0);
  const waits = shares.flatMap((share) => share.waits);
  const busy = shares.flatMap(({ busyRatios }) => busyRatios);
  return {
    runs: sum(({ runs }) => runs),
    exactly_once: sum(({ exactlyOnce }) => exactlyOnce),
    converged: sum(({ converged }) => converged),
    makespan_ratio_median: quantile(
      shares.flatMap(({ makespanRatios }) => makespanRatios),
      0.5,
    ),
    baseline_ratio_median: quantile(
      shares.flatMap(({ baselineRatios }) => baselineRatios),
      0.5,
    ),
    human_wait_p95_builds: quantile(waits, 0.95),
    slots_busy_ratio: busy.length === 0 ? null : rounded(busy.reduce((all, one) => all + one, 0) / busy.length),
    dry_run_equal: `${sum(({ equal }) => equal)}/${sum(({ cases }) => cases)}`,
    seed,
    builds: sum(({ builds }) => builds),
    waves: sum(({ waves }) => waves),
    largest: Math.max(0, ...shares.map(({ largest }) => largest)),
    human_builds: waits.length,
    length_sigma: sigma,
    seconds: Math.round(seconds * 10) / 10,
    failed: shares.flatMap(({ failed }) => failed),
  };
}

/** Null of nothing. */
function quantile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const at = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return at === undefined ? null : rounded(at);
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
