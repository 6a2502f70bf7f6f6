// `npm run bench [-- --json FILE] [NAME…]`: measures on this machine what the service promises.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildService, checkNode, installPackages } from './lib/dependencies.mjs';
import { main, parseOrExplain } from './lib/main.mjs';
import { fromCaller } from './lib/options.mjs';
import { root } from './lib/project.mjs';
import { run } from './lib/run.mjs';
import { runFolder, startServices } from './lib/test-services.mjs';
import { wantedServices } from './lib/wanted-services.mjs';

const USAGE = `npm run bench [-- OPTIONS] [NAME…]

Measures, each against the same work done without us in the same run, and prints a table. NAME chooses modules of
bench/ by their names (bus, ledger, …).

  --json FILE    writes {"rows": [{"id", "value", "unit", "limit", "ok"}]}
  --no-install   fetches no program that is missing
  --help
`;

await main(async () => {
  const { values, positionals } = parseOrExplain(USAGE, () =>
    parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        'no-install': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }),
  );
  checkNode();
  await installPackages();
  await buildService();
  const chosen = readdirSync(join(root, 'bench'))
    .filter((file) => positionals.length === 0 || positionals.includes(file.replace(/\.ts$/, '')))
    .map((file) => join('bench', file));
  const services = await startServices({
    dir: await runFolder('bench'),
    install: values['no-install'] !== true,
    wanted: wantedServices(chosen, root),
  });
  const json = typeof values['json'] === 'string' ? ['--json', fromCaller(values['json'])] : [];
  const { code } = await run(process.execPath, ['--import', 'tsx', 'bench/run.ts', ...json, ...positionals], {
    cwd: root,
    env: { ...process.env, ...services.env },
    inherit: true,
  });
  return code;
});
