import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { extract } from 'tar-stream';
import { TAR_END, type TarEntry, tarHeader, tarPadding } from '../../../src/git/tar.js';

interface Read {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly mtime: number;
  readonly linkname: string;
  readonly body: string;
}

async function read(bytes: Buffer): Promise<readonly Read[]> {
  const entries: Read[] = [];
  const reader = extract();
  reader.end(bytes);
  for await (const entry of reader) {
    const { name, type, mode, mtime, linkname } = entry.header;
    let body = '';
    for await (const chunk of entry) body += String(chunk);
    entries.push({
      name,
      type: String(type),
      mode: mode ?? 0,
      mtime: mtime?.getTime() ?? 0,
      linkname: linkname ?? '',
      body,
    });
  }
  return entries;
}

const TIME = new Date('2026-11-24T10:00:00Z');
const file: TarEntry = { path: 'a', kind: 'file', executable: false, size: 0, time: TIME, target: '' };

test('files, programs, folders and links are what a clone would give', async () => {
  const body = Buffer.from('hello');
  const bytes = Buffer.concat([
    tarHeader({ ...file, path: 'dir', kind: 'folder' }),
    tarHeader({ ...file, path: 'dir/run', executable: true, size: body.length }),
    body,
    tarPadding(body.length),
    tarHeader({ ...file, path: 'link', kind: 'link', target: 'dir/run' }),
    tarHeader(file),
    TAR_END,
  ]);
  const rest = { mtime: TIME.getTime(), linkname: '', body: '' };
  assert.deepEqual(await read(bytes), [
    { ...rest, name: 'dir/', type: 'directory', mode: 0o755 },
    { ...rest, name: 'dir/run', type: 'file', mode: 0o755, body: 'hello' },
    { ...rest, name: 'link', type: 'symlink', mode: 0o777, linkname: 'dir/run' },
    { ...rest, name: 'a', type: 'file', mode: 0o644 },
  ]);
});

test('names and targets of any length and script are kept', async () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 300 })
    .filter((text) => !/[\0/\ud800-\udfff]/.test(text));
  await fc.assert(
    fc.asyncProperty(name, name, async (path, target) => {
      const bytes = Buffer.concat([tarHeader({ ...file, path, kind: 'link', target }), TAR_END]);
      const [entry] = await read(bytes);
      assert.deepEqual([entry?.name, entry?.linkname], [path, target]);
    }),
    { numRuns: 200 },
  );
});

test('sizes fill whole blocks', () => {
  for (const size of [0, 1, 511, 512, 513]) assert.equal((size + tarPadding(size).length) % 512, 0);
  assert.equal(tarHeader(file).length, 512);
  assert.equal(tarHeader({ ...file, size: 9 * 2 ** 30 }).length % 512, 0);
  assert.match(tarHeader({ ...file, size: 9 * 2 ** 30 }).toString('latin1'), /\d+ size=9663676416\n/);
});
