import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { extract } from 'tar-stream';
import { type Git, openGit } from '../../src/git/index.js';
import { type GitRepo, makeGitRepo } from '../support/git-repo.js';

const execute = promisify(execFile);

/** Where times begin and end, and what has no known last change: 1980-01-02 and 2038-01-19. */
const EARLIEST = 315_619_200;
const LATEST = 2_147_483_647;
const BEGAN = 1_700_000_000;
const MAX_DEPTH = 2_000;

let repo: GitRepo;
let mirrors = '';
let git: Git;

function open(): Git {
  const access = { tokenFile: null, user: null, privateAddress: true };
  return openGit({ mirrors, access: [{ pattern: `${repo.folder}/{repo}.git`, ...access }], timeoutMs: 300_000 });
}

beforeEach(async () => {
  repo = await makeGitRepo();
  mirrors = await mkdtemp(join(tmpdir(), 'layerwright-mirrors-'));
  git = open();
});
afterEach(async () => {
  await git.close();
  await repo.remove();
  await rm(mirrors, { recursive: true, force: true });
});

/** A file's text, `x:` before it when it can be run, `l:` before a link's target; null takes a file or folder away. */
type Files = Readonly<Record<string, string | null>>;
interface Written {
  /** Name of this commit, for who has it as a parent. */
  readonly mark: number;
  readonly parents?: readonly number[];
  readonly seconds: number;
  readonly files: Files;
}

/** Writes a history into the bare repository, which has a branch `main` at the last commit then. */
async function write(commits: readonly Written[]): Promise<void> {
  const lines: string[] = [];
  for (const { mark, parents = [], seconds, files } of commits) {
    lines.push('commit refs/heads/main', `mark :${mark}`, `committer Ann <ann@example.org> ${seconds} +0000`);
    lines.push('data 1', 'c');
    const [first, ...others] = parents;
    if (first !== undefined) lines.push(`from :${first}`, ...others.map((other) => `merge :${other}`));
    for (const [path, text] of Object.entries(files)) {
      if (text === null) lines.push(`D ${path}`);
      else {
        const [, kind, rest = ''] = /^([xl]:)?(.*)$/s.exec(text) ?? [];
        const mode = kind === 'x:' ? '100755' : kind === 'l:' ? '120000' : '100644';
        lines.push(`M ${mode} inline ${path}`, `data ${Buffer.byteLength(rest)}`, rest);
      }
    }
    lines.push('');
  }
  await imported(lines);
}

