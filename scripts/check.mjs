// `npm run check`: everything about the code that needs no running; all at once, the output of what fails only.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkNode, installPackages } from './lib/dependencies.mjs';
import { main, parseOrExplain } from './lib/main.mjs';
import { EXIT, root } from './lib/project.mjs';
import { run } from './lib/run.mjs';
import { Fault, palette, say, seconds } from './lib/say.mjs';

const USAGE = `npm run check [-- NAME…]

Checks the code without running it. Names choose some of them: types lint imports unused schemas hooks.
`;

/** @param {string} name */
const npm = (name) => join(root, 'node_modules/.bin', name);

/** @type {Readonly<Record<string, { what: string, mend: string, command: readonly string[] }>>} */
const CHECKS = Object.freeze({
  types: {
    what: 'types of src, test, bench and scripts',
    mend: 'npx tsc -p tsconfig.json',
    command: [npm('tsc'), '-p', 'tsconfig.json', '--noEmit', '--pretty', 'false'],
  },
  lint: {
    what: 'lint and format',
    mend: 'npm run format',
    command: [npm('biome'), 'check', '--error-on-warnings', '--max-diagnostics=50', '.'],
  },
  imports: {
    what: 'the import table of docs/architecture.md',
    mend: 'npx depcruise src --config .dependency-cruiser.cjs',
    command: [npm('depcruise'), 'src', '--config', '.dependency-cruiser.cjs'],
  },
  unused: {
    what: 'unused files, exports and packages',
    mend: 'npx knip',
    command: [npm('knip'), '--no-progress'],
  },
  schemas: {
    what: 'generated types against schemas/',
    mend: 'npm run generate',
    command: [process.execPath, 'scripts/generate.mjs', '--check'],
  },
  hooks: {
    what: 'syntax of .ci/run and the git hook',
    mend: 'bash -n .ci/run; node --check examples/post-receive',
    command: ['sh', '-ec', 'bash -n .ci/run; "$0" --check examples/post-receive', process.execPath],
  },
});

await main(async () => {
  const { positionals } = parseOrExplain(USAGE, () =>
    parseArgs({ allowPositionals: true, options: { help: { type: 'boolean', default: false } } }),
  );
  const unknown = positionals.find((name) => !(name in CHECKS));
  if (unknown !== undefined) throw new Fault(`${unknown} is no check.`, EXIT.usage, [Object.keys(CHECKS).join(' ')]);
  checkNode();
  await installPackages();
  const began = Date.now();
  const chosen = Object.entries(CHECKS).filter(([name]) => positionals.length === 0 || positionals.includes(name));
  const ends = await Promise.all(chosen.map(([name, check]) => perform(name, check)));
  return conclude(ends, Date.now() - began);
});

/**
 * @param {string} name
 * @param {{ what: string, mend: string, command: readonly string[] }} check
 */
async function perform(name, { what, mend, command: [program = '', ...args] }) {
  const began = Date.now();
  const there = program === 'sh' || existsSync(program);
  const ended = there
    ? await run(program, args, { cwd: root, env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' } })
    : { code: 127, stdout: '', stderr: `${program} is not there; run npm ci` };
  return {
    name,
    what,
    mend,
    ms: Date.now() - began,
    ok: ended.code === 0,
    output: `${ended.stdout}${ended.stderr}`.trim(),
  };
}

/**
 * @param {Awaited<ReturnType<typeof perform>>[]} ends
 * @param {number} ms
 */
function conclude(ends, ms) {
  const { green, red, dim, bold } = palette();
  const failed = ends.filter(({ ok }) => !ok);
  for (const { name, output, mend } of failed) say(`${bold(name)}\n${output}\n${dim(`try: ${mend}`)}\n`);
  for (const { name, what, ok, ms: time } of ends) {
    say(`${ok ? green('✓') : red('✗')} ${name.padEnd(8)} ${what.padEnd(40)} ${dim(seconds(time))}`);
  }
  say(
    failed.length === 0
      ? green(`all ${ends.length} checks passed in ${seconds(ms)}`)
      : red(`${failed.length} of ${ends.length} checks failed`),
  );
  return failed.length === 0 ? EXIT.ok : EXIT.failed;
}
