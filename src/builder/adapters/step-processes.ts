/** Ends steps that an engine on this machine has left running. */
import { readdir, readFile } from 'node:fs/promises';
import { pause } from '../../runtime/clock.js';

/** Milliseconds that ending them may take. */
const END_MS = 5_000;
const LOOK_AGAIN_MS = 50;

/** What the processes of a build's steps, and only those, have in common. */
export type StepMark =
  /** A control group, theirs or above it. */
  | { readonly kind: 'group'; readonly name: string }
  /** A resource limit of a value that nobody else has, by its name in /proc/PID/limits. A process may lower its own. */
  | { readonly kind: 'limit'; readonly name: string; readonly value: number };

/**
 * Kills every process that has a mark, again until none has been seen for `quietMs`: an engine that lost its client may be
 * about to begin a step. Where the engine is on another machine, or its processes are not ours to end, it does nothing.
 */
export async function endStepProcesses(mark: StepMark, quietMs: number): Promise<void> {
  const deadline = performance.now() + END_MS;
  let seen = performance.now();
  for (;;) {
    const pids = await processesOf(mark);
    if (pids.filter(kill).length > 0) seen = performance.now();
    const now = performance.now();
    if (now - seen >= quietMs || now >= deadline) return;
    await pause(LOOK_AGAIN_MS);
  }
}

async function processesOf(mark: StepMark): Promise<readonly number[]> {
  const file = mark.kind === 'group' ? 'cgroup' : 'limits';
  const names = await readdir('/proc').catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (pid) => {
        const text = await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
        return text.split('\n').some((line) => isMarked(line, mark)) ? [Number(pid)] : [];
      }),
  );
  return found.flat();
}

function isMarked(line: string, mark: StepMark): boolean {
  // cgroups(7): `id:controllers:path` a line, one for each hierarchy.
  if (mark.kind === 'group') return (line.split(':').at(-1) ?? '').split('/').includes(mark.name);
  return line.startsWith(`${mark.name} `) && line.split(/\s+/).includes(String(mark.value));
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false; // Gone by itself, or not ours to end.
  }
}
