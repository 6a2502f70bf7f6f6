// `npm run test:fuzz -- [--target NAME] [--cases N] [--seed S]`: damaged and made-up inputs for all that reads what others wrote.
import { parseArgs } from 'node:util';
import { checkNode, installPackages } from './lib/dependencies.mjs';
import { main, parseOrExplain } from './lib/main.mjs';
import { EXIT } from './lib/project.mjs';
import { Fault, palette, say, seconds, step } from './lib/say.mjs';

const USAGE = `npm run test:fuzz -- [OPTIONS]

Gives readers and decisions inputs that are almost right, and holds the answers against rules: no error but those that
are foreseen, no case above a second, nothing changed that all objects share, and what each target says of itself.
Ends with 1 when a rule was broken, and prints the smallest input that breaks it and how to run it again.

  --target NAME   this one alone; may be given more than once
  --cases N       so many for each target (default 100000)
  --seed S        all inputs follow from it (default: the time)
  --path P        the one case of a seed that a failure named
  --list          says what there is
  --help
`;

await main(async () => {
  const { values } = parseOrExplain(USAGE, () =>
    parseArgs({
      options: {
        target: { type: 'string', multiple: true, default: [] },
        cases: { type: 'string', default: '100000' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        path: { type: 'string' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }),
  );
  checkNode();
  await installPackages();
  // Targets are written in TypeScript, and shared with the short test.
  const { tsImport } = await import('tsx/esm/api');
  /** @type {typeof import('../test/fuzz/targets.js')} */
  const { TARGETS } = await tsImport('../test/fuzz/targets.ts', import.meta.url);
  /** @type {typeof import('../test/fuzz/runner.js')} */
  const { runTargets } = await tsImport('../test/fuzz/runner.ts', import.meta.url);
  if (values['list'] === true) {
    for (const { name, about } of TARGETS) say(`${name.padEnd(14)} ${about}`);
    return EXIT.ok;
  }
  const names = /** @type {string[]} */ (values['target']);
  const unknown = names.find((name) => !TARGETS.some((target) => target.name === name));
  if (unknown !== undefined)
    throw new Fault(`There is no target ${unknown}.`, EXIT.usage, ['npm run test:fuzz -- --list']);
  const seed = number(values, 'seed');
  const path = typeof values['path'] === 'string' ? { path: values['path'] } : {};
  const { green, red } = palette();
  step(`seed ${seed}`);
  const reports = await runTargets(
    TARGETS.filter(({ name }) => names.length === 0 || names.includes(name)),
    {
      cases: number(values, 'cases'),
      seed,
      ...path,
      say(target, report, ms) {
        if (report === null) return;
        const sign = report.failure === null ? green('✓') : red('✗');
        const figures = `${report.cases} cases in ${seconds(ms)}, the slowest ${Math.round(report.slowestMs)} ms`;
        say(`${sign} ${target.name.padEnd(14)} ${figures}`);
        if (report.failure === null) return;
        say(`${report.failure.error}\nfor ${report.failure.input}`);
        say(`npm run test:fuzz -- --target ${target.name} --seed ${seed} --path ${report.failure.path}`);
      },
    },
  );
  const failed = reports.filter(({ failure }) => failure !== null);
  say(failed.length === 0 ? green('no rule was broken') : red(`${failed.length} targets broke a rule`));
  return failed.length === 0 ? EXIT.ok : EXIT.failed;
});

/**
 * @param {Record<string, unknown>} values
 * @param {string} name
 */
function number(values, name) {
  const text = String(values[name]);
  if (/^-?\d{1,10}$/.test(text)) return Number(text);
  throw new Fault(`--${name} is a whole number, not ${JSON.stringify(text)}.`, EXIT.usage);
}
