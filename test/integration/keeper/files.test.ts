import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { logFiles } from '../../../src/builder/index.js';
import { type Git, mirrorFolder, openGit } from '../../../src/git/index.js';
import { type Releasers, withReleasers } from '../../../src/runtime/releasers.js';
import { makeGitRepo } from '../../support/git-repo.js';

async function temporary(releasers: Releasers): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-keeper-'));
  releasers.push('the folder', () => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('a mirror is found under its URL, however written, with its room and the time of its last fetch', () =>
  withReleasers(async (releasers) => {
    const { git, mirrors, url, store } = await mirrored(releasers);
    const [file, ...more] = await store.files();
    assert.deepEqual(more, []);
    assert.equal(file?.name, store.nameOf(url));
    assert.equal(store.nameOf(`file://${url}/`), store.nameOf(url));
    assert.ok((file?.bytes ?? 0) > 20_000);
    const old = new Date(Date.now() - 100_000_000);
    await utimes(join(mirrors, file?.name ?? ''), old, old);
    assert.equal(Math.round((await store.files())[0]?.usedAt ?? 0), old.getTime());
    await git.fetch({ url, ref: 'main' });
    assert.ok(((await store.files())[0]?.usedAt ?? 0) > Date.now() - 60_000, 'a fetch that brings nothing is a use');
  }));

test('a mirror that was taken away is fetched anew; one that was used since the look stays', () =>
  withReleasers(async (releasers) => {
    const { git, mirrors, url, commit, store } = await mirrored(releasers);
    const [file] = await store.files();
    assert.ok(file !== undefined);
    assert.equal(await store.remove({ ...file, usedAt: file.usedAt - 1_000 }), false);
    assert.equal(await store.remove(file), true);
    assert.equal(await store.remove(file), true, 'once more is no fault');
    assert.deepEqual(await readdir(mirrors), [], 'nothing of it is left');
    const again = await git.fetch({ url, ref: 'main' });
    assert.equal(again.head, commit);
    assert.equal((await again.readFile(commit, 'file', 100))?.toString(), 'content');
  }));

test('logs are found in their folder, strangers’ files are not; an absent folder is an empty one', () =>
  withReleasers(async (releasers) => {
    const folder = join(await temporary(releasers), 'logs');
    const store = logFiles(folder);
    assert.deepEqual(await store.files(), []);
    await mkdir(join(folder, 'x.1.log'), { recursive: true });
    await writeFile(join(folder, 'a.1.log'), '12345');
    await writeFile(join(folder, 'notes.txt'), 'mine');
    const [file, ...more] = await store.files();
    assert.deepEqual([file?.name, file?.bytes, more], ['a.1.log', 5, []]);
    assert.ok(file !== undefined);
    assert.equal(await store.remove({ ...file, usedAt: file.usedAt - 1_000 }), false, 'it was written since');
    assert.equal(await store.remove(file), true);
    assert.equal(await store.remove(file), true);
    assert.deepEqual((await readdir(folder)).sort(), ['notes.txt', 'x.1.log']);
  }));

test('however many logs there are, few of them are asked for at a time', () =>
  withReleasers(async (releasers) => {
    const folder = await temporary(releasers);
    for (let n = 0; n < 500; n += 1) await writeFile(join(folder, `build-${n}.1.log`), '');
    const looked = logFiles(folder).files();
    let most = 0;
    for (let files: readonly unknown[] | null = null; files === null; files = await Promise.race([looked, turn(null)]))
      most = Math.max(most, process.getActiveResourcesInfo().filter((what) => what === 'FSReqPromise').length);
    assert.equal((await looked).length, 500);
    assert.ok(most > 0 && most < 5, `${most} at a time`);
  }));

async function mirrored(releasers: Releasers) {
  const repo = await makeGitRepo();
  releasers.push('the repository', () => repo.remove());
  const commit = await repo.commit({ file: 'content', large: randomBytes(20_000) });
  const mirrors = join(await temporary(releasers), 'mirrors');
  const access = [{ pattern: `${repo.folder}/{repo}`, tokenFile: null, user: null, privateAddress: false }];
  const git: Git = openGit({ mirrors, access });
  releasers.push('git', () => git.close());
  const url = repo.bare;
  await git.fetch({ url, ref: 'main' });
  return { git, mirrors, url, commit, store: mirrorFolder(mirrors) };
}
