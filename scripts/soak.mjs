// `npm run test:soak -- [--builds N] [--json FILE]`: many cached builds through the real service, and what grows with them.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildService, checkNode, installPackages } from './lib/dependencies.mjs';
import { main, parseOrExplain } from './lib/main.mjs';
import { count, writeReport } from './lib/options.mjs';
import { EXIT, root } from './lib/project.mjs';
import { Fault, palette, say, seconds, step } from './lib/say.mjs';
import { runFolder, startServices } from './lib/test-services.mjs';
import { wantedServices } from './lib/wanted-services.mjs';

const USAGE = `npm run test:soak -- [OPTIONS]

Starts an engine, a registry and the service, pushes commits whose builds come from the engine's cache, and looks again
and again at memory, handles, disk, processes, queues and the engine. Ends with 1 when a build did not complete, when
something was left behind, or when the service grows: its handles, or (from 3000 builds on) its memory by 1 MB or more
for 1,000 builds, be it resident (garbage and what allocators hold back included) or what collections leave of the heap.

  --builds N     so many (default 10000)
  --every N      builds between two looks (default: a fortieth, at least 10)
  --slots N      builds at the same time (default 2)
  --json FILE    writes the report with all that was seen
  --no-install   fetches no program that is missing
  --help
`;

/** Of a number of builds. */
const DIGITS = 7;

await main(async () => {
  const { values } = parseOrExplain(USAGE, () =>
    parseArgs({
      options: {
        builds: { type: 'string', default: '10000' },
        every: { type: 'string', default: '0' },
        slots: { type: 'string', default: '2' },
        json: { type: 'string' },
        'no-install': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }),
  );
  if (process.platform !== 'linux')
    throw new Fault('The soak reads /proc, which only Linux has.', EXIT.unavailable, ['npm test']);
  const builds = count(values, 'builds', DIGITS);
  const every = count(values, 'every', DIGITS) || Math.max(10, Math.ceil(builds / 40));
  checkNode();
  await installPackages();
  await buildService();
  const dir = await runFolder('soak');
  const services = await startServices({
    dir,
    install: values['no-install'] !== true,
    wanted: wantedServices(['test/soak/soak.ts'], root),
  });
  for (const [name, value] of Object.entries(services.env)) if (value !== undefined) process.env[name] = value;
  // The soak is written in TypeScript, as what it shares with the tests is.
  const { tsImport } = await import('tsx/esm/api');
  /** @type {typeof import('../test/soak/soak.js')} */
  const { soak } = await tsImport('../test/soak/soak.ts', import.meta.url);
  const began = Date.now();
  const report = await soak({
    builds,
    every,
    slots: count(values, 'slots', DIGITS),
    root: process.pid,
    folders: { engine: join(dir, 'engine', 'data'), registry: join(dir, 'registry', 'data') },
    say: step,
  });
  const leaks = await services.leaks();
  const faults = [...report.faults, ...leaks.map((leak) => `left in the engine: ${leak}`)];
  writeReport(values, { ...report, faults, seconds: (Date.now() - began) / 1000 });
  return conclude({ ...report, faults }, Date.now() - began);
});

/**
 * @param {import('../test/soak/soak.js').SoakReport} report
 * @param {number} ms
 */
function conclude(report, ms) {
  const { green, red } = palette();
  say(
    `\n${report.completed} of ${report.builds} builds completed, ${report.perSecond.toFixed(2)} a second; took ${seconds(ms)}`,
  );
  say('for 1,000 builds, the first quarter left out:');
  for (const [name, slope] of Object.entries(report.slopes)) say(`  ${name.padEnd(24)} ${slope.toFixed(2)}`);
  for (const fault of report.faults) say(`${red('✗')} ${fault}`);
  say(report.faults.length === 0 ? green('nothing was left behind') : red(`${report.faults.length} faults`));
  return report.faults.length === 0 ? EXIT.ok : EXIT.failed;
}
