import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { chmod, chown, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { extract } from 'tar-stream';
import { type Git, type GitAccess, openGit } from '../../src/git/index.js';
import { type ErrorCode, ServiceError } from '../../src/kernel/service-error.js';
import { pause } from '../../src/runtime/clock.js';
import { type GitRepo, makeGitRepo } from '../support/git-repo.js';
import { type GitServer, startGitServer } from '../support/git-server.js';

const execute = promisify(execFile);

let repo: GitRepo;
let mirrors = '';
let git: Git;

function rule(pattern: string, more: Partial<GitAccess> = {}): GitAccess {
  return { pattern, tokenFile: null, user: null, privateAddress: true, ...more };
}

function openFor(...access: GitAccess[]): Git {
  return openGit({ mirrors, access, timeoutMs: 60_000 });
}

beforeEach(async () => {
  repo = await makeGitRepo();
  mirrors = await mkdtemp(join(tmpdir(), 'layerwright-mirrors-'));
  git = openFor(rule(`${repo.folder}/{repo}.git`));
});
afterEach(async () => {
  await git.close();
  await repo.remove();
  await rm(mirrors, { recursive: true, force: true });
});

async function fails(work: Promise<unknown>, code: ErrorCode): Promise<ServiceError> {
  let thrown: unknown;
  await work.catch((error: unknown) => {
    thrown = error;
  });
  assert.ok(thrown instanceof ServiceError, `${code} was expected, not ${String(thrown)}`);
  assert.equal(thrown.code, code, `${thrown.message} ${thrown.detail}`);
  return thrown;
}

interface Packed {
  readonly type: string;
  readonly mode: number;
  readonly mtime: number;
  readonly text: string;
}

async function unpack(bytes: Buffer): Promise<Record<string, Packed>> {
  const found: Record<string, Packed> = {};
  const reader = extract();
  reader.end(bytes);
  for await (const entry of reader) {
    const { name, type, mode, mtime, linkname } = entry.header;
    const body = await buffer(entry as unknown as NodeJS.ReadableStream);
    const text = type === 'symlink' ? String(linkname) : body.toString('utf8');
    found[name] = { type: String(type), mode: mode ?? 0, mtime: mtime?.getTime() ?? 0, text };
  }
  return found;
}

async function mirrorFolder(): Promise<string> {
  const [name = ''] = await readdir(mirrors);
  return join(mirrors, name);
}

suite('a fetched branch', () => {
  test('has its head, its history and its times', async () => {
    const first = await repo.commit({ a: '1' }, 'f41');
    const second = await repo.commit({ a: '2' }, 'f41');
    const fetched = await git.fetch({ url: repo.bare, ref: 'f41' });
    assert.equal(fetched.head, second);
    assert.equal(await fetched.has(first), true);
    assert.equal(await fetched.has('0'.repeat(40)), false);
    assert.equal(await fetched.has('HEAD'), false);
    assert.equal(await fetched.isOnRef(first), true);
    assert.equal(await fetched.isAncestor(first, second), true);
    assert.equal(await fetched.isAncestor(second, first), false);
    assert.equal(await fetched.countCommits(first), 1);
    assert.equal(await fetched.countCommits(second), 2);
    const seconds = Number(await repo.git('log', '-1', '--format=%ct', second));
    assert.deepEqual(await fetched.committedAt(second), new Date(seconds * 1_000));
  });

  test('sees a push that came before the call, also when a fetch was running', async () => {
    await repo.commit({ a: '0' });
    const url = repo.bare;
    for (let round = 1; round <= 3; round += 1) {
      const running = git.fetch({ url, ref: 'main' });
      const pushed = await repo.commit({ a: String(round) });
      const [, ...later] = await Promise.all([running, ...[1, 2, 3].map(() => git.fetch({ url, ref: 'main' }))]);
      for (const { head } of later) assert.equal(head, pushed);
    }
  });

  test('that was force-pushed has the new head, and the old commit is no longer on it', async () => {
    const base = await repo.commit({ a: '1' });
    const lost = await repo.commit({ a: '2' });
    await git.fetch({ url: repo.bare, ref: 'main' });
    await repo.git('reset', '--quiet', '--hard', base);
    const kept = await repo.commit({ a: '3' });
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    assert.equal(fetched.head, kept);
    assert.equal(await fetched.isOnRef(base), true);
    assert.equal(await fetched.isOnRef(lost), false);
    assert.equal(await fetched.has(lost), true);
    assert.equal(await fetched.countCommits(kept), 2);
  });

  test('that is not there, or was deleted, has no head', async () => {
    const commit = await repo.commit({ a: '1' }, 'f41');
    assert.equal((await git.fetch({ url: repo.bare, ref: 'absent' })).head, null);
    assert.equal((await git.fetch({ url: repo.bare, ref: 'f41' })).head, commit);
    await repo.git('push', '--quiet', 'origin', ':f41');
    const gone = await git.fetch({ url: repo.bare, ref: 'f41' });
    assert.equal(gone.head, null);
    assert.equal(await gone.isOnRef(commit), false);
  });

  test('may have a name that was a folder of names before', async () => {
    await repo.commit({ a: '1' }, 'topic');
    await git.fetch({ url: repo.bare, ref: 'topic' });
    await repo.git('push', '--quiet', 'origin', ':topic');
    const deeper = await repo.commit({ a: '2' }, 'topic/deeper');
    assert.equal((await git.fetch({ url: repo.bare, ref: 'topic/deeper' })).head, deeper);
  });

  test('counts merges and long histories as git does', async () => {
    await repo.commit({ a: '1' });
    await repo.git('checkout', '--quiet', '-b', 'side');
    for (let step = 0; step < 40; step += 1) await repo.git('commit', '--quiet', '--allow-empty', '-m', 'step');
    await repo.git('checkout', '--quiet', 'main');
    await repo.commit({ b: '1' });
    await repo.git('merge', '--quiet', '--no-edit', 'side');
    const merge = await repo.commit({ c: '1' });
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    assert.equal(String(await fetched.countCommits(merge)), await repo.git('rev-list', '--count', merge));
    const deep = await repo.git('rev-parse', 'side');
    assert.equal(await fetched.isOnRef(deep), true);
    assert.equal(await fetched.isOnRef(await repo.git('rev-parse', 'side~39')), true);
    const next = await repo.commit({ c: '2' });
    await git.fetch({ url: repo.bare, ref: 'main' });
    assert.equal(String(await fetched.countCommits(next)), await repo.git('rev-list', '--count', next));
  });

  test('questions about a commit that is not there are commit_missing', async () => {
    await repo.commit({ a: '1' });
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    for (const commit of ['0'.repeat(40), 'HEAD', '--all', '']) {
      await fails(fetched.countCommits(commit), 'commit_missing');
      await fails(fetched.committedAt(commit), 'commit_missing');
      await fails(fetched.tree(commit, ''), 'commit_missing');
      await fails(fetched.readFile(commit, 'a', 10), 'commit_missing');
      await fails(buffer(fetched.archive(commit, '')), 'commit_missing');
    }
  });
});

suite('tags', () => {
  test('are peeled to their commit; a tag of something else has no head', async () => {
    const commit = await repo.commit({ a: '1' });
    await repo.git('tag', 'light');
    await repo.git('tag', '-a', '-m', 'x', 'v1');
    await repo.git('tag', '-a', '-m', 'x', 'of-tree', 'HEAD^{tree}');
    await repo.git('push', '--quiet', '--tags', 'origin');
    for (const ref of ['tags/light', 'tags/v1'])
      assert.equal((await git.fetch({ url: repo.bare, ref })).head, commit, ref);
    assert.equal((await git.fetch({ url: repo.bare, ref: 'tags/of-tree' })).head, null);
    assert.equal((await git.fetch({ url: repo.bare, ref: 'v1' })).head, null);
  });

  test('and branches are listed as the host has them now', async () => {
    const first = await repo.commit({ a: '1' }, 'f41');
    await repo.git('tag', '-a', '-m', 'x', 'v1');
    await repo.git('push', '--quiet', '--tags', 'origin');
    const second = await repo.commit({ a: '2' }, 'f42');
    assert.deepEqual([...(await git.lsRemote(repo.bare))].sort(), [
      ['f41', first],
      ['f42', second],
      ['tags/v1', first],
    ]);
  });
});

suite('the files of a commit', () => {
  test('are listed with kind and size, relative to the path', async () => {
    const commit = await repo.commit({
      Dockerfile: 'FROM scratch\n',
      'images/tools/run.sh': { program: '#!/bin/sh\n' },
      'images/tools/deep/ä b.txt': 'ü',
      'images/tools/link': { link: '../../../../etc/passwd' },
    });
    await repo.git('update-index', '--add', '--cacheinfo', `160000,${commit},images/tools/module`);
    await repo.git('commit', '--quiet', '-m', 'a submodule');
    await repo.git('push', '--quiet', 'origin', 'HEAD:main');
    const head = await repo.git('rev-parse', 'HEAD');
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    const expected = [
      { path: 'deep/ä b.txt', kind: 'file', size: 2 },
      { path: 'link', kind: 'link', size: 22 },
      { path: 'module', kind: 'submodule', size: 0 },
      { path: 'run.sh', kind: 'file', size: 10 },
    ];
    assert.deepEqual(await fetched.tree(head, 'images/tools'), expected);
    assert.deepEqual(await fetched.tree(head, 'images/tools/'), expected);
    assert.equal((await fetched.tree(head, '')).length, 5);
    assert.deepEqual(await fetched.tree(head, 'absent'), []);
    assert.deepEqual(await fetched.tree(head, 'Dockerfile'), []);
    await fails(fetched.tree(head, '../x'), 'config_invalid');
  });

  test('are read one by one, within a limit; links and folders are no files', async () => {
    const commit = await repo.commit({ 'a/Dockerfile': 'FROM scratch\n', 'a/link': { link: 'Dockerfile' } });
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    assert.equal(String(await fetched.readFile(commit, 'a/Dockerfile', 13)), 'FROM scratch\n');
    await fails(fetched.readFile(commit, 'a/Dockerfile', 12), 'source_unsupported');
    for (const path of ['a', 'a/link', 'a/absent', 'a/Dockerfile/x', 'b'])
      assert.equal(await fetched.readFile(commit, path, 99), null);
    await fails(fetched.readFile(commit, '../a', 99), 'config_invalid');
  });

  test('that changed between two commits are named', async () => {
    const first = await repo.commit({ a: '1', 'b/c': '1', 'b/d': '1' });
    const second = await repo.commit({ a: null, 'b/c': '2', 'b/e\nf': '1' });
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    assert.deepEqual(await fetched.changedPaths(first, second), ['a', 'b/c', 'b/e\nf']);
    assert.equal(await fetched.changedPaths('0'.repeat(40), second), null);
    assert.equal(await fetched.changedPaths('--output=/tmp/x', second), null);
  });

  test('come as a tar stream with the commit’s time, whole or below a path', async () => {
    const big = Buffer.alloc(3_000_000, 'big');
    const commit = await repo.commit({
      Dockerfile: 'FROM scratch\n',
      'tools/run.sh': { program: 'x' },
      'tools/link': { link: '/etc/passwd' },
      'tools/big': big,
      'tools/empty': '',
    });
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    const mtime = (await fetched.committedAt(commit)).getTime();
    const whole = await unpack(await buffer(fetched.archive(commit, '')));
    assert.deepEqual(Object.keys(whole), [
      'Dockerfile',
      'tools/',
      'tools/big',
      'tools/empty',
      'tools/link',
      'tools/run.sh',
    ]);
    const below = await unpack(await buffer(fetched.archive(commit, 'tools')));
    assert.deepEqual(Object.keys(below), ['big', 'empty', 'link', 'run.sh']);
    assert.ok([...Object.values(whole), ...Object.values(below)].every((entry) => entry.mtime === mtime));
    assert.equal(below['big']?.text, big.toString());
    assert.deepEqual(below['link'], { type: 'symlink', mode: 0o777, mtime, text: '/etc/passwd' });
    assert.equal(below['run.sh']?.mode, 0o755);
    const again = await buffer(fetched.archive(commit, 'tools'));
    assert.ok(again.equals(await buffer(fetched.archive(commit, 'tools'))), 'the same bytes each time');
    await fails(buffer(fetched.archive(commit, 'absent')), 'config_invalid');
    await fails(buffer(fetched.archive(commit, '..')), 'config_invalid');
  });

  test('are archived as committed, whatever .gitattributes says', async () => {
    const commit = await repo.commit({ a: 'a\r\n', b: '$Id$ $Format:%H$\n', c: 'c\n' });
    const attributes =
      'a export-ignore text eol=lf\nb export-subst ident\nc text eol=crlf working-tree-encoding=UTF-16\n';
    await writeFile(join(repo.folder, 'attributes'), attributes);
    const head = await repo.git('hash-object', '-w', join(repo.folder, 'attributes')).then(async (blob) => {
      await repo.git('update-index', '--add', '--cacheinfo', `100644,${blob},.gitattributes`);
      await repo.git('commit', '--quiet', '-m', 'attributes');
      await repo.git('push', '--quiet', 'origin', 'HEAD:main');
      return repo.git('rev-parse', 'HEAD');
    });
    assert.notEqual(head, commit);
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    const found = await unpack(await buffer(fetched.archive(head, '')));
    assert.deepEqual(
      Object.entries(found).map(([name, { text }]) => [name, text]),
      [
        ['.gitattributes', attributes],
        ['a', 'a\r\n'],
        ['b', '$Id$ $Format:%H$\n'],
        ['c', 'c\n'],
      ],
    );
  });

  test('of a tree that leads out of itself, or unfolds without end, are refused', async () => {
    await repo.commit({ a: 'x' });
    const file = await repo.git('rev-parse', 'HEAD:a');
    for (const name of ['..', '.git', 'a/b', '.GIT', '.']) {
      const head = await hostileCommit(Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.from(file, 'hex')]));
      const fetched = await git.fetch({ url: repo.bare, ref: 'hostile' });
      assert.equal(fetched.head, head);
      await fails(fetched.tree(head, ''), 'source_unsupported');
      await fails(buffer(fetched.archive(head, '')), 'source_unsupported');
    }
    let [mode, object] = ['100644', file];
    let tree = Buffer.alloc(0);
    for (let level = 0; level < 10; level += 1) {
      tree = Buffer.concat(
        Array.from({ length: 10 }, (_, index) =>
          Buffer.concat([Buffer.from(`${mode} f${index}\0`), Buffer.from(object, 'hex')]),
        ),
      );
      [mode, object] = ['40000', await hashTree(tree)];
    }
    const head = await hostileCommit(tree);
    const fetched = await git.fetch({ url: repo.bare, ref: 'hostile' });
    await fails(fetched.tree(head, ''), 'source_unsupported');
    await fails(buffer(fetched.archive(head, '')), 'source_unsupported');
  });

  test('stop coming when the reader or the signal says so, and the next archive is whole', async () => {
    const commit = await repo.commit({ big: Buffer.alloc(8_000_000, 'x'), small: 'y' });
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    const ending = new AbortController();
    const stream = fetched.archive(commit, '', ending.signal);
    await assert.rejects(
      (async () => {
        for await (const piece of stream) {
          assert.ok(piece);
          ending.abort(new Error('enough'));
        }
      })(),
      /enough/,
    );
    for await (const piece of fetched.archive(commit, '')) if (piece) break;
    assert.equal((await unpack(await buffer(fetched.archive(commit, ''))))['small']?.text, 'y');
  });

  async function hashTree(bytes: Buffer): Promise<string> {
    const file = join(repo.folder, 'tree');
    await writeFile(file, bytes);
    return repo.git('hash-object', '-t', 'tree', '-w', '--literally', file);
  }

  /** A commit of a tree that no honest git makes, pushed to the branch `hostile`. */
  async function hostileCommit(tree: Buffer): Promise<string> {
    const commit = await repo.git('commit-tree', '-m', 'hostile', await hashTree(tree));
    await repo.git('push', '--quiet', '--force', 'origin', `${commit}:refs/heads/hostile`);
    return commit;
  }
});

