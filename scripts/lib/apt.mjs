// Programs from the distribution's packages, fetched and unpacked into this clone: no root, no installation, no
// service started, nothing that the package manager would know of.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
 * Fetches packages and unpacks them into one folder.
 * @param {readonly string[]} packages
 * @param {string} into
 * @throws when a package can't be had
 */
export async function unpackPackages(packages, into) {
  const options = await listsFor(packages);
  const debs = join(into, '.debs');
  rmSync(debs, { recursive: true, force: true });
  mkdirSync(debs, { recursive: true });
  // As root, apt would hand the download to a user that can't write here; we only fetch into our own folder.
  const unsandboxed = isRoot() ? ['-o', 'APT::Sandbox::User=root'] : [];
  await must('apt-get', ['-q', ...options, ...unsandboxed, 'download', ...packages], { cwd: debs });
  for (const file of readdirSync(debs).filter((name) => name.endsWith('.deb'))) {
    await must('dpkg', ['-x', join(debs, file), into]);
  }
  rmSync(debs, { recursive: true, force: true });
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
