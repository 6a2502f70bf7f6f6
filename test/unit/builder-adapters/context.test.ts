import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import tar from 'tar-stream';
import { type ContextOptions, contextStream } from '../../../src/builder/adapters/context.js';
import { digestOf } from '../../../src/kernel/digest.js';

type Header = Partial<tar.Header> & Pick<tar.Header, 'name'>;

interface Entry {
  readonly header: tar.Header;
  readonly content: string;
}

const OPTIONS: ContextOptions = {
  dockerfile: { path: 'Dockerfile', text: Promise.resolve('FROM pinned\n') },
  added: new Map(),
  keep: () => true,
  maxBytes: 10_000_000,
  mtime: new Date(1_700_000_000_000),
};

function archiveOf(entries: readonly (Header & { readonly content?: string | Buffer })[]): Readable {
  const pack = tar.pack();
  for (const { content, ...header } of entries) pack.entry(header, content ?? '');
  pack.finalize();
  return Readable.from(pack, { objectMode: false });
}

async function bytes(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function read(stream: Readable): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const entry of stream.pipe(tar.extract())) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    found.push({ header: entry.header, content: Buffer.concat(chunks).toString() });
  }
  return found;
}

const names = (entries: readonly Entry[]): string[] => entries.map(({ header }) => header.name);