suite('a mirror', () => {
  test('that was cut, emptied or lost objects is fetched anew', async () => {
    const commit = await repo.commit({ a: '1' });
    const url = repo.bare;
    await git.fetch({ url, ref: 'main' });
    const folder = await mirrorFolder();
    for (const damage of [
      () => rm(join(folder, 'HEAD')),
      () => rm(join(folder, 'objects'), { recursive: true }),
      () => writeFile(join(folder, 'config'), 'nonsense ['),
      () => execute('sh', ['-c', `for f in ${folder}/refs/heads/*; do : > $f; done`]),
      () =>
        execute('sh', [
          '-c',
          `chmod -R u+w ${folder}/objects; find ${folder}/objects -type f | while read f; do echo x > $f; done`,
        ]),
      () => rm(folder, { recursive: true }),
    ]) {
      await damage();
      const fetched = await git.fetch({ url, ref: 'main' });
      assert.equal(fetched.head, commit, String(damage));
      const text = await readAnew(url, commit);
      assert.equal(text, '1', String(damage));
    }
    assert.equal((await readdir(mirrors)).length, 1, 'nothing is left beside the mirror');
  });

  /** Reads by a process of its own, as `git` may remember; a broken object costs one more fetch. */
  async function readAnew(url: string, commit: string): Promise<string> {
    const other = openFor(rule(`${repo.folder}/{repo}.git`));
    try {
      for (let tries = 0; tries < 2; tries += 1) {
        const fetched = await other.fetch({ url, ref: 'main' });
        try {
          return String(await fetched.readFile(commit, 'a', 10));
        } catch (error) {
          assert.ok(error instanceof ServiceError && error.transient, String(error));
        }
      }
      return 'not mended';
    } finally {
      await other.close();
    }
  }

  test('is shared by several openers that fetch at once, with pushes between', async () => {
    await repo.commit({ a: '0' });
    const others = Array.from({ length: 4 }, () => openFor(rule(`${repo.folder}/{repo}.git`)));
    try {
      for (let round = 1; round <= 3; round += 1) {
        const pushed = await repo.commit({ a: String(round) });
        await repo.git('push', '--quiet', '--force', 'origin', 'HEAD:refs/heads/other');
        const fetched = await Promise.all(
          others.flatMap((other) => ['main', 'other'].map((ref) => other.fetch({ url: repo.bare, ref }))),
        );
        assert.ok(fetched.every(({ head }) => head === pushed));
      }
    } finally {
      await Promise.all(others.map((other) => other.close()));
    }
    assert.equal((await readdir(mirrors)).length, 1);
  });

  test('with a lock that a killed process left is used again, also when the clock was set back since', async () => {
    await repo.commit({ a: '1' });
    await git.fetch({ url: repo.bare, ref: 'main' });
    const [name = ''] = await readdir(join(await mirrorFolder(), 'refs/heads'));
    const lock = join(await mirrorFolder(), 'refs/heads', `${name}.lock`);
    for (const ms of [-60_000, 3_600_000]) {
      await writeFile(lock, '');
      const made = new Date(Date.now() + ms);
      await utimes(lock, made, made);
      const pushed = await repo.commit({ a: `2 ${ms}` });
      assert.equal((await git.fetch({ url: repo.bare, ref: 'main' })).head, pushed);
    }
  });

  test('survives a fetch that is killed in its middle', async () => {
    await repo.commit({ a: '1' });
    await git.fetch({ url: repo.bare, ref: 'main' });
    const pushed = await repo.commit({
      big: Buffer.from(Array.from({ length: 2_000_000 }, (_, i) => (i * 7919) % 251)),
    });
    for (const after of [1, 5, 10, 20, 40]) {
      const folder = await mirrorFolder();
      const child = spawn('git', [`--git-dir=${folder}`, 'fetch', '-q', repo.bare, '+refs/heads/main:refs/heads/x'], {
        detached: true,
        stdio: 'ignore',
      });
      await pause(after);
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
      const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
      assert.equal(fetched.head, pushed);
      assert.equal((await fetched.tree(pushed, '')).length, 2);
    }
  });

  test('may be of a repository that another user owns, when a rule names its folder', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('only root can give a folder away: run it as root');
    const commit = await repo.commit({ a: '1' });
    await chown(repo.bare, 65_534, 65_534);
    assert.equal((await git.fetch({ url: repo.bare, ref: 'main' })).head, commit);
    assert.equal((await git.lsRemote(repo.bare)).get('main'), commit);
  });

  test('of a SHA-256 repository works too', async () => {
    await repo.commit({ a: '1' });
    const bare = join(repo.folder, 'sha256.git');
    const tree = join(repo.folder, 'sha256-tree');
    await execute('git', ['init', '-q', '--object-format=sha256', '-b', 'main', tree]);
    await writeFile(join(tree, 'a'), 'sha256');
    const run = (...args: string[]) =>
      execute('git', ['-C', tree, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args]);
    await run('add', '.');
    await run('commit', '-qm', 'x');
    await execute('git', ['clone', '-q', '--bare', tree, bare]);
    const commit = (await run('rev-parse', 'HEAD')).stdout.trim();
    const fetched = await git.fetch({ url: bare, ref: 'main' });
    assert.equal(fetched.head, commit);
    assert.equal(await fetched.countCommits(commit), 1);
    assert.equal((await unpack(await buffer(fetched.archive(commit, ''))))['a']?.text, 'sha256');
  });

  test('of a big repository is fetched, listed and archived in bounded time', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, index) => [
        `dir${index % 100}/sub${index % 7}/file${index}`,
        `content ${index}`,
      ]),
    );
    const commit = await repo.commit(files);
    const started = performance.now();
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    assert.equal((await fetched.tree(commit, '')).length, 1_000);
    const packed = await unpack(await buffer(fetched.archive(commit, '')));
    assert.equal(packed['dir42/sub4/file942']?.text, 'content 942');
    assert.equal(Object.values(packed).filter(({ type }) => type === 'file').length, 1_000);
    assert.ok(performance.now() - started < 30_000);
  });

  test('can’t be made where nothing may be written', async () => {
    await writeFile(join(mirrors, 'file'), '');
    const other = openGit({ mirrors: join(mirrors, 'file', 'x'), access: [rule(`${repo.folder}/{repo}.git`)] });
    await fails(other.fetch({ url: repo.bare, ref: 'main' }), 'internal');
    await other.close();
  });
});

