import type { ChildProcess } from 'node:child_process';

/** A program of ours that is idle does not keep our process alive; one in use does. */
export function holdChild(child: ChildProcess, held: boolean): void {
  for (const part of [child, child.stdin, child.stdout, child.stderr]) {
    const handle = part as { ref?: () => void; unref?: () => void } | null;
    if (held) handle?.ref?.();
    else handle?.unref?.();
  }
}
