// The demo's git host: bare repositories in the style of dist-git, with the hook of examples/, and work trees to push from.
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { EXIT, root } from '../project.mjs';
import { must } from '../run.mjs';
import { Fault } from '../say.mjs';
import { BRANCH, NAMESPACE, PREFIX } from './settings.mjs';

/**
 * @typedef {object} Repository
 * @property {string} component
 * @property {string} bare folder of the bare repository
 * @property {string} work folder of the work tree
 */

/** Git as the demo's person, whatever the machine's configuration says. */
const PERSON = {
  GIT_AUTHOR_NAME: 'Demo Maintainer',
  GIT_AUTHOR_EMAIL: 'maintainer@example.org',
  GIT_COMMITTER_NAME: 'Demo Maintainer',
  GIT_COMMITTER_EMAIL: 'maintainer@example.org',
  GIT_TERMINAL_PROMPT: '0',
};

/**
 * @param {string} cwd
 * @param {readonly string[]} args
 */
function git(cwd, args) {
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, ...PERSON };
  for (const name of ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE']) delete env[name]; // Set when run from a hook.
  return must('git', ['-c', 'commit.gpgsign=false', ...args], { cwd, env });
}

/**
 * A bare repository with the hook, and its work tree: made when it is not there yet.
 * @param {{ dir: string, component: string, config: string }} options `config`: the configuration that the hook's publish reads
 * @returns {Promise<Repository>}
 */
export async function openRepository({ dir, component, config }) {
  const bare = join(dir, 'git', NAMESPACE, `${component}.git`);
  const work = join(dir, 'work', component);
  if (!existsSync(join(bare, 'HEAD'))) {
    mkdirSync(bare, { recursive: true });
    await git(bare, ['init', '--quiet', '--bare', `--initial-branch=${BRANCH}`]);
  }
  copyFileSync(join(root, 'examples/post-receive'), join(bare, 'hooks/post-receive'));
  await git(bare, ['config', 'core.hooksPath', join(bare, 'hooks')]); // Whatever the user's own configuration says.
  await git(bare, ['config', 'layerwright.command', join(root, 'bin/layerwright.js')]);
  await git(bare, ['config', 'layerwright.config', config]);
  await git(bare, ['config', 'layerwright.topic', `${PREFIX}.git.receive`]);
  if (!existsSync(join(work, '.git'))) {
    mkdirSync(work, { recursive: true });
    await git(work, ['init', '--quiet', `--initial-branch=${BRANCH}`]);
    await git(work, ['remote', 'add', 'origin', bare]);
    await git(work, ['config', 'core.hooksPath', '/dev/null']);
    await git(work, ['config', 'user.name', PERSON.GIT_AUTHOR_NAME]);
    await git(work, ['config', 'user.email', PERSON.GIT_AUTHOR_EMAIL]);
  }
  return { component, bare, work };
}

/** What the base image holds beside its programs; the demo raises the number in it, and no later run takes that back. */
const RELEASE = 'release';

/**
 * Commits the files of an example, with a line that is new in each run, and pushes.
 * @param {Repository} repository
 * @param {{ example: string, files?: Readonly<Record<string, string>>, now: Date }} options `files`: name → path of a file copied in
 * @returns {Promise<string>} the commit
 */
export async function pushExample({ component, work }, { example, files = {}, now }) {
  const isKept = (/** @type {string} */ path) => basename(path) === RELEASE && existsSync(join(work, RELEASE));
  cpSync(example, work, { recursive: true, filter: (from) => !isKept(from) });
  for (const [name, from] of Object.entries(files)) copyFileSync(from, join(work, name));
  writeFileSync(join(work, 'changed'), `${now.toISOString()}\n`);
  return push({ component, work }, `${component}: changed at ${now.toISOString()}`);
}

/**
 * Commits and pushes a change to what an image holds.
 * @param {Pick<Repository, 'component' | 'work'>} repository
 * @returns {Promise<string>} the commit
 */
export async function pushRelease({ component, work }) {
  const path = join(work, RELEASE);
  const next = (Number.parseInt(readFileSync(path, 'utf8'), 10) || 0) + 1;
  writeFileSync(path, `${next}\n`);
  return push({ component, work }, `${component}: release ${next}`);
}

/**
 * @param {Pick<Repository, 'component' | 'work'>} repository
 * @param {string} message
 */
async function push({ component, work }, message) {
  await git(work, ['add', '--all']);
  await git(work, ['commit', '--quiet', '--message', message]);
  const { stderr } = await git(work, ['push', '--quiet', 'origin', BRANCH]);
  // The hook never fails a push, but says so when the bus was not told.
  if (stderr.includes('was not told'))
    throw new Fault(`The push of ${component} was not announced. ${stderr.trim()}`, EXIT.failed);
  return (await git(work, ['rev-parse', 'HEAD'])).stdout.trim();
}
