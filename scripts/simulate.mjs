// `npm run test:simulate`: the real trigger, builder, planner and fold on a world in memory, one seeded schedule after the other.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { checkNode, installPackages } from './lib/dependencies.mjs';
import { main, parseOrExplain } from './lib/main.mjs';
import { count, writeReport } from './lib/options.mjs';
import { EXIT } from './lib/project.mjs';
import { palette, say, step } from './lib/say.mjs';

const USAGE = `npm run test:simulate -- [OPTIONS]

Runs small worlds of triggers, builders and planners on a bus, a registry, engines and a git host in memory, where a
seed decides at every await of a port what goes on next, and kills, stops and cuts off processes. Judges each when it
has come to rest. Ends with 1 when a push or a build was lost or doubled, a build ended twice, got two digests or wrong
tags, or left something behind.

  --seed N          all chance follows from it (default 1)
  --schedules N     so many (default 10000)
  --only K          this schedule of the seed alone, and prints each of its steps
  --jobs N          in so many processes (default: one a core)
  --until-failure   stops at the first that fails
  --json FILE       writes the report
  --help
`;

/** Failed schedules that are printed with their steps. */
const PRINTED = 1;

await main(async () => {
  const { values } = parseOrExplain(USAGE, () =>
    parseArgs({
      options: {
        seed: { type: 'string', default: '1' },
        schedules: { type: 'string', default: '10000' },
        only: { type: 'string' },
        jobs: { type: 'string' },
        'until-failure': { type: 'boolean', default: false },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }),
  );
  const seed = count(values, 'seed');
  const schedules = count(values, 'schedules');
  const jobs = values['jobs'] === undefined ? availableParallelism() : count(values, 'jobs');
  const only = values['only'] === undefined ? {} : { only: count(values, 'only') };
  checkNode();
  await installPackages();
  // The simulator is written in TypeScript, and shared with the short test.
  const { tsImport } = await import('tsx/esm/api');
  /** @type {typeof import('../test/simulation/shares.js')} */
  const { simulateInShares } = await tsImport('../test/simulation/shares.ts', import.meta.url);
  /** @type {typeof import('../test/simulation/report.js')} */
  const { simulate } = await tsImport('../test/simulation/report.ts', import.meta.url);

  step(`simulating ${values['only'] === undefined ? `${schedules} schedules` : 'one schedule'} of seed ${seed}`);
  const options = { seed, schedules, ...only, untilFailure: values['until-failure'] === true, say };
  const report = await (values['only'] === undefined ? simulateInShares(options, jobs) : simulate(options));
  writeReport(values, report);
  if (values['only'] === undefined)
    for (const { schedule } of report.failed.slice(0, PRINTED)) {
      say(`\nthe steps of schedule ${schedule}:`);
      await simulate({ seed, schedules, only: schedule, say });
    }
  return conclude(report);
});

/** @param {import('../test/simulation/report.js').SimulationReport} report */
function conclude({ failed, ...report }) {
  const { green, red } = palette();
  say('');
  for (const [name, value] of Object.entries(report)) say(`${name.padEnd(22)} ${value}`);
  if (failed.length === 0) {
    say(green('nothing was lost, nothing doubled'));
    return EXIT.ok;
  }
  const numbers = failed.slice(0, 20).map(({ schedule }) => schedule);
  say(red(`${failed.length} of ${report.schedules} schedules failed: ${numbers.join(' ')}`));
  say(`once more, with its steps: npm run test:simulate -- --seed ${report.seed} --only ${numbers[0]}`);
  return EXIT.failed;
}