async function imported(lines: readonly string[]): Promise<void> {
  const child = spawn('git', ['-C', repo.bare, 'fast-import', '--quiet', '--force', '--date-format=raw-permissive'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.end(lines.join('\n'));
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
}

async function headOf(): Promise<string> {
  return (await execute('git', ['-C', repo.bare, 'rev-parse', 'main'])).stdout.trim();
}

/** Seconds by path, as the archive has them. */
async function timesOf(commit: string, path = '', room = git): Promise<Record<string, number>> {
  const fetched = await room.fetch({ url: repo.bare, ref: 'main' });
  const reader = extract();
  reader.end(await buffer(fetched.archive(commit, path)));
  const found: Record<string, number> = {};
  for await (const entry of reader) {
    found[entry.header.name] = (entry.header.mtime?.getTime() ?? 0) / 1_000;
    entry.resume();
  }
  return found;
}

/** The times of a commit, by somebody who has looked at others and by somebody who has looked at none. */
async function agreed(commit: string, path = ''): Promise<Record<string, number>> {
  const times = await timesOf(commit, path);
  const stranger = open();
  try {
    assert.deepEqual(await timesOf(commit, path, stranger), times);
  } finally {
    await stranger.close();
  }
  return times;
}

/** Commits one after the other, a hundred seconds between two. */
function line(...files: readonly Files[]): Written[] {
  return files.map((each, index) => ({
    mark: index + 1,
    parents: index === 0 ? [] : [index],
    seconds: BEGAN + 100 * index,
    files: each,
  }));
}

suite('the time of a file', () => {
  test('is that of the last commit that changed it, a folder’s that of anything in it', async () => {
    await write(
      line(
        { a: '1', 'd/e/f': '1', 'd/g': '1', run: '1', link: 'l:a' },
        { a: '2' },
        { run: 'x:1' },
        { 'd/e/f': '2' },
        { link: 'l:run' },
        { README: 'x' },
      ),
    );
    const t = (commit: number): number => BEGAN + 100 * (commit - 1);
    assert.deepEqual(await agreed(await headOf()), {
      README: t(6),
      a: t(2),
      'd/': t(4),
      'd/e/': t(4),
      'd/e/f': t(4),
      'd/g': t(1),
      link: t(5),
      run: t(3),
    });
    assert.deepEqual(await agreed(await headOf(), 'd'), { 'e/': t(4), 'e/f': t(4), g: t(1) });
  });

  test('stays when it is changed back, moved there or made anew only as far as the commits say', async () => {
    await write(
      line({ a: '1', b: '1' }, { a: '2' }, { a: '1' }, { b: null, c: '1' }, { x: 'x' }, { c: null, 'c/c': '1' }),
    );
    assert.deepEqual(await agreed(await headOf()), {
      a: BEGAN + 200,
      'c/': BEGAN + 500,
      'c/c': BEGAN + 500,
      x: BEGAN + 400,
    });
  });

  test('is not a merge’s, where one of its parents has it; the first that has is followed', async () => {
    await write([
      { mark: 1, seconds: BEGAN, files: { both: '0', left: '0', right: '0', 'd/l': '0', 'd/r': '0', same: '0' } },
      { mark: 2, parents: [1], seconds: BEGAN + 100, files: { both: 'l', left: '1', 'd/l': '1', same: '1' } },
      { mark: 3, parents: [1], seconds: BEGAN + 50, files: { both: 'r', right: '1', 'd/r': '1', same: '1' } },
      { mark: 4, parents: [2, 3], seconds: BEGAN + 300, files: { both: 'lr', right: '1', 'd/r': '1' } },
      { mark: 5, parents: [4], seconds: BEGAN + 400, files: { README: 'x' } },
    ]);
    assert.deepEqual(await agreed(await headOf()), {
      README: BEGAN + 400,
      both: BEGAN + 300,
      'd/': BEGAN + 300,
      'd/l': BEGAN + 100,
      'd/r': BEGAN + 50,
      left: BEGAN + 100,
      right: BEGAN + 50,
      same: BEGAN + 100,
    });
  });

  test('is as git’s own history has it', async () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    const files = Array.from({ length: 40 }, () =>
      Object.fromEntries([[['a', 'b', 'd/a', 'd/b', 'd/e/a', 'f/a'][random(6)] ?? 'a', String(random(3))]]),
    );
    await write(line({ root: 'x' }, ...files));
    const log = await execute('git', ['-C', repo.bare, 'log', '--reverse', '--format=%H', 'main']);
    // Each is looked at with what is known of one that is some commits older.
    for (const commit of log.stdout
      .trim()
      .split('\n')
      .filter((_, index) => index % 8 === 0)) {
      const times = await agreed(commit);
      for (const [path, seconds] of Object.entries(times)) {
        const args = ['-C', repo.bare, 'log', '-1', '--format=%ct', commit, '--', path.replace(/\/$/, '')];
        assert.equal(seconds, Number((await execute('git', args)).stdout), `${path} in ${commit}`);
      }
    }
  });

  test('has an earliest and a latest, whatever a commit says', async () => {
    // 1960 and 2200.
    await write([
      { mark: 1, seconds: -315_619_200, files: { old: '1' } },
      { mark: 2, parents: [1], seconds: 7_258_118_400, files: { late: '1' } },
      { mark: 3, parents: [2], seconds: BEGAN, files: { now: '1' } },
    ]);
    assert.deepEqual(await agreed(await headOf()), { late: LATEST, now: BEGAN, old: EARLIEST });
  });

  test('is the earliest behind so many commits, and for everybody from the same commit on', async () => {
    const readmes = Array.from({ length: MAX_DEPTH + 1 }, (_, index) => ({ README: String(index) }));
    await write(line({ a: '1' }, ...readmes));
    const head = await headOf();
    const at = async (back: number): Promise<number | undefined> =>
      (await timesOf((await execute('git', ['-C', repo.bare, 'rev-parse', `${head}~${back}`])).stdout.trim()))['a'];
    assert.deepEqual([await at(2), await at(1), await at(0)], [BEGAN, EARLIEST, EARLIEST]);
    assert.equal((await agreed(head))['a'], EARLIEST);
    await git.close();
    git = open();
    assert.equal(await at(2), BEGAN, 'by somebody who has not looked at others');
    assert.equal(await at(1), EARLIEST, 'from the last answer');
  });

  test('is the earliest where many branches would have to be followed far', async () => {
    const [branches, length] = [40, 300];
    const lines: string[] = [];
    const commit = (ref: string, mark: number, parents: readonly number[], files: Files): void => {
      lines.push(`commit refs/heads/${ref}`, `mark :${mark}`, `committer Ann <a@example.org> ${BEGAN} +0000`, 'data 0');
      const [first, ...others] = parents;
      if (first !== undefined) lines.push(`from :${first}`, ...others.map((other) => `merge :${other}`));
      for (const [path, text] of Object.entries(files)) lines.push(`M 100644 inline ${path}`, 'data 1', text ?? '');
      lines.push('');
    };
    const tipOf = (branch: number): number => (branch + 1) * length;
    for (let branch = 0; branch < branches; branch += 1)
      for (let at = 1; at <= length; at += 1) {
        const mark = branch * length + at;
        commit(`b${branch}`, mark, at === 1 ? [] : [mark - 1], { [`f${branch}`]: 'x', note: String(at % 10) });
      }
    let head = tipOf(0);
    for (let branch = 1; branch < branches; branch += 1) {
      const mark = branches * length + branch;
      commit('main', mark, [head, tipOf(branch)], { [`f${branch}`]: 'x' });
      head = mark;
    }
    await imported(lines);
    const { note, ...files } = await timesOf(await headOf());
    assert.equal(Object.keys(files).length, branches);
    // Without a bound on all that is read it would be when the branches began.
    assert.deepEqual([...new Set(Object.values(files))], [EARLIEST]);
    assert.notEqual(note, undefined);
  });
});
