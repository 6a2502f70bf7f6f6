/**
 * Runs the benches one after the other and prints their rows. A module of this folder takes part by exporting one
 * function whose name ends with `Rows`. Started by `npm run bench`, which gives the services as tests get them
 * (`test/support/services.ts`).
 */
import { readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { Row } from './figures.js';

interface Bench {
  readonly name: string;
  readonly rows: () => Promise<readonly Row[]>;
}

const folder = fileURLToPath(new URL('.', import.meta.url));
const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
const names = (await readdir(folder))
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((name) => positionals.length === 0 || positionals.includes(name))
  .sort();

const rows: Row[] = [];
for (const name of names) {
  const bench = await load(name);
  if (bench === null) continue;
  process.stderr.write(`measuring ${name} …\n`);
  rows.push(...(await bench.rows()));
}
process.stdout.write(`${tableOf(rows)}\n`);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ rows: rows.map(plain) }, null, 2)}\n`);
// Something that a bench left open must not keep the process; what it measured is written.
process.exit(rows.length > 0 && rows.every(({ ok }) => ok) ? 0 : 1);

/** Null for a module that measures nothing itself. */
async function load(name: string): Promise<Bench | null> {
  const exports = (await import(new URL(`${name}.ts`, import.meta.url).href)) as Record<string, unknown>;
  const found = Object.entries(exports).find(([key, value]) => key.endsWith('Rows') && typeof value === 'function');
  return found === undefined ? null : { name, rows: found[1] as Bench['rows'] };
}

function plain({ id, value, unit, limit, ok }: Row): Row {
  return { id, value, unit, limit, ok };
}

function tableOf(all: readonly Row[]): string {
  const table = new Table({ head: ['figure', 'value', 'unit', 'limit', ''], style: { head: [], border: [] } });
  for (const { id, value, unit, limit, ok } of all) {
    table.push([id, figure(value), unit, limit === null ? '' : figure(limit), ok ? 'ok' : 'NOT REACHED']);
  }
  return table.toString();
}

/** Three digits that matter. */
function figure(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
