/** What a dockerd of a test's own leaves behind when it is killed. All that it has is below one folder. */
import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './until.js';

/** A new daemon that still sees the old one's containerd waits for it, in vain. */
export async function containerdEnded(execRoot: string): Promise<void> {
  const pid = Number(await readFile(join(execRoot, 'containerd/containerd.pid'), 'utf8').catch(() => '0'));
  await until("the old daemon's containerd has ended", () => pid === 0 || !isAlive(pid));
}

/** Ends shims, which have the folder in their arguments, and takes the mounts below it away. */
export async function clearDaemon(folder: string): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(`${folder}/`) && Number(pid) !== process.pid && isAlive(Number(pid)))
      process.kill(Number(pid), 'SIGKILL');
  }
  const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse())
    spawnSync('umount', ['--lazy', mount]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
