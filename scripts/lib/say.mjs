// What a script tells a person: plain lines, colours only on a terminal.

/** A fault that a person can act on: printed as it is, without a stack. */
export class Fault extends Error {
  /**
   * @param {string} message one sentence
   * @param {number} exitCode
   * @param {readonly string[]} [commands] what to type to put it right
   */
  constructor(message, exitCode, commands = []) {
    super(message);
    this.exitCode = exitCode;
    this.commands = commands;
  }
}

/** @param {NodeJS.WriteStream} [stream] */
export function palette(stream = process.stdout) {
  const on = stream.isTTY === true && process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb';
  const paint = (/** @type {number} */ code) => (/** @type {string} */ text) =>
    on ? `\u001b[${code}m${text}\u001b[0m` : text;
  return { bold: paint(1), dim: paint(2), red: paint(31), green: paint(32), yellow: paint(33), blue: paint(36) };
}

/** @param {string} line */
export function say(line) {
  process.stdout.write(`${line}\n`);
}

/**
 * Says why and what before it is done.
 * @param {string} line
 */
export function step(line) {
  say(`${palette().blue('→')} ${line}`);
}

/** @param {unknown} error */
export function sayFault(error) {
  const colours = palette(process.stderr);
  if (!(error instanceof Fault)) {
    process.stderr.write(`${colours.red('✗')} ${error instanceof Error ? error.stack : String(error)}\n`);
    return;
  }
  process.stderr.write(`${colours.red('✗')} ${error.message}\n`);
  for (const command of error.commands) process.stderr.write(`    ${command}\n`);
}

/**
 * Seconds with one digit under ten: `0.4 s`, `12 s`.
 * @param {number} ms
 */
export function seconds(ms) {
  return ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}
