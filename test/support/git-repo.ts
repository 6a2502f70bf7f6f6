import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** What a file of a commit is: its text, a link's target, or nothing (taken away). */
export type Content = string | Buffer | { readonly link: string } | { readonly program: string } | null;

/** A bare repository with a work tree beside it, for tests. All of it is below one temporary folder. */
export interface GitRepo {
  /** Folder of the bare repository. */
  readonly bare: string;
  readonly folder: string;
  /** Writes the files, commits and pushes to `branch`; gives the commit. */
  commit(files: Readonly<Record<string, Content>>, branch?: string): Promise<string>;
  /** Runs git in the work tree; gives its output without the last line end. */
  git(...args: string[]): Promise<string>;
  remove(): Promise<void>;
}

const ENV = {
  ...process.env,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Ann',
  GIT_AUTHOR_EMAIL: 'ann@example.org',
  GIT_COMMITTER_NAME: 'Ann',
  GIT_COMMITTER_EMAIL: 'ann@example.org',
};

/** Makes an empty repository at `name` below a new temporary folder, or below `root`. */
export async function makeGitRepo(options: { readonly name?: string; readonly root?: string } = {}): Promise<GitRepo> {
  const folder = options.root ?? (await mkdtemp(join(tmpdir(), 'layerwright-git-')));
  const bare = join(folder, `${options.name ?? 'repo'}.git`);
  const tree = await mkdtemp(join(tmpdir(), 'layerwright-git-tree-'));
  const git = async (...args: string[]): Promise<string> => {
    const { stdout } = await execute('git', args, { cwd: tree, env: ENV, maxBuffer: 67_108_864 });
    return stdout.replace(/\n$/, '');
  };
  await mkdir(dirname(bare), { recursive: true });
  await git('init', '--quiet', '--bare', '--initial-branch=main', bare);
  await git('init', '--quiet', '--initial-branch=main', '.');
  await git('remote', 'add', 'origin', bare);
  return {
    bare,
    folder,
    git,
    commit: async (files, branch = 'main') => {
      await Promise.all(Object.entries(files).map(([path, content]) => put(join(tree, path), content)));
      await git('add', '--all', '--force');
      await git('commit', '--quiet', '--allow-empty', '--message', 'a commit');
      await git('push', '--quiet', '--force', 'origin', `HEAD:refs/heads/${branch}`);
      return git('rev-parse', 'HEAD');
    },
    remove: async () => {
      await Promise.all([rm(tree, { recursive: true, force: true }), rm(folder, { recursive: true, force: true })]);
    },
  };
}

async function put(file: string, content: Content): Promise<void> {
  if (content === null) return rm(file, { recursive: true, force: true });
  await mkdir(dirname(file), { recursive: true });
  if (typeof content === 'string' || Buffer.isBuffer(content)) return writeFile(file, content);
  if ('link' in content) return symlink(content.link, file);
  return writeFile(file, content.program, { mode: 0o755 });
}
