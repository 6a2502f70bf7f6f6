import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { ServiceError } from '../kernel/service-error.js';
import { holdChild, ProgramEnded } from './pool.js';

export interface GitRun {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Longer output ends the run with `internal`. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface GitOutcome {
  /** Exit code; more than 128 when a signal ended it, as shells say it. */
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const MAX_OUTPUT = 67_108_864;
const MAX_STDERR = 65_536;
/** Between asking a process group to end (git takes its lock files away then) and killing it. */
const GRACE_MS = 2_000;
/** Bytes of the line with a mark, at most: two line ends, a UUID, a blank and a code. */
const MAX_MARK = 64;
/** A shell says so of a program that is not there (POSIX, "Exit Status for Commands"). */
const NOT_FOUND = 127;

/** A shell that runs git for us, one command at a time, and stays (docs/decisions/0019). */
export class Shell {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Set when no command may follow: it is gone, or it has been told to go. */
  ended = false;

  /** `path`: where programs are found. */
  constructor(path: string | undefined) {
    // A group of its own: git and its helpers end with it. Nobody's folder: no repository's configuration is found by chance.
    const env = path === undefined ? {} : { PATH: path };
    this.#child = spawn('sh', [], { cwd: '/', env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdin.on('error', () => undefined);
    const gone = (): void => {
      this.ended = true;
    };
    this.#child.once('error', gone);
    this.#child.once('exit', gone);
  }

  hold(held: boolean): void {
    holdChild(this.#child, held);
  }

  /** It ends when it has done what it does. */
  end(): void {
    this.ended = true;
    this.#child.stdin.end();
  }

  /** Throws `source_unavailable` on a time-out, the signal's reason when that ends, `internal` without git, `ProgramEnded`. */
  run({ args, env, timeoutMs, maxBytes = MAX_OUTPUT, signal }: GitRun): Promise<GitOutcome> {
    const child = this.#child;
    const mark = randomUUID();
    const [stdout, stderr] = [new Collected(mark, maxBytes), new Collected(mark, MAX_STDERR)];
    return new Promise((resolve, reject) => {
      let why: unknown = null;
      const stop = (reason: unknown): void => {
        why ??= reason;
        this.ended = true;
        stopGroup(child.pid);
      };
      const timer = setTimeout(() => stop(timeoutFault(timeoutMs)), timeoutMs);
      const aborted = (): void => stop(signal?.reason);
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
        child.stdout.off('data', onOut);
        child.stderr.off('data', onErr);
        child.off('error', onError);
        child.off('close', onClose);
        finish();
      };
      const settled = (): void => {
        if (stdout.end === null || stderr.end === null) return;
        const outcome = { code: Number(stdout.end), stdout: stdout.bytes(), stderr: stderr.bytes().toString('utf8') };
        settle(() => {
          if (why !== null) reject(why);
          else if (outcome.code === NOT_FOUND) reject(noGit(outcome.stderr));
          else resolve(outcome);
        });
      };
      const onOut = (chunk: Buffer): void => {
        stdout.add(chunk);
        if (stdout.tooLong) stop(new ServiceError('internal', `git gave more than ${maxBytes} bytes of output.`));
        settled();
      };
      const onErr = (chunk: Buffer): void => {
        stderr.add(chunk);
        settled();
      };
      const onError = (cause: unknown): void => settle(() => reject(noGit(cause)));
      const onClose = (): void => settle(() => reject(why ?? new ProgramEnded('')));
      child.stdout.on('data', onOut);
      child.stderr.on('data', onErr);
      child.once('error', onError);
      child.once('close', onClose);
      signal?.addEventListener('abort', aborted, { once: true });
      child.stdin.write(scriptOf(args, env, mark));
    });
  }
}

/** What comes of a command, up to the line with the mark; what follows that on the line is `end`. */
class Collected {
  readonly #mark: string;
  readonly #most: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  /** The last bytes of all, which may hold the line of the mark. */
  #tail: Buffer = Buffer.alloc(0);
  tooLong = false;
  end: string | null = null;

  constructor(mark: string, most: number) {
    this.#mark = `\n${mark} `;
    this.#most = most;
  }

  add(chunk: Buffer): void {
    this.#bytes += chunk.length;
    this.tooLong = this.#bytes > this.#most + MAX_MARK;
    if (!this.tooLong) this.#chunks.push(chunk);
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-MAX_MARK)]).subarray(-MAX_MARK);
    const line = this.#tail.toString('latin1');
    const at = line.lastIndexOf(this.#mark);
    if (at !== -1 && line.endsWith('\n')) this.end = line.slice(at + this.#mark.length, -1);
  }

  bytes(): Buffer {
    const all = Buffer.concat(this.#chunks);
    const at = all.lastIndexOf(this.#mark, undefined, 'latin1');
    return at === -1 ? all : all.subarray(0, at);
  }
}

/** All that varies is quoted. It comes by the shell's input: arguments are seen by all, and `env` may hold a secret. */
function scriptOf(args: readonly string[], env: NodeJS.ProcessEnv, mark: string): string {
  const set = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${quoted(value)}`]));
  const command = [...set, 'git', ...args.map(quoted)].join(' ');
  return `${command} </dev/null; printf '\\n${mark} %d\\n' $?; printf '\\n${mark} \\n' >&2\n`;
}

function quoted(text: string): string {
  if (text.includes('\0')) throw new ServiceError('internal', 'git was to be given a zero byte.');
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Asks a process group to end, and makes it a little later. */
function stopGroup(group: number | undefined): void {
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

function noGit(cause: unknown): ServiceError {
  return new ServiceError('internal', 'git can’t be run; install it.', { cause });
}
