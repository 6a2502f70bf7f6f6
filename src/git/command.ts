import { spawn } from 'node:child_process';
import { ServiceError } from '../kernel/service-error.js';

export interface GitRun {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Longer output ends the run with `internal`. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface GitOutcome {
  /** Exit code; -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const MAX_OUTPUT = 67_108_864;
const MAX_STDERR = 65_536;
/** Between asking a process group to end (git takes its lock files away then) and killing it. */
const GRACE_MS = 2_000;

/** Runs git to its end. Throws `source_unavailable` on a time-out, the signal's reason when that ends, `internal` without git. */
export async function runGit({ args, env, timeoutMs, maxBytes = MAX_OUTPUT, signal }: GitRun): Promise<GitOutcome> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    // A group of its own: git's helpers end with it. Nobody's folder: no repository's configuration is found by chance.
    const child = spawn('git', args, { cwd: '/', env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    let [bytes, stderr] = [0, ''];
    let ended: unknown = null;
    const end = (reason: unknown): void => {
      ended ??= reason;
      stop(child.pid);
    };
    const timer = setTimeout(() => end(timeoutFault(timeoutMs)), timeoutMs);
    const aborted = (): void => end(signal?.reason);
    signal?.addEventListener('abort', aborted, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) end(new ServiceError('internal', `git gave more than ${maxBytes} bytes of output.`));
      else stdout.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < MAX_STDERR) stderr += chunk.toString('utf8');
    });
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      finish();
    };
    child.once('error', (cause) => settle(() => reject(noGit(cause))));
    child.once('close', (code) =>
      settle(() =>
        ended === null ? resolve({ code: code ?? -1, stdout: Buffer.concat(stdout), stderr }) : reject(ended),
      ),
    );
  });
}

/** Asks a process group to end, and makes it a little later. */
function stop(group: number | undefined): void {
  if (group === undefined) return;
  const send = (name: NodeJS.Signals): void => {
    try {
      process.kill(-group, name);
    } catch {
      // It has ended already.
    }
  };
  send('SIGTERM');
  setTimeout(() => send('SIGKILL'), GRACE_MS).unref();
}

function timeoutFault(ms: number): ServiceError {
  return new ServiceError('source_unavailable', `The git host did not finish within ${ms} ms.`, { away: true });
}

export function noGit(cause: unknown): ServiceError {
  return new ServiceError('internal', 'git can’t be run; install it.', { cause });
}
