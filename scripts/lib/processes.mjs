// Programs that run beside a script and must not outlive it, also when the script itself is killed: each leaves a
// file that names it, and the next run ends what an earlier one left behind.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { EXIT } from './project.mjs';
import { Fault } from './say.mjs';

/** How long a program may take over its own end before it is killed. */
const STOP_MS = 15_000;

/**
 * @typedef {object} Running
 * @property {string} name
 * @property {number} pid
 * @property {string} logFile
 * @property {Promise<number>} ended its exit code
 * @property {() => boolean} alive
 * @property {() => Promise<void>} stop twice is harmless
 * @property {() => Promise<void>} kill ends it as a crash would
 */

/** @type {(() => Promise<void> | void)[]} */
const releases = [];
let hooked = false;
let interrupted = false;
let releasing = /** @type {Promise<void> | null} */ (null);

/**
 * Registers what must be undone when the script ends, however it ends; last in, first out.
 * @param {() => Promise<void> | void} release
 */
export function atEnd(release) {
  releases.push(release);
  if (hooked) return;
  hooked = true;
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      interrupted = true;
      void releaseAll().then(() => process.exit(signal === 'SIGINT' ? 130 : 143));
    });
  }
}

/** True when the script was told to end: what goes wrong from then on is only its end. */
export function isInterrupted() {
  return interrupted;
}

/** Undoes everything; all run, the first error is thrown. Signals that come meanwhile wait for it. */
export function releaseAll() {
  releasing ??= (async () => {
    /** @type {unknown} */
    let first = null;
    for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
      try {
        await release();
      } catch (error) {
        first ??= error;
      }
    }
    releasing = null;
    if (first !== null) throw first;
  })();
  return releasing;
}

/**
 * When a process was started, in clock ticks since boot: with the pid it names one process for ever. Null: no such
 * process (or no /proc, as on macOS, where `ps` tells).
 * @param {number} pid
 */
export function startTime(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null); // proc(5): field 22, of which two are cut off; Z is dead.
  } catch {
    if (process.platform === 'linux') return null;
    try {
      process.kill(pid, 0);
      return 'alive';
    } catch {
      return null;
    }
  }
}

/**
 * Starts a program that belongs to this script.
 * @param {{ name: string, command: string, args: readonly string[], dir: string, env?: NodeJS.ProcessEnv, cwd?: string }} what
 *   `dir`: where its log and its pid file go
 * @returns {Running}
 */
export function start({ name, command, args, dir, env, cwd }) {
  mkdirSync(dir, { recursive: true });
  const logFile = join(dir, `${name}.log`);
  const pidFile = join(dir, `${name}.pid`);
  const log = openSync(logFile, 'w');
  // Its own process group: Ctrl-C reaches the script alone, which then ends its programs in order.
  const child = spawn(command, args, { cwd, env: env ?? process.env, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const pid = child.pid ?? 0;
  const owner = `${process.pid} ${startTime(process.pid) ?? ''}`;
  if (pid !== 0) writeFileSync(pidFile, `${pid} ${startTime(pid) ?? ''} ${owner}\n`);
  /** @type {Promise<number>} */
  const ended = new Promise((resolve) => {
    child.on('error', () => resolve(127));
    child.on('exit', (code) => resolve(code ?? 1));
  });
  let over = pid === 0;
  void ended.then(() => {
    over = true;
    rmSync(pidFile, { force: true });
  });
  const stop = async () => {
    if (over) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  };
  const kill = async () => {
    if (over) return;
    child.kill('SIGKILL');
    await ended;
  };
  atEnd(stop);
  return { name, pid, logFile, ended, alive: () => !over, stop, kill };
}

/**
 * Ends what an earlier run left in `dir`: only processes that are the very ones of the pid files. Throws a `Fault`
 * while the script that started them still runs.
 * @param {string} dir
 * @returns {Promise<string[]>} the names of those ended
 */
export async function endLeftovers(dir) {
  if (!existsSync(dir)) return [];
  const names = [];
  for (const file of readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.name.endsWith('.pid'))) {
    const path = join(dir, file.name);
    const [pid, started, owner, ownerStarted] = readFileSync(path, 'utf8').trim().split(' ');
    if (Number(owner) !== process.pid && isSame(Number(owner), ownerStarted)) {
      throw new Fault(`${dir} is in use by process ${owner}; end that first.`, EXIT.unavailable, [`kill ${owner}`]);
    }
    if (isSame(Number(pid), started)) {
      await end(Number(pid));
      names.push(basename(file.name, '.pid'));
    }
    rmSync(path, { force: true });
  }
  return names;
}

/**
 * @param {number} pid
 * @param {string | undefined} started
 */
export function isSame(pid, started) {
  return Number.isInteger(pid) && pid > 1 && started !== undefined && started !== '' && startTime(pid) === started;
}

/** @param {number} pid */
async function end(pid) {
  const started = startTime(pid);
  const gone = () => startTime(pid) !== started;
  const send = (/** @type {NodeJS.Signals} */ signal) => {
    try {
      process.kill(pid, signal);
    } catch {
      // Already gone.
    }
  };
  send('SIGTERM');
  if (!(await until(gone, STOP_MS))) {
    send('SIGKILL');
    await until(gone, STOP_MS);
  }
}

/**
 * Asks again and again until the answer is yes.
 * @param {() => boolean | Promise<boolean>} condition
 * @param {number} limitMs
 * @param {number} [everyMs]
 */
export async function until(condition, limitMs, everyMs = 25) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Longest line that is quoted from a log. */
const MAX_LINE = 400;

/**
 * The last lines of a log, for a person.
 * @param {string} logFile
 * @param {number} [lines]
 */
export function lastLines(logFile, lines = 8) {
  try {
    const last = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines);
    return last.map((line) => (line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line)).join('\n');
  } catch {
    return '';
  }
}
