import { readFileSync } from 'node:fs';

/**
 * What tells a process from a later one with the same pid: the boot and the tick at which it began (proc(5), stat,
 * field 22). `''` when the process lives and the system can't tell more; null when there is none.
 */
export function birthOf(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0] ?? '';
    if (state === 'Z' || state === 'X') return null;
    return `${boot}:${fields[19] ?? ''}`;
  } catch {
    return answersSignals(pid) ? '' : null;
  }
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
