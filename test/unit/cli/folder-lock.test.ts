import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type LockSystem, lockFolder } from '../../../src/cli/folder-lock.js';
import { birthOf } from '../../../src/cli/process-birth.js';

const NOW = new Date('2026-11-23T10:00:00Z');

/** A system in which these processes live. */
function system(pid: number, births: Readonly<Record<number, string>>, host = 'here'): LockSystem {
  return { pid, host, now: () => NOW, birthOf: (asked) => births[asked] ?? null };
}

describe('the lock of a folder', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lw-lock-'));
    path = join(folder, 'state', 'up.lock');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is refused to a second process, which is told who has it', () => {
    const lock = lockFolder(path, system(10, { 10: 'a' }));
    assert.throws(() => lockFolder(path, system(11, { 10: 'a', 11: 'b' })), {
      code: 'folder_in_use',
      message: `${join(folder, 'state')} is in use by another \`layerwright up\`: pid 10 on here, since ${NOW.toISOString()}`,
    });
    lock.release();
    assert.equal(existsSync(path), false);
  });

  it('is free again when its holder has let go', async () => {
    lockFolder(path, system(10, { 10: 'a' })).release();
    lockFolder(path, system(11, { 11: 'b' })).release();
    assert.deepEqual(await readdir(join(folder, 'state')), []);
  });

  it('is taken over from a dead process', () => {
    lockFolder(path, system(10, { 10: 'a' }));
    const lock = lockFolder(path, system(11, { 11: 'b' }));
    assert.equal(lock.owner.pid, 11);
    lock.release();
  });

  it('is taken over when another process has the pid of the dead one now', () => {
    lockFolder(path, system(10, { 10: 'a' }));
    lockFolder(path, system(11, { 10: 'later', 11: 'b' })).release();
  });

  it('is taken over by a process that has the pid of the dead one itself, as in a container', () => {
    lockFolder(path, system(1, { 1: 'a' }));
    lockFolder(path, system(1, { 1: 'b' })).release();
  });

  it('is kept by a process of another host that touches it, and taken over when it does not', async () => {
    lockFolder(path, system(10, {}, 'there'));
    await utimes(path, NOW, new Date(NOW.getTime() - 5_000));
    assert.throws(() => lockFolder(path, system(11, { 11: 'b' })), { code: 'folder_in_use' });
    await utimes(path, NOW, new Date(NOW.getTime() - 60_000));
    lockFolder(path, system(11, { 11: 'b' })).release();
  });

  it('is not kept by a process of another host that touched it before the clock was set back', async () => {
    lockFolder(path, system(10, {}, 'there'));
    await utimes(path, NOW, new Date(NOW.getTime() + 3_600_000));
    lockFolder(path, system(11, { 11: 'b' })).release();
  });

  it('is taken over when the file holds no lock', async () => {
    lockFolder(path, system(10, { 10: 'a' })).release();
    await writeFile(path, 'half writ');
    lockFolder(path, system(11, { 11: 'b' })).release();
  });

  it('is not taken from a later holder by the release of an earlier one', () => {
    const first = lockFolder(path, system(10, { 10: 'a' }));
    const second = lockFolder(path, system(11, { 11: 'b' }));
    first.release();
    assert.equal(existsSync(path), true);
    second.release();
  });
});

describe('the birth of a process', () => {
  it('is the same whenever it is asked for, and none where no process is', () => {
    assert.notEqual(birthOf(process.pid), null);
    assert.equal(birthOf(process.pid), birthOf(process.pid));
    assert.equal(birthOf(2 ** 22 + 1), null);
  });
});
