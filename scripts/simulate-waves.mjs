// `npm run simulate`: the real trigger, planner and reconcile on random graphs, with builders and time that are simulated.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { checkNode, installPackages } from './lib/dependencies.mjs';
import { main, parseOrExplain } from './lib/main.mjs';
import { count, writeReport } from './lib/options.mjs';
import { EXIT } from './lib/project.mjs';
import { Fault, palette, say, step } from './lib/say.mjs';

const USAGE = `npm run simulate -- [OPTIONS]

Each run draws a graph of 200 to 2,000 images (one run of a hundred: 10,000), changes a base and lets the real trigger and
planner rebuild what stands on it, on builders whose builds take simulated time. Then it lets the same pushes, changes,
failing builds and deaths of planners happen twice: with nothing lost, and with 30 % of the pushes lost and 30 % told twice,
after which reconcile looks once. Beside that: how long people wait in a cascade of 500 images, and whether what
\`--dry-run\` says is what is then done. Ends with 1 when something was built twice, too early, for nothing or not at all, when
the two did not come to the same, or when a bound of the project was missed.

  --runs N       so many (default 1000)
  --seed N       all chance follows from it (default 1)
  --cases N      so many random cases of --dry-run (default 500)
  --only NAME    one alone, as a failure names it: a run (17), people (people-3) or a case (case-12)
  --jobs N       in so many processes (default: one a core)
  --json FILE    writes the report
  --help

Example: npm run simulate -- --runs 100 --seed 7 --json /tmp/waves.json
`;

/** The project's bounds, judged where there are runs enough for a median to mean something. */
const JUDGED_FROM = 100;
/** @type {readonly (readonly [keyof import('../test/waves/report.js').SimulationReport, string, (value: number) => boolean])[]} */
const BOUNDS = [
  ['makespan_ratio_median', 'at most 1.10', (value) => value <= 1.1],
  ['human_wait_p95_builds', 'at most 1', (value) => value <= 1],
  ['slots_busy_ratio', 'at least 0.95', (value) => value >= 0.95],
];
const ONLY = /^(\d{1,9}|people-\d{1,9}|case-\d{1,9})$/;

await main(async () => {
  const { values } = parseOrExplain(USAGE, () =>
    parseArgs({
      options: {
        runs: { type: 'string', default: '1000' },
        seed: { type: 'string', default: '1' },
        cases: { type: 'string', default: '500' },
        only: { type: 'string' },
        jobs: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }),
  );
  const [seed, runs, cases] = [count(values, 'seed'), count(values, 'runs'), count(values, 'cases')];
  const jobs = values['jobs'] === undefined ? availableParallelism() : count(values, 'jobs', 2);
  const only = typeof values['only'] === 'string' ? values['only'] : undefined;
  if (only !== undefined && !ONLY.test(only))
    throw new Fault(`--only is 17, people-3 or case-12, not ${JSON.stringify(only)}.`, EXIT.usage);
  if (jobs === 0) throw new Fault('--jobs is at least 1.', EXIT.usage);
  checkNode();
  await installPackages();
  const { tsImport } = await import('tsx/esm/api');
  /** @type {typeof import('../test/waves/simulate.js')} */
  const { simulateWaves } = await tsImport('../test/waves/simulate.ts', import.meta.url);
  step(
    only === undefined
      ? `simulating ${runs} runs and ${cases} cases of seed ${seed}`
      : `simulating ${only} of seed ${seed}`,
  );
  const options = { seed, runs, cases, say };
  const report = await simulateWaves(only === undefined ? options : { ...options, only }, jobs);
  writeReport(values, report);
  return conclude(report);
});

/** @param {import('../test/waves/report.js').SimulationReport} report */
function conclude(report) {
  const { green, red } = palette();
  const { failed, ...figures } = report;
  say('');
  for (const [name, value] of Object.entries(figures)) say(`${name.padEnd(24)} ${value ?? '-'}`);
  const missed = BOUNDS.filter(([name, , isMet]) => {
    const value = report[name];
    return report.runs >= JUDGED_FROM && typeof value === 'number' && !isMet(value);
  });
  for (const [name, bound] of missed) say(red(`${name} is ${report[name]}, and should be ${bound}`));
  if (failed.length === 0 && missed.length === 0) {
    say(green('each was built once and in order, nothing was missed'));
    return EXIT.ok;
  }
  const names = failed.map(({ name }) => name);
  if (names.length > 0) {
    say(red(`${names.length} failed: ${names.slice(0, 20).join(' ')}`));
    say(`one of them alone: npm run simulate -- --seed ${report.seed} --only ${names[0]}`);
  }
  return EXIT.failed;
}
