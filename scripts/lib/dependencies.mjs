// Brings what a fresh clone lacks before anything else can run: the npm packages and the compiled service.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, root } from './project.mjs';
import { must, run } from './run.mjs';
import { Fault, say, step } from './say.mjs';

/** As `engines.node` of package.json. */
const OLDEST_NODE = [20, 12];

/** Throws a `Fault` when this Node is too old to run the service. */
export function checkNode(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldMajor = 0, oldMinor = 0] = OLDEST_NODE;
  if (major > oldMajor || (major === oldMajor && minor >= oldMinor)) return;
  throw new Fault(
    `Layerwright needs Node ${OLDEST_NODE.join('.')} or newer; this is Node ${version}. Install a newer one from https://nodejs.org or your distribution.`,
    EXIT.unavailable,
  );
}

/** Installs the packages of the lock file when `node_modules` does not hold exactly them. */
export async function installPackages() {
  if (packagesAreThere()) return;
  step('installing the npm packages that package-lock.json names (npm ci); only this clone changes');
  const { code, stdout, stderr } = await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
  });
  if (code !== 0) {
    say((stderr || stdout).trim());
    throw new Fault('The npm packages could not be installed; the lines above say why.', EXIT.unavailable, ['npm ci']);
  }
}

/** True when each package that the lock file wants is installed in that version. npm keeps its own list of what is there. */
function packagesAreThere() {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const there = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional === true || there[path]?.version === entry.version,
  );
}

/** Compiles `src` to `dist` when a source is newer than the last compilation. */
export async function buildService() {
  // The compiler writes its own record also when it finds faults, so success leaves a stamp of its own.
  const stamp = join(root, 'dist/.built');
  const built = existsSync(stamp) && existsSync(join(root, 'dist/main.js')) ? statSync(stamp).mtimeMs : 0;
  const inputs = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].map((file) => join(root, file));
  const newest = Math.max(newestIn(join(root, 'src')), ...inputs.map((file) => statSync(file).mtimeMs));
  if (built > newest) return;
  step('compiling the service (tsc → dist)');
  try {
    await must(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
      cwd: root,
    });
  } catch (error) {
    throw new Fault(
      `The service does not compile. ${error instanceof Error ? error.message : String(error)}`,
      EXIT.failed,
      ['npm run check'],
    );
  }
  writeFileSync(stamp, '');
}

/**
 * The newest time below a folder, folders' own included so that a deletion counts.
 * @param {string} folder
 * @returns {number}
 */
function newestIn(folder) {
  let newest = statSync(folder).mtimeMs;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestIn(path) : statSync(path).mtimeMs);
  }
  return newest;
}
