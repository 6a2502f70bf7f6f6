import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { JsonObject } from '../../../src/kernel/json.js';
import { distGitPush } from '../../../src/trigger/decide/dist-git.js';

const hook = fileURLToPath(new URL('../../../examples/post-receive', import.meta.url));
const exec = promisify(execFile);

/** Stands for `layerwright publish`: keeps its arguments and what it is given. */
const KEEPER = `#!/usr/bin/env node
const fs = require('node:fs');
const body = fs.readFileSync(0, 'utf8');
const dir = process.env.KEEP_DIR;
fs.writeFileSync(dir + '/' + fs.readdirSync(dir).length + '.json', JSON.stringify({ args: process.argv.slice(2), config: process.env.LAYERWRIGHT_CONFIG, body: JSON.parse(body) }));
`;

interface Kept {
  readonly args: readonly string[];
  readonly config: string;
  readonly body: JsonObject;
}

describe('the post-receive hook', () => {
  let folder = '';
  let work = '';
  let bare = '';
  let env: NodeJS.ProcessEnv = {};

  const git = (...args: string[]) => exec('git', args, { cwd: work, env });
  const commit = async (files: Readonly<Record<string, string>>, message: string): Promise<string> => {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(work, path)), { recursive: true });
      await writeFile(join(work, path), content);
    }
    await git('add', '--all');
    await git('commit', '--quiet', '--message', message);
    return (await git('rev-parse', 'HEAD')).stdout.trim();
  };
  const kept = async (): Promise<Kept[]> => {
    const names = (await readdir(join(folder, 'kept'))).sort();
    return Promise.all(
      names.map(async (name) => JSON.parse(await readFile(join(folder, 'kept', name), 'utf8')) as Kept),
    );
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'layerwright-hook-'));
    await writeFile(join(folder, 'keeper.cjs'), KEEPER);
    await chmod(join(folder, 'keeper.cjs'), 0o755);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  beforeEach(async () => {
    for (const name of ['kept', 'git', 'work']) await rm(join(folder, name), { recursive: true, force: true });
    await mkdir(join(folder, 'kept'));
    bare = join(folder, 'git/container/httpd.git');
    work = join(folder, 'work');
    env = {
      PATH: process.env['PATH'],
      HOME: folder,
      USER: 'ada',
      KEEP_DIR: join(folder, 'kept'),
      LAYERWRIGHT: join(folder, 'keeper.cjs'),
      LAYERWRIGHT_CONFIG: '/etc/layerwright/config.yaml',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'Ada "L" Ó',
      GIT_AUTHOR_EMAIL: 'ada@example.org',
      GIT_COMMITTER_NAME: 'Ada',
      GIT_COMMITTER_EMAIL: 'ada@example.org',
    };
    await exec('git', ['init', '--quiet', '--bare', '--initial-branch=f41', bare], { env });
    await copyFile(hook, join(bare, 'hooks/post-receive'));
    await exec('git', ['init', '--quiet', '--initial-branch=f41', work], { env });
    await git('remote', 'add', 'origin', bare);
  });

  test('tells of a new branch without paths, in a form that the trigger understands', async () => {
    const rev = await commit({ Dockerfile: 'FROM scratch\n' }, 'first\n\nwith "quotes" and\ttabs');
    await git('push', '--quiet', 'origin', 'f41');
    const [only, ...others] = await kept();
    assert.equal(others.length, 0);
    assert.deepEqual(only?.args, ['publish', '--topic', 'git.receive', '-']);
    assert.equal(only?.config, '/etc/layerwright/config.yaml');
    const push = distGitPush(only.body);
    assert.ok(push.ok);
    assert.deepEqual(
      { ...push.value, missing: [] },
      {
        kind: 'dist_git',
        host: null,
        namespace: 'container',
        repo: 'httpd',
        fork: false,
        ref: { ok: true, value: 'f41' },
        commit: { ok: true, value: rev },
        before: null,
        created: true,
        paths: null,
        agent: 'ada',
        missing: [],
      },
    );
    const told = only.body['commit'] as JsonObject;
    assert.equal(told['name'], 'Ada "L" Ó');
    assert.equal(told['summary'], 'first');
    assert.equal(told['message'], 'first\n\nwith "quotes" and\ttabs\n\n');
  });

  test('tells of the head and of all paths that changed when a push has many commits', async () => {
    const first = await commit({ Dockerfile: 'FROM scratch\n', gone: 'x\n' }, 'first');
    await git('push', '--quiet', 'origin', 'f41');
    await rm(join(work, 'gone'));
    await commit({ 'images/a b/Dockerfile': 'FROM scratch\n' }, 'second');
    const head = await commit({ 'lib/ünï\n': 'x' }, 'third');
    await git('push', '--quiet', 'origin', 'f41');
    const push = distGitPush((await kept())[1]?.body ?? {});
    assert.ok(push.ok);
    assert.deepEqual(push.value.commit, { ok: true, value: head });
    assert.equal(push.value.before, first);
    assert.deepEqual([...(push.value.paths ?? [])].sort(), ['gone', 'images/a b/Dockerfile', 'lib/ünï\n']);
  });

  test('tells of each ref of a push, tags by the commit they name, and of deletions', async () => {
    const rev = await commit({ Dockerfile: 'FROM scratch\n' }, 'first');
    await git('branch', 'f40');
    await git('tag', '--annotate', '--message', 'one', 'v1');
    await git('push', '--quiet', 'origin', 'f41', 'f40', 'v1');
    await git('push', '--quiet', 'origin', ':f40');
    const pushes = (await kept()).map(({ body }) => distGitPush(body));
    const told = pushes.map((push) => (push.ok ? [push.value.ref, push.value.commit] : push.error));
    const built = { ok: true, value: rev };
    assert.deepEqual(
      told
        .slice(0, 3)
        .map((row) => JSON.stringify(row))
        .sort(),
      [
        JSON.stringify([{ ok: true, value: 'f40' }, built]),
        JSON.stringify([{ ok: true, value: 'f41' }, built]),
        JSON.stringify([{ ok: true, value: 'tags/v1' }, built]),
      ],
    );
    const deletion = pushes[3];
    assert.ok(deletion?.ok && !deletion.value.commit.ok);
    assert.equal(deletion.value.commit.error.code, 'ref_deleted');
  });

  test('leaves refs alone that are neither branches nor tags', async () => {
    await commit({ Dockerfile: 'FROM scratch\n' }, 'first');
    await git('push', '--quiet', 'origin', 'HEAD:refs/pull/1/head');
    assert.deepEqual(await kept(), []);
  });

  test('never fails a push: it says what to do when the program is not there', async () => {
    env['LAYERWRIGHT'] = join(folder, 'absent');
    const rev = await commit({ Dockerfile: 'FROM scratch\n' }, 'first');
    const { stderr } = await git('push', '--quiet', 'origin', 'f41');
    assert.match(stderr, /layerwright was not told of refs\/heads\/f41: the program .*absent is not there/);
    assert.match(stderr, new RegExp(`layerwright build container/httpd --commit ${rev}`));
    const { stdout } = await exec('git', ['rev-parse', 'f41'], { cwd: bare, env });
    assert.equal(stdout.trim(), rev);
  });

  test('takes settings from git config, and a failing program is quoted', async () => {
    delete env['LAYERWRIGHT'];
    await writeFile(join(folder, 'failing'), '#!/bin/sh\necho "the bus is away" >&2\nexit 69\n');
    await chmod(join(folder, 'failing'), 0o755);
    await exec('git', ['config', 'layerwright.command', join(folder, 'failing')], { cwd: bare, env });
    await commit({ Dockerfile: 'FROM scratch\n' }, 'first');
    const { stderr } = await git('push', '--quiet', 'origin', 'f41');
    assert.match(stderr, /layerwright was not told of refs\/heads\/f41: the bus is away/);
  });

  test('runs as an ES module too, as it does inside this package', async () => {
    const rev = await commit({ Dockerfile: 'FROM scratch\n' }, 'first');
    await git('push', '--quiet', 'origin', 'f41');
    await rm(join(folder, 'kept'), { recursive: true });
    await mkdir(join(folder, 'kept'));
    const child = spawn(hook, { cwd: bare, env, stdio: ['pipe', 'ignore', 'pipe'] });
    child.stdin.end(`${'0'.repeat(40)} ${rev} refs/heads/f41\n`);
    const code = await new Promise((resolve) => child.on('close', resolve));
    assert.equal(code, 0);
    assert.equal((await kept()).length, 1);
  });
});
