import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { LogFolder } from '../../../src/builder/adapters/log-folder.js';

const FILES = 500;
const DAY_MS = 86_400_000;
const PATIENCE_MS = 30_000;

/** What the process asks of its file systems just now. */
function asked(): number {
  return process.getActiveResourcesInfo().filter((what) => what === 'FSReqPromise').length;
}

test('however many old logs there are, few of them are asked for at a time', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'layerwright-logs-'));
  try {
    const names = Array.from({ length: FILES }, (_, n) => `build-${n}.1.log`);
    for (const name of [...names, 'young.1.log']) await writeFile(join(folder, name), 'a line\n');
    const old = new Date(Date.now() - 2 * DAY_MS);
    for (const name of names) await utimes(join(folder, name), old, old);

    new LogFolder(folder, FILES * 100, DAY_MS).begin('another.1.log');
    const deadline = performance.now() + PATIENCE_MS;
    let most = 0;
    for (let left = FILES; left > 0 && performance.now() < deadline; ) {
      for (let look = 0; look < 50; look += 1) {
        most = Math.max(most, asked());
        await turn();
      }
      left = (await readdir(folder)).length - 1;
    }
    assert.deepEqual(await readdir(folder), ['young.1.log']);
    assert.ok(most > 0 && most < 5, `${most} at a time`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
