// `npm test [-- [--only KIND] [FILTER…]]`: brings the services that tests need, runs the tests, ends with the counts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hasApt } from './lib/apt.mjs';
import { conformanceTable } from './lib/conformance-table.mjs';
import { buildService, checkNode, installPackages } from './lib/dependencies.mjs';
import { main, parseOrExplain } from './lib/main.mjs';
import { EXIT, root } from './lib/project.mjs';
import { isRoot, run } from './lib/run.mjs';
import { Fault, palette, say, seconds } from './lib/say.mjs';
import { runFolder, startServices } from './lib/test-services.mjs';
import { wantedServices } from './lib/wanted-services.mjs';

const USAGE = `npm test [-- OPTIONS] [FILTER…]

Runs the tests whose path contains a FILTER (all without one).

  --only KIND     unit, conformance, integration or flows; may be given more than once
  --no-services   starts no engine, registry or broker: tests that need them are skipped
  --no-install    brings no program that is missing
  --help
`;

/** Kinds of tests, in their order. */
const KINDS = Object.freeze(['unit', 'conformance', 'integration', 'flows']);

/** Who asks for one of these kills services, fills disks or needs all of the machine: such files run one by one, with nothing beside them. */
const ALONE = Object.freeze(['DAEMON', 'PODMAN', 'ROOTLESS_PODMAN']);
/** Who asks for it may look at what is left in the engine: such files run one by one, beside those that want none. */
const ENGINE = 'ENGINE';

/** A test, or a file of tests, that takes longer hangs. The bus suite on RabbitMQ takes some three minutes, on a busy machine twice that. */
const TIMEOUT_MS = 480_000;

await main(async () => {
  const began = Date.now();
  const { values, positionals } = parseOrExplain(USAGE, () =>
    parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string', multiple: true, default: [] },
        'no-services': { type: 'boolean', default: false },
        'no-install': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }),
  );
  checkNode();
  await installPackages();
  const plan = choose(/** @type {string[]} */ (values['only']), positionals);
  const files = Object.values(plan).flat();
  if (files.length === 0) throw new Fault('No test file matches.', EXIT.usage, [`ls test/{${KINDS}}`]);
  if (files.some(needsBuild)) await buildService();

  const dir = await runFolder('test');
  const wanted = values['no-services'] === true ? new Set() : wantedServices(files, root);
  const services = await startServices({ dir, install: values['no-install'] !== true, wanted });
  const results = join(dir, 'results.jsonl');
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, ...services.env, LAYERWRIGHT_TEST_RESULTS: results };
  delete env['NODE_TEST_CONTEXT'];
  let clean = true;
  for (const beside of roundsOf(plan)) {
    const runs = beside.map(({ files: group, concurrency }) =>
      run(process.execPath, nodeArguments(concurrency, group), { cwd: root, env, inherit: true }),
    );
    for (const { code } of await Promise.all(runs)) clean &&= code === 0;
  }
  const leaks = await services.leaks();
  const strict = values['no-services'] !== true;
  const { forbidden } = services;
  return conclude(read(results), { clean, leaks, ms: Date.now() - began, strict, forbidden });
});

/**
 * @param {readonly string[]} only
 * @param {readonly string[]} filters
 * @returns {Record<string, string[]>} kind → files
 */
function choose(only, filters) {
  const unknown = only.find((kind) => !KINDS.includes(kind));
  if (unknown !== undefined)
    throw new Fault(`${unknown} is no kind of tests.`, EXIT.usage, [`--only ${KINDS.join('|')}`]);
  const kinds = KINDS.filter((kind) => only.length === 0 || only.includes(kind));
  return Object.fromEntries(
    kinds.map((kind) => [
      kind,
      testFiles(join('test', kind)).filter(
        (file) => filters.length === 0 || filters.some((filter) => file.includes(filter)),
      ),
    ]),
  );
}

/**
 * What runs together, in order: each round has what runs side by side, and at how many files at a time.
 * @param {Record<string, string[]>} plan
 */
function roundsOf({ flows = [], ...rest }) {
  const files = [...Object.values(rest), flows].flat();
  const alone = files.filter((file) => wants(file, ALONE));
  const engine = files.filter((file) => !alone.includes(file) && wants(file, [ENGINE]));
  const others = files.filter((file) => !alone.includes(file) && !engine.includes(file));
  const rounds = [
    // Before the flows: these fill the engines with cache that nobody else is to find there.
    [{ files: alone.filter((file) => !flows.includes(file)), concurrency: 1 }],
    [
      { files: engine, concurrency: 1 },
      // The runner goes by name: unit tests come last of these, while those that use the engine are still at it.
      { files: others, concurrency: 2 },
    ],
    [{ files: alone.filter((file) => flows.includes(file)), concurrency: 1 }],
  ];
  return rounds.map((round) => round.filter(({ files: each }) => each.length > 0));
}

/**
 * @param {string} file
 * @param {readonly string[]} services
 */
function wants(file, services) {
  const wanted = wantedServices([file], root);
  return services.some((name) => wanted.has(name));
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function testFiles(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? testFiles(path) : path.endsWith('.test.ts') ? [path] : [];
    })
    .sort();
}

/** @param {string} file */
function needsBuild(file) {
  return file.startsWith('test/flows/') || /bin\/layerwright|dist\//.test(readFileSync(join(root, file), 'utf8'));
}

/**
 * @param {number} concurrency
 * @param {readonly string[]} files
 */
function nodeArguments(concurrency, files) {
  return [
    '--import',
    'tsx',
    '--test',
    `--test-reporter=${join(root, 'scripts/lib/test-reporter.mjs')}`,
    '--test-reporter-destination=stdout',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${TIMEOUT_MS}`,
    ...files,
  ];
}

/** @param {string} file */
function read(file) {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/**
 * The counts, and whether the run is good. As root on Debian nothing may be skipped but what the machine forbids also to root.
 * @param {{ result: 'passed' | 'failed' | 'skipped', file: string, name: string, suite?: string, why: string }[]} rows
 * @param {{ clean: boolean, leaks: readonly string[], ms: number, strict: boolean, forbidden: readonly string[] }} run
 */
function conclude(rows, { clean, leaks, ms, strict, forbidden }) {
  const colours = palette();
  const of = (/** @type {string} */ result) => rows.filter((row) => row.result === result);
  const skipped = of('skipped');
  const table = conformanceTable(rows);
  if (table !== '') say(`\n${table}`);
  if (skipped.length > 0) say('\nSkipped:');
  for (const row of skipped) say(`  ${row.file}: ${row.name}\n      ${row.why || 'no reason given'}`);
  if (of('failed').length > 0) say('\nFailed:');
  for (const row of of('failed')) say(`  ${colours.red('✗')} ${row.file}: ${row.name}\n      ${row.why}`);
  for (const leak of leaks) say(`${colours.red('✗')} left behind in the engine: ${leak}`);
  const mayBeHad = skipped.filter(({ why }) => !forbidden.some((help) => why.endsWith(help)));
  const wanting = strict && isRoot() && hasApt() ? mayBeHad : [];
  if (wanting.length > 0)
    say(`${colours.red('✗')} as root on Debian all can be had, so no test may be skipped; ${wanting.length} were`);
  const good = clean && of('failed').length === 0 && leaks.length === 0 && wanting.length === 0;
  say(`\n${colours.dim(`took ${seconds(ms)}`)}`);
  say(
    colours[good ? 'green' : 'red'](
      `${of('passed').length} passed, ${of('failed').length} failed, ${skipped.length} skipped`,
    ),
  );
  return good ? EXIT.ok : EXIT.failed;
}
