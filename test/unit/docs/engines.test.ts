import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const ROOT = new URL('../../../', import.meta.url);
const CONTRACT = 'test/integration/builder/engines.test.ts';
const read = (path: string): Promise<string> => readFile(new URL(path, ROOT), 'utf8');

/** For a cell that says that the engine does not enforce it. */
const NOT = /^not /;

interface Titles {
  readonly docker: ReadonlySet<string>;
  readonly podman: ReadonlySet<string>;
}

/** The titles of a file's tests by engine: those in an `if (kind === 'docker')` are not of Podman, those in its `else` not of Docker. */
function titlesOf(text: string): Titles {
  const titles = { docker: new Set<string>(), podman: new Set<string>() };
  let only: { readonly kind: 'docker' | 'podman'; readonly indent: string } | null = null;
  for (const line of text.split('\n')) {
    const indent = /^ */.exec(line)?.[0] ?? '';
    if (only !== null && line.trim() !== '' && indent.length <= only.indent.length && !/^\s*\} else \{/.test(line))
      only = null;
    if (/^\s*if \(kind === 'docker'\)/.test(line)) only = { kind: 'docker', indent };
    else if (/^\s*\} else \{/.test(line) && only !== null) only = { kind: 'podman', indent };
    const title = /^\s*(?:test|it)\((?:'([^']+)'|"([^"]+)")/.exec(line);
    if (title === null) continue;
    for (const kind of ['docker', 'podman'] as const)
      if (only === null || only.kind === kind) titles[kind].add(title[1] ?? title[2] ?? '');
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
  for (const [what = '', docker = '', podman = '', shown = ''] of rows) {
    const names = [...shown.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    const titles = titlesOf(await read(names.find((name) => name.startsWith('test/')) ?? CONTRACT));
    const named = names.filter((name) => !name.startsWith('test/'));
    for (const name of named)
      assert.ok(titles.docker.has(name) || titles.podman.has(name), `${what}: no test is called “${name}”`);
    for (const [kind, cell] of [
      ['docker', docker],
      ['podman', podman],
    ] as const) {
      assert.notEqual(cell, '', what);
      if (!NOT.test(cell))
        assert.ok(
          named.some((name) => titles[kind].has(name)),
          `${what} has no test on ${kind}`,
        );
    }
  }
});
