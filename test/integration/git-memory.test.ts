import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openGit } from '../../src/git/index.js';
import { collect } from '../support/collect.js';
import { makeGitRepo } from '../support/git-repo.js';

/** Fewer than are kept of a mirror, so that all of them are. */
const COMMITS = 60;
const MESSAGE = 'a long story\n'.repeat(8_000);

test('what is kept of commits does not hold their messages', async () => {
  const repo = await makeGitRepo();
  const mirrors = await mkdtemp(join(tmpdir(), 'layerwright-mirrors-'));
  const access = [{ pattern: `${repo.folder}/{repo}.git`, tokenFile: null, user: null, privateAddress: true }];
  const git = openGit({ mirrors, access, timeoutMs: 60_000 });
  try {
    for (let at = 0; at < COMMITS; at += 1)
      await repo.git('commit', '--quiet', '--allow-empty', '--message', `change ${at}\n\n${MESSAGE}`);
    await repo.git('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
    const commits = (await repo.git('rev-list', 'HEAD')).split('\n');
    const fetched = await git.fetch({ url: repo.bare, ref: 'main' });
    const before = collect();
    for (const commit of commits) assert.ok(await fetched.committedAt(commit));
    const grown = collect() - before;
    assert.ok(grown < 2_000_000, `${grown} bytes stay of ${COMMITS * MESSAGE.length}`);
  } finally {
    await git.close();
    await repo.remove();
    await rm(mirrors, { recursive: true, force: true });
  }
});
