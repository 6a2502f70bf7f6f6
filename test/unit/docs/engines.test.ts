import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const ROOT = new URL('../../../', import.meta.url);
const CONTRACT = 'test/integration/builder/engines.test.ts';
const read = (path: string): Promise<string> => readFile(new URL(path, ROOT), 'utf8');

/** For a cell that says that the engine does not enforce it. */
const NOT = /^not /;

const COLUMNS = ['docker', 'podman', 'rootless'] as const;
type Column = (typeof COLUMNS)[number];

/** The conditions around tests that are not of all engines. */
const CONDITIONS: Readonly<Record<string, readonly Column[]>> = {
  "if (kind === 'docker')": ['docker'],
  "if (kind === 'podman' && limits)": ['podman'],
  'if (limits)': ['docker', 'podman'],
  'if (!limits)': ['rootless'],
};

/** The titles of a file's tests by engine; one that ends with `(${name})` is a test of each. */
function titlesOf(text: string): Readonly<Record<Column, ReadonlySet<string>>> {
  const titles = { docker: new Set<string>(), podman: new Set<string>(), rootless: new Set<string>() };
  let only: { readonly columns: readonly Column[]; readonly indent: number } | null = null;
  for (const line of text.split('\n')) {
    const indent = line.length - line.trimStart().length;
    if (only !== null && line.trim() !== '' && indent <= only.indent) only = null;
    const columns = CONDITIONS[line.trim().replace(/ \{$/, '')];
    if (columns !== undefined) only = { columns, indent };
    const title = /^\s*(?:test|it)\((?:'([^']+)'|"([^"]+)"|`([^`$]+) \(\$\{name\}\)`)/.exec(line);
    if (title === null) continue;
    for (const column of only?.columns ?? COLUMNS) titles[column].add(title[1] ?? title[2] ?? title[3] ?? '');
  }
  return titles;
}

test('each cell of docs/engines.md that says that something is enforced names a test of that engine', async () => {
  const page = await read('docs/engines.md');
  const rows = page
    .slice(page.indexOf('## What each enforces'))
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| what |') && !line.startsWith('| --- |'))
    .map((line) =>
      line
        .slice(1, -1)
        .split(' | ')
        .map((cell) => cell.trim()),
    );
  assert.ok(rows.length >= 15);
  for (const [what = '', ...cells] of rows) {
    const names = [...(cells.pop() ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    const files = names.filter((name) => name.startsWith('test/'));
    const titles = titlesOf((await Promise.all((files.length === 0 ? [CONTRACT] : files).map(read))).join('\n'));
    const named = names.filter((name) => !name.startsWith('test/'));
    for (const name of named)
      assert.ok(
        COLUMNS.some((column) => titles[column].has(name)),
        `${what}: no test is called “${name}”`,
      );
    assert.equal(cells.length, COLUMNS.length, what);
    for (const [index, column] of COLUMNS.entries()) {
      const cell = cells[index] ?? '';
      assert.notEqual(cell, '', what);
      if (!NOT.test(cell))
        assert.ok(
          named.some((name) => titles[column].has(name)),
          `${what} has no test on ${column}`,
        );
    }
  }
});
