// Commands that are run to their end.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { atEnd } from './processes.mjs';

/**
 * @typedef {object} Ended
 * @property {number} code 127 when the program is not there, 128 + n for a signal
 * @property {string} stdout
 * @property {string} stderr
 */

/**
 * Runs a program without a shell and collects what it writes.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: string, inherit?: boolean, ownEnd?: boolean }} [options]
 *   `inherit`: it writes to our own output; `ownEnd`: it has things to take down itself, and is told and waited for when the script is ended
 * @returns {Promise<Ended>}
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const output = options.inherit === true ? 'inherit' : 'pipe';
    /** @type {import('node:child_process').SpawnOptions} */
    const how = {
      env: options.env ?? process.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', output, output],
    };
    if (options.cwd !== undefined) how.cwd = options.cwd;
    // A group of its own: Ctrl-C reaches the script alone, which then tells it once.
    if (options.ownEnd === true) how.detached = true;
    const child = spawn(command, args, how);
    if (options.ownEnd === true) endWithScript(child);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', (error) => resolve({ code: 127, stdout, stderr: `${stderr}${error.message}\n` }));
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === null ? 1 : 128 + 15), stdout, stderr }));
    if (options.input !== undefined) {
      child.stdin?.on('error', () => {}); // A program that ends without reading is judged by its exit code.
      child.stdin?.end(options.input);
    }
  });
}

/** @param {import('node:child_process').ChildProcess} child */
function endWithScript(child) {
  const gone = new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  atEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await gone;
  });
}

/**
 * As `run`, but an end other than 0 is an error with the program's own words.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 */
export async function must(command, args, options) {
  const ended = await run(command, args, options);
  if (ended.code !== 0) {
    const words = (ended.stderr || ended.stdout).trim().split('\n').slice(-15).join('\n');
    throw new Error(`${command} ${args.join(' ')} ended with ${ended.code}${words === '' ? '' : `:\n${words}`}`);
  }
  return ended;
}

/** Folders where system programs live that an ordinary user's PATH may leave out. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];

/**
 * The path of a program, or null.
 * @param {string} name
 * @param {readonly string[]} [first] folders looked at before PATH
 */
export function findProgram(name, first = []) {
  const folders = [...first, ...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS];
  for (const folder of folders) {
    if (folder === '') continue;
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not here: the next folder.
    }
  }
  return null;
}

export function isRoot() {
  return process.getuid?.() === 0;
}
