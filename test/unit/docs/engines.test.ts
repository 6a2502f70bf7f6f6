import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const ROOT = new URL('../../../', import.meta.url);
const CONTRACT = 'test/integration/builder/engines.test.ts';
const read = (path: string): Promise<string> => readFile(new URL(path, ROOT), 'utf8');

test('each row of docs/engines.md names tests that there are', async () => {
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
    assert.ok(docker !== '' && podman !== '', what);
    const names = [...shown.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    const files = names.filter((name) => name.startsWith('test/'));
    const titles = names.filter((name) => !name.startsWith('test/'));
    assert.ok(titles.length > 0, `${what} has no test`);
    const text = await read(files[0] ?? CONTRACT);
    for (const title of titles)
      assert.ok(text.includes(`'${title}'`) || text.includes(`"${title}"`), `${what}: no test is called “${title}”`);
  }
});
