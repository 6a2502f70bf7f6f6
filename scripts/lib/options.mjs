// What several scripts' arguments have in common.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { EXIT } from './project.mjs';
import { Fault } from './say.mjs';

/**
 * @param {Record<string, unknown>} values
 * @param {string} name
 * @param {number} [digits] the most
 */
export function count(values, name, digits = 9) {
  const text = String(values[name]);
  if (text.length <= digits && /^\d+$/.test(text)) return Number(text);
  throw new Fault(`--${name} is a whole number, not ${JSON.stringify(text)}.`, EXIT.usage);
}

/**
 * A path as whoever called npm means it.
 * @param {string} path
 */
export function fromCaller(path) {
  return resolve(process.env['INIT_CWD'] ?? '.', path);
}

/**
 * Writes a report where `--json` says; without it, nothing.
 * @param {Record<string, unknown>} values
 * @param {object} report
 */
export function writeReport(values, report) {
  if (typeof values['json'] !== 'string') return;
  const file = fromCaller(values['json']);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}
