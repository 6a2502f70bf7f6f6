// Programs from the distribution's packages, fetched and unpacked into this clone: no root, no installation, no
// service started, nothing that the package manager would know of.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { startTime } from './processes.mjs';
import { stateDir } from './project.mjs';
import { findProgram, isRoot, must, run } from './run.mjs';
import { step } from './say.mjs';

/** Package lists of our own, for a machine (or a user) that has none. */
const ownLists = join(stateDir, 'tools/apt');

/** True on Debian, Ubuntu and what else has apt. */
export function hasApt() {
  return findProgram('apt-get') !== null && findProgram('dpkg') !== null;
}

/**
 * Fetches packages and unpacks them into one folder. That appears whole or not at all, in the place of what stood there
 * before: other runs look for programs in it, and may be fetching the same.
 * @param {readonly string[]} packages
 * @param {string} into
 * @param {(folder: string) => void} [finish] does what else makes the folder whole
 * @throws when a package can't be had
 */
export async function unpackPackages(packages, into, finish = () => undefined) {
  const stood = identityOf(into);
  const made = `${into}.${process.pid}`;
  removeUnfinished(into);
  try {
    const options = await listsFor(packages);
    const debs = join(made, '.debs');
    mkdirSync(debs, { recursive: true });
    // As root, apt would hand the download to a user that can't write here; we only fetch into our own folder.
    const unsandboxed = isRoot() ? ['-o', 'APT::Sandbox::User=root'] : [];
    await must('apt-get', ['-q', ...options, ...unsandboxed, 'download', ...packages], { cwd: debs });
    for (const file of readdirSync(debs).filter((name) => name.endsWith('.deb'))) {
      await must('dpkg', ['-x', join(debs, file), made]);
    }
    rmSync(debs, { recursive: true, force: true });
    finish(made);
    // Another run was quicker: what it fetched is in use.
    if (identityOf(into) !== stood) return;
    rmSync(into, { recursive: true, force: true });
    renameSync(made, into);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

/** @param {string} folder */
function identityOf(folder) {
  return statSync(folder, { throwIfNoEntry: false })?.ino ?? null;
}

/**
 * What runs that were killed had unpacked so far.
 * @param {string} into
 */
function removeUnfinished(into) {
  const names = existsSync(dirname(into)) ? readdirSync(dirname(into)) : [];
  for (const name of names) {
    const pid = name.startsWith(`${basename(into)}.`) ? Number(name.slice(basename(into).length + 1)) : Number.NaN;
    // Another run may be removing the same.
    if (Number.isInteger(pid) && startTime(pid) === null)
      rmSync(join(dirname(into), name), { recursive: true, force: true });
  }
}

/**
 * The packages that an installation of `names` would add to this machine, themselves included. Those that it would only
 * renew are left out: the machine's own serve, and a second C library beside the first would not.
 * @param {readonly string[]} names
 */
export async function missingPackages(names) {
  const options = await listsFor(names);
  mkdirSync(ownLists, { recursive: true }); // Even a simulation writes a log.
  const { stdout } = await must(
    'apt-get',
    ['-q', ...options, '-o', `Dir::Log=${ownLists}`, 'install', '-s', '--no-install-recommends', ...names],
    {
      env: { ...process.env, LC_ALL: 'C' },
    },
  );
  return stdout.split('\n').flatMap((line) => /^Inst (\S+) \(/.exec(line)?.[1] ?? []);
}

/**
 * Options under which apt knows the packages: the machine's lists, else lists of our own (fetched once).
 * @param {readonly string[]} packages
 */
async function listsFor(packages) {
  if (await knows([], packages)) return [];
  const options = [
    '-o',
    `Dir::State::lists=${ownLists}/lists`,
    '-o',
    `Dir::Cache=${ownLists}/cache`,
    ...(isRoot() ? ['-o', 'APT::Sandbox::User=root'] : []),
  ];
  if (existsSync(join(ownLists, 'done')) && (await knows(options, packages))) return options;
  step("fetching the distribution's package lists into .layerwright/tools, as this machine has none that help");
  mkdirSync(join(ownLists, 'lists/partial'), { recursive: true });
  mkdirSync(join(ownLists, 'cache/archives/partial'), { recursive: true });
  await must('apt-get', ['-q', ...options, '-o', 'Debug::NoLocking=1', 'update']);
  writeFileSync(join(ownLists, 'done'), '');
  return options;
}

/**
 * @param {readonly string[]} options
 * @param {readonly string[]} packages
 */
async function knows(options, packages) {
  const { code, stdout } = await run('apt-cache', [...options, 'show', '--no-all-versions', ...packages]);
  return code === 0 && packages.every((name) => stdout.includes(`Package: ${name}\n`));
}
