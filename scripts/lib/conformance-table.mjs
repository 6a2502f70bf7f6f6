// The table of `npm test`: what each engine of the bus does in each case of the conformance suite.
import { palette } from './say.mjs';

/** Suites of the conformance suite are called `bus ENGINE: PART`. */
const SUITE = /^bus (\w+): (.+)$/;

/** Columns in this order; engines that it does not know come after. */
const ENGINES = ['embedded', 'amqp', 'nats'];

/** @typedef {'passed' | 'failed' | 'skipped'} Result */

/**
 * The table as text: a row a case, a column an engine; empty without results of the suite. A case that an engine does not
 * have (`–`) is not the same as one that was skipped (`s`).
 * @param {readonly { result: Result, name: string, suite?: string }[]} rows
 */
export function conformanceTable(rows) {
  /** @type {Map<string, Map<string, Map<string, Result>>>} part → case → engine → result */
  const parts = new Map();
  /** @type {Set<string>} */
  const engines = new Set();
  /** Suites that were skipped whole: their cases are not known then. @type {Set<string>} */
  const skipped = new Set();
  for (const { result, name, suite } of rows) {
    const [, engine = '', part = ''] = SUITE.exec(suite ?? name) ?? [];
    if (engine === '') continue;
    engines.add(engine);
    if (suite === undefined) {
      skipped.add(`${engine} ${part}`);
      continue;
    }
    const cases = parts.get(part) ?? new Map();
    parts.set(part, cases);
    cases.set(name, (cases.get(name) ?? new Map()).set(engine, result));
  }
  if (parts.size === 0) return '';
  const whole = (/** @type {string} */ engine, /** @type {string} */ part) =>
    skipped.has(`${engine} ${part}`) ? /** @type {Result} */ ('skipped') : undefined;
  const columns = [...engines].sort((a, b) => place(a) - place(b));
  const widest = Math.max(...[...parts.values()].flatMap((cases) => [...cases.keys()].map((name) => name.length)));
  const { bold, dim } = palette();
  const lines = [`${' '.repeat(widest + 4)}${columns.join('  ')}`];
  for (const [part, cases] of parts) {
    lines.push(bold(part));
    for (const [name, results] of cases) {
      const cells = columns.map((engine) => mark(results.get(engine) ?? whole(engine, part), engine.length));
      lines.push(`  ${name.padEnd(widest)}  ${cells.join('  ')}`.trimEnd());
    }
  }
  lines.push(dim('✓ passed  ✗ failed  s skipped  – not a case of this engine'));
  return lines.join('\n');
}

/** @param {string} engine */
function place(engine) {
  const index = ENGINES.indexOf(engine);
  return index === -1 ? ENGINES.length : index;
}

/**
 * @param {Result | undefined} result
 * @param {number} width
 */
function mark(result, width) {
  const { dim, green, red, yellow } = palette();
  if (result === 'passed') return green(centred('✓', width));
  if (result === 'failed') return red(centred('✗', width));
  return result === 'skipped' ? yellow(centred('s', width)) : dim(centred('–', width));
}

/**
 * @param {string} text
 * @param {number} width
 */
function centred(text, width) {
  const left = Math.floor((width - text.length) / 2);
  return `${' '.repeat(left)}${text}`.padEnd(width);
}