suite('a git host', () => {
  let server: GitServer;
  let tokenFile = '';
  const TOKEN = 's3cret:token';
  before(async () => {
    tokenFile = join(await mkdtemp(join(tmpdir(), 'layerwright-token-')), 'token');
    await writeFile(tokenFile, `${TOKEN}\n`);
    await chmod(tokenFile, 0o600);
  });
  after(() => rm(join(tokenFile, '..'), { recursive: true }));
  afterEach(() => server.stop());

  const url = (): string => `${server.url}/repo.git`;

  test('is asked by HTTP, with the token of its rule', async () => {
    server = await startGitServer({ root: repo.folder, token: TOKEN });
    const commit = await repo.commit({ a: '1' });
    const known = openFor(rule(`${server.url}/{repo}.git`, { tokenFile }));
    assert.equal((await known.fetch({ url: url(), ref: 'main' })).head, commit);
    assert.equal((await known.lsRemote(url())).get('main'), commit);
    await known.close();
    const stranger = openFor(rule(`${server.url}/{repo}.git`));
    const fault = await fails(stranger.fetch({ url: url(), ref: 'main' }), 'source_unavailable');
    assert.match(fault.message, /refused our credentials/);
    assert.equal(fault.transient, false);
    await stranger.close();
  });

  test('never sees its token in an error, an argument or the mirror', async () => {
    server = await startGitServer({ root: repo.folder, token: 'another' });
    await repo.commit({ a: '1' });
    const wrong = openFor(rule(`${server.url}/{repo}.git`, { tokenFile }));
    const fault = await fails(wrong.fetch({ url: url(), ref: 'main' }), 'source_unavailable');
    const encoded = Buffer.from(`layerwright:${TOKEN}`).toString('base64');
    for (const secret of [TOKEN, encoded]) {
      assert.ok(!JSON.stringify([fault.message, fault.detail, String(fault.cause)]).includes(secret));
      const { stdout } = await execute('grep', ['-rlF', '-e', secret, mirrors]).catch(() => ({ stdout: '' }));
      assert.equal(stdout, '');
    }
    await wrong.close();
  });

  test('that has a fault, redirects or is away is source_unavailable, with the reason', async () => {
    server = await startGitServer({ root: repo.folder });
    const commit = await repo.commit({ a: '1' });
    const there = openFor(rule(`${server.url}/{repo}.git`));
    for (const [status, headers, message, transient] of [
      [503, {}, /has a fault/, true],
      [404, {}, /no git repository/, false],
      [302, { location: `${server.url}/elsewhere.git/info/refs?service=git-upload-pack` }, /redirects/, false],
    ] as const) {
      server.answerWith(status, headers);
      const fault = await fails(there.fetch({ url: url(), ref: 'main' }), 'source_unavailable');
      assert.match(fault.message, message);
      assert.equal(fault.transient, transient);
    }
    assert.ok(!server.requests.some((request) => request.startsWith('/elsewhere')), 'a redirect is not followed');
    server.answerWith(null);
    assert.equal((await there.fetch({ url: url(), ref: 'main' })).head, commit);
    await server.stop();
    const fault = await fails(there.fetch({ url: url(), ref: 'main' }), 'source_unavailable');
    assert.match(fault.message, /can’t be reached/);
    assert.equal(fault.transient, true);
    await fails(there.lsRemote(url()), 'source_unavailable');
    await there.close();
  });

  test('is not asked when no rule allows it, or when its address is not public', async () => {
    server = await startGitServer({ root: repo.folder });
    const strict = openFor(rule(`${server.url}/{repo}.git`, { privateAddress: false }));
    assert.match(String(await strict.refusal(url())), /not public/);
    await fails(strict.fetch({ url: url(), ref: 'main' }), 'config_invalid');
    await fails(strict.lsRemote(`${server.url}/other`), 'config_invalid');
    await fails(strict.fetch({ url: `ext::sh -c "touch ${mirrors}/x"`, ref: 'main' }), 'config_invalid');
    await fails(strict.fetch({ url: url(), ref: '--upload-pack=x' }), 'config_invalid');
    assert.deepEqual(server.requests, []);
    assert.deepEqual(await readdir(mirrors), []);
    await strict.close();
  });

  test('that is silent is given up in time, and by the signal at once; nothing is left running', async () => {
    server = await startGitServer({ root: repo.folder });
    await server.stop();
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    const impatient = openGit({ mirrors, access: [rule(`${base}/{repo}.git`)], timeoutMs: 300 });
    const fault = await fails(impatient.fetch({ url: `${base}/a.git`, ref: 'main' }), 'source_unavailable');
    assert.equal(fault.transient, true);
    const patient = openFor(rule(`${base}/{repo}.git`));
    const ending = new AbortController();
    const waiting = patient.fetch({ url: `${base}/a.git`, ref: 'main' }, ending.signal);
    setImmediate(() => ending.abort(new Error('canceled')));
    await assert.rejects(waiting, /canceled/);
    const closing = assert.rejects(patient.fetch({ url: `${base}/a.git`, ref: 'main' }), /closed/);
    await new Promise((resolve) => silent.once('connection', resolve));
    await patient.close();
    await closing;
    await impatient.close();
    const { stdout } = await execute('pgrep', ['-f', base]).catch(() => ({ stdout: '' }));
    assert.equal(stdout, '');
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });
});
