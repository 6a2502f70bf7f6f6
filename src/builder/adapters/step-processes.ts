/** Ends steps that an engine on this machine has left running. */
import { readdir, readFile } from 'node:fs/promises';
import { pause } from '../../runtime/clock.js';

/** Milliseconds that ending them may take. */
const END_MS = 5_000;
const LOOK_AGAIN_MS = 50;

/**
 * Kills every process of a control group, again until none has been seen for `quietMs`: an engine that lost its client may be
 * about to begin a step. Where the engine is on another machine, or its processes are not ours to end, it does nothing.
 */
export async function endStepProcesses(group: string, quietMs: number): Promise<void> {
  const deadline = performance.now() + END_MS;
  let seen = performance.now();
  for (;;) {
    const pids = await processesOf(group);
    if (pids.filter(kill).length > 0) seen = performance.now();
    const now = performance.now();
    if (now - seen >= quietMs || now >= deadline) return;
    await pause(LOOK_AGAIN_MS);
  }
}

/** Processes whose control group is `group`, or below it, in any hierarchy (cgroups(7): `id:controllers:path` a line). */
async function processesOf(group: string): Promise<readonly number[]> {
  const names = await readdir('/proc').catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (pid) => {
        const text = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
        return text.split('\n').some((line) => line.split(':').at(-1)?.split('/').includes(group)) ? [Number(pid)] : [];
      }),
  );
  return found.flat();
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false; // Gone by itself, or not ours to end.
  }
}
