// What `npm test` prints: one line a test that is done, faults in full at the end; counts go to a file for the script.
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import { inspect } from 'node:util';
import { palette, seconds } from './say.mjs';

/** Tests slower than this show their time. */
const SLOW_MS = 500;
/** What the list at the end has of a fault. */
const REASON_CHARACTERS = 300;

/**
 * A reporter of node:test.
 * @param {AsyncIterable<{ type: string, data: any }>} events
 */
// biome-ignore lint/style/noDefaultExport: node:test takes a reporter as the default export.
export default async function* reporter(events) {
  const colours = palette();
  const counts = new Map();
  // Tests are reported in the order of their files and suites, each begun before what is in it.
  const begun = /** @type {string[]} */ ([]);
  for await (const { type, data } of events) {
    if (type === 'test:stderr' || type === 'test:stdout') {
      if (process.env['LAYERWRIGHT_TEST_OUTPUT'] !== undefined) yield data.message;
      continue;
    }
    if (type === 'test:start') begun.splice(data.nesting, Number.POSITIVE_INFINITY, data.name);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const result = judge(type, data);
    if (result === null) continue;
    const file = data.file === undefined ? '' : relative(process.cwd(), data.file);
    const count = counts.get(file) ?? { passed: 0, failed: 0, skipped: 0, ms: 0 };
    counts.set(file, count);
    count[result] += 1;
    const suite = data.nesting > 0 ? begun[data.nesting - 1] : undefined;
    const why = result === 'failed' ? reason(data.details?.error) : data.skip || data.todo;
    record({ result, file, name: data.name, suite, why: typeof why === 'string' ? why : '' });
    const time = data.details?.duration_ms ?? 0;
    const slow = time > SLOW_MS ? colours.dim(` ${seconds(time)}`) : '';
    if (result === 'passed') yield `${colours.green('✓')} ${colours.dim(file)} ${data.name}${slow}\n`;
    if (result === 'skipped') yield `${colours.yellow('-')} ${colours.dim(file)} ${data.name}\n`;
    if (result === 'failed')
      yield `${colours.red('✗')} ${file}:${data.line ?? ''} ${data.name}${slow}\n${words(data.details?.error)}\n`;
  }
}

/**
 * What an event counts as. Suites, files and parents of subtests count only when they themselves went wrong.
 * @param {string} type
 * @param {any} data
 * @returns {'passed' | 'failed' | 'skipped' | null}
 */
function judge(type, data) {
  const isSuite = data.details?.type === 'suite';
  if (type === 'test:fail') {
    if (data.todo !== undefined && data.todo !== false) return 'skipped';
    return data.details?.error?.failureType === 'subtestsFailed' ? null : 'failed';
  }
  if (data.skip !== undefined && data.skip !== false) return 'skipped';
  if (data.todo !== undefined && data.todo !== false) return 'skipped';
  return isSuite || data.name === data.file ? null : 'passed';
}

/**
 * The head of a fault on one line, for the list at the end.
 * @param {any} error
 */
function reason(error) {
  const cause = error?.cause ?? error;
  const text = cause instanceof Error ? cause.message : typeof cause === 'string' ? cause : inspect(cause);
  return text.replace(/\s+/g, ' ').trim().slice(0, REASON_CHARACTERS);
}

/** @param {any} error */
function words(error) {
  const cause = error?.cause ?? error;
  const text =
    cause instanceof Error ? (cause.stack ?? cause.message) : typeof cause === 'string' ? cause : inspect(cause);
  const diff = cause?.code === 'ERR_ASSERTION' && !text.includes(cause.message) ? `${cause.message}\n` : '';
  return `${diff}${text}`
    .split('\n')
    .filter((line) => !line.includes('node:internal/'))
    .slice(0, 60)
    .map((line) => `    ${line}`)
    .join('\n');
}

/** @param {unknown} row */
function record(row) {
  const file = process.env['LAYERWRIGHT_TEST_RESULTS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row)}\n`);
}