describe('the context', () => {
  test('has the pinned Dockerfile instead of the old one, at its end, and all else as it was', async () => {
    const archive = archiveOf([
      { name: 'a/', type: 'directory' },
      { name: 'a/run', mode: 0o775, content: '#!/bin/sh' },
      { name: 'Dockerfile', content: 'FROM loose' },
      { name: 'link', type: 'symlink', linkname: '/../../etc/passwd' },
    ]);
    const entries = await read(contextStream(archive, OPTIONS));
    assert.deepEqual(names(entries), ['a/', 'a/run', 'link', 'Dockerfile']);
    assert.equal(entries[1]?.header.mode, 0o755);
    assert.equal(entries[1]?.content, '#!/bin/sh');
    assert.equal(entries[2]?.header.linkname, '/../../etc/passwd');
    assert.equal(entries[3]?.content, 'FROM pinned\n');
  });

  test('has the pinned Dockerfile beside the committed one where that has a path of its own', async () => {
    const archive = archiveOf([{ name: 'Dockerfile', content: 'FROM loose' }, { name: '.own' }, { name: 'x' }]);
    const dockerfile = { path: '.own', text: Promise.resolve('FROM pinned\n') };
    const entries = await read(contextStream(archive, { ...OPTIONS, dockerfile }));
    assert.deepEqual(
      entries.map(({ header, content }) => [header.name, content]),
      [
        ['Dockerfile', 'FROM loose'],
        ['x', ''],
        ['.own', 'FROM pinned\n'],
      ],
    );
  });

  test('has lines at the end of a file, and makes a file of them that the archive has not', async () => {
    const archive = archiveOf([{ name: '.dockerignore', content: 'a' }, { name: 'x' }]);
    const added = new Map([
      ['.dockerignore', 'own\n'],
      ['made', 'own\n'],
    ]);
    const entries = await read(contextStream(archive, { ...OPTIONS, added }));
    assert.deepEqual(
      entries.map(({ header, content }) => [header.name, content]),
      [
        ['.dockerignore', 'a\nown\n'],
        ['x', ''],
        ['made', 'own\n'],
        ['Dockerfile', 'FROM pinned\n'],
      ],
    );
  });

  test('has a Dockerfile when the archive has none', async () => {
    const entries = await read(contextStream(archiveOf([{ name: 'x', content: 'x' }]), OPTIONS));
    assert.deepEqual(names(entries), ['x', 'Dockerfile']);
  });

  test('leaves out what is ignored, but not the Dockerfile and the ignore file', async () => {
    const archive = archiveOf([
      { name: '.dockerignore' },
      { name: 'Dockerfile' },
      { name: 'secret' },
      { name: 'kept' },
    ]);
    const entries = await read(contextStream(archive, { ...OPTIONS, keep: (path) => path === 'kept' }));
    assert.deepEqual(names(entries), ['.dockerignore', 'kept', 'Dockerfile']);
  });

  test('is the same bytes for the same tree, whoever made the archive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-zé][a-z0-9é._-]{0,120}$/), fc.string(), fc.boolean()), {
          selector: ([name]) => name,
          maxLength: 8,
        }),
        async (files) => {
          const tree = (uid: number, mode: number): Readable =>
            archiveOf(
              files.map(([name, content, run]) => ({
                name,
                content,
                mtime: new Date(0),
                uid,
                gid: uid,
                uname: `user${uid}`,
                mode: run ? mode | 0o100 : mode & ~0o111,
              })),
            );
          const one = await bytes(contextStream(tree(0, 0o644), OPTIONS));
          const two = await bytes(contextStream(tree(1000, 0o660), OPTIONS));
          assert.equal(digestOf(one), digestOf(two));
        },
      ),
      { numRuns: 50 },
    );
  });

  test('every entry has the time of the archive and belongs to root; what is not of the archive has the time asked for', async () => {
    const mtime = new Date(1_600_000_000_000);
    const archive = archiveOf([{ name: 'x', content: 'x', mtime, uid: 1000, gid: 1000 }]);
    const [x, dockerfile] = await read(contextStream(archive, OPTIONS));
    assert.deepEqual([x?.header.mtime, dockerfile?.header.mtime], [mtime, OPTIONS.mtime]);
    assert.deepEqual([x?.header.uid, x?.header.gid, dockerfile?.header.uid, dockerfile?.header.gid], [0, 0, 0, 0]);
  });

  const HOSTILE: readonly (readonly [string, Header])[] = [
    ['an absolute name', { name: '/etc/passwd' }],
    ['a name that climbs out', { name: 'a/../../x' }],
    ['a name that climbs out behind a dot', { name: './../x' }],
    ['a device', { name: 'null', type: 'character-device' }],
    ['a hard link', { name: 'hard', type: 'link', linkname: '../../etc/passwd' }],
  ];
  for (const [what, header] of HOSTILE) {
    test(`refuses ${what}`, async () => {
      const archive = archiveOf([header]);
      await assert.rejects(bytes(contextStream(archive, OPTIONS)), { code: 'source_unsupported' });
      assert.equal(archive.destroyed, true);
    });
  }

  test('refuses a tree that is too large, counting only what is sent', async () => {
    const large = (): Readable => archiveOf([{ name: 'large', content: Buffer.alloc(2_000) }]);
    const options = { ...OPTIONS, maxBytes: 1_000 };
    await assert.rejects(bytes(contextStream(large(), options)), {
      code: 'source_unsupported',
      message: 'The build context is larger than 1000 bytes (limits.context).',
    });
    await bytes(contextStream(large(), { ...options, keep: () => false }));
  });

  test('an error of the archive is its error', async () => {
    const archive = new PassThrough();
    const context = contextStream(archive, OPTIONS);
    archive.write(Buffer.alloc(100), () => archive.destroy(new Error('git died')));
    await assert.rejects(bytes(context), /git died/);
  });

  test('an archive that stops in the middle is an error', async () => {
    const whole = await bytes(archiveOf([{ name: 'x', content: Buffer.alloc(5_000) }]));
    await assert.rejects(bytes(contextStream(Readable.from([whole.subarray(0, 2_000)]), OPTIONS)));
    const stopped = new PassThrough();
    const context = contextStream(stopped, OPTIONS);
    stopped.write(whole.subarray(0, 2_000), () => stopped.destroy());
    await assert.rejects(bytes(context));
  });

  test('an archive ends when nobody wants the context any more', async () => {
    const archive = new PassThrough();
    const context = contextStream(archive, OPTIONS);
    context.destroy();
    if (!archive.closed) await once(archive, 'close', { signal: AbortSignal.timeout(5_000) });
    assert.equal(archive.destroyed, true);
  });

  test('reads no more of a large archive than is taken', async () => {
    let given = 0;
    const whole = await bytes(archiveOf([{ name: 'large', content: Buffer.alloc(8_000_000, 'x') }]));
    const archive = Readable.from(
      (function* () {
        for (let at = 0; at < whole.length; at += 65_536) {
          given += 65_536;
          yield whole.subarray(at, at + 65_536);
        }
      })(),
    );
    const context = contextStream(archive, OPTIONS);
    await once(context, 'readable');
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(given < 2_000_000, `${given} bytes were read`);
    const [entry] = await read(context);
    assert.equal(entry?.content.length, 8_000_000);
  });

  test('a tiny one takes a few milliseconds', async () => {
    const run = async (): Promise<number> => {
      const begun = performance.now();
      await bytes(contextStream(archiveOf([{ name: 'Dockerfile' }, { name: 'x', content: 'x' }]), OPTIONS));
      return performance.now() - begun;
    };
    const times: number[] = [];
    for (let round = 0; round < 20; round++) times.push(await run());
    assert.ok(Math.min(...times) < 20, `${times.map(Math.round).join(' ')} ms`);
  });
});
