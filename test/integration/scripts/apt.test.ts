import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasApt } from '../../../scripts/lib/apt.mjs';

const APT = new URL('../../../scripts/lib/apt.mjs', import.meta.url).href;
/** One that is seldom installed, small, and stands on nothing. */
const PACKAGE = 'busybox-static';
/** More than any system gives. */
const NO_PID = 999_999_999;
const skip = hasApt() ? false : 'programs are unpacked where apt is: on Debian, npm test';

/** A run that fetches the package; its exit code. */
async function fetched(into: string): Promise<number | null> {
  const script = `const { unpackPackages } = await import('${APT}'); await unpackPackages(['${PACKAGE}'], process.argv[1]);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, into], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

test('two runs that fetch a program at the same time both have it, and leave nothing else', { skip }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lw-apt-'));
  try {
    const into = join(folder, 'busybox');
    // Of a run that was killed, and of a person who began by hand.
    mkdirSync(`${into}.${NO_PID}`);
    mkdirSync(into);
    writeFileSync(join(into, 'half'), '');

    assert.deepEqual(await Promise.all([fetched(into), fetched(into)]), [0, 0]);

    assert.deepEqual(readdirSync(folder), ['busybox']);
    assert.ok(existsSync(join(into, 'bin/busybox')) || existsSync(join(into, 'usr/bin/busybox')));
    assert.ok(!existsSync(join(into, 'half')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
