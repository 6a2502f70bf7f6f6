import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

function check(root: string): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/generate.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

test('the generated types and schemas are those of schemas/messages', () => {
  assert.deepEqual(check(ROOT), { status: 0, output: 'generated files are up to date\n' });
});

test('a schema that was changed without generating anew fails the check, which names the files and changes none', async () => {
  const copy = await mkdtemp(join(tmpdir(), 'layerwright-generate-'));
  try {
    for (const path of ['scripts', 'schemas', 'src', 'docs', 'package.json']) {
      await cp(join(ROOT, path), join(copy, path), { recursive: true });
    }
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    const schema = join(copy, 'schemas/messages/build.started.v1.json');
    await writeFile(schema, (await readFile(schema, 'utf8')).replace('A process has begun', 'A process began'));
    const before = await readFile(join(copy, 'src/messages/generated/bodies.ts'), 'utf8');
    const { status, output } = check(copy);
    assert.equal(status, 1);
    assert.match(output, /stale: .*bodies\.ts.*schemas\.ts.*npm run generate/);
    assert.equal(await readFile(join(copy, 'src/messages/generated/bodies.ts'), 'utf8'), before);
  } finally {
    await rm(copy, { recursive: true });
  }
});
