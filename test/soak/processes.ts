/** Processes as /proc has them: who is whose child, what they hold. Linux alone. */
import { readdir, readFile } from 'node:fs/promises';

export interface ProcessSample {
  readonly pid: number;
  readonly parent: number;
  /** As `dockerd`; the service's is `node`. */
  readonly name: string;
  readonly command: string;
}

export interface Held {
  /** Resident memory in units of 1,000,000 bytes. */
  readonly rssMb: number;
  /** Open files, sockets and pipes. */
  readonly handles: number;
}

export async function allProcesses(): Promise<readonly ProcessSample[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => processOf(Number(pid)).catch(() => null)));
  // A process may end while it is looked at.
  return found.filter((one) => one !== null);
}

async function processOf(pid: number): Promise<ProcessSample> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const close = stat.lastIndexOf(')');
  const [state, parent] = stat.slice(close + 2).split(' ');
  if (state === 'Z') throw new Error('it has ended');
  const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
  return { pid, parent: Number(parent), name: stat.slice(stat.indexOf('(') + 1, close), command };
}

/** Children of a process, their children and so on. */
export function descendants(all: readonly ProcessSample[], of: number): readonly ProcessSample[] {
  const children = all.filter(({ parent }) => parent === of);
  return children.flatMap((child) => [child, ...descendants(all, child.pid)]);
}

/** Null when it has ended. */
export async function heldBy(pid: number): Promise<Held | null> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return { rssMb: megabytesOf(status, 'VmRSS') ?? 0, handles: (await readdir(`/proc/${pid}/fd`)).length };
  } catch {
    return null;
  }
}

/** What is resident of a process, in units of 1,000,000 bytes: its own memory, and what it maps of files. */
export async function residentParts(pid: number): Promise<{ readonly anonymousMb: number; readonly filesMb: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const megabytes = (name: string): number => megabytesOf(status, name) ?? Number.NaN;
  return { anonymousMb: megabytes('RssAnon'), filesMb: megabytes('RssFile') + megabytes('RssShmem') };
}

/** A line of /proc/PID/status, proc(5); null when it is not there. */
function megabytesOf(status: string, name: string): number | null {
  const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  return kilobytes === undefined ? null : (Number(kilobytes) * 1_024) / 1_000_000;
}
