import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import { FAILURES } from '../../kernel/failure.js';
import { ServiceError } from '../../kernel/service-error.js';

export interface ContextOptions {
  /**
   * What the engine builds by, sent at the end: the rest goes its way while the parents and the names are asked for. What
   * the archive has under this path is left out.
   */
  readonly dockerfile: { readonly path: string; readonly text: Promise<string> };
  /** By path: lines that a file has at its end beside its own; a file that the archive has not is made of them. */
  readonly added: ReadonlyMap<string, string>;
  /**
   * Whether a file, link or folder is sent; a folder's path has no slash at its end. Not asked for `.dockerignore`: the
   * engine needs it, and leaves it out of `COPY .` itself where it says so.
   */
  readonly keep: (path: string) => boolean;
  /** Bytes of the files that are sent. */
  readonly maxBytes: number;
  /** Time of what is not the archive's; its entries keep their own. */
  readonly mtime: Date;
}

/** What tar-stream's own types want of a header that is written. */
type SentHeader = Partial<tar.Header> & Pick<tar.Header, 'name'>;

const IGNORE_FILE = '.dockerignore';
/** Files up to this size are passed on in one piece. */
const SMALL_FILE = 262_144;
const EXECUTABLE = 0o111;

/**
 * Turns an archive of the source into the context that the engine gets: the same tree with the same times gives the same
 * bytes. Names that lead out of the tree, devices and hard links are refused with `source_unsupported`, as is what is over
 * `maxBytes`. Where a symbolic link points is data. Errors of the archive come out as errors of the context.
 */
export function contextStream(archive: Readable, options: ContextOptions): Readable {
  const pack = tar.pack();
  const context = Readable.from(pack, { objectMode: false });
  // Both ways: an archive that fails ends the context, a context that nobody wants any more ends the archive.
  context.once('close', () => archive.destroy());
  repack(archive, pack, options).catch((thrown: unknown) => {
    archive.destroy();
    pack.destroy(thrown instanceof Error ? thrown : new Error(String(thrown)));
  });
  return context;
}

async function repack(archive: Readable, pack: tar.Pack, options: ContextOptions): Promise<void> {
  const extract = tar.extract();
  const fed = pipeline(archive, extract);
  // Its error is the loop's too; without this it would also be nobody's.
  fed.catch(() => undefined);
  // Awaited at the end, if it comes to that.
  options.dockerfile.text.catch(() => undefined);
  const added = new Map(options.added);
  let room = options.maxBytes;
  const take = (bytes: number): void => {
    room -= bytes;
    if (room < 0) throw tooLarge(options);
  };
  for await (const entry of extract) {
    const header = headerOf(entry.header, options.mtime);
    const path = header.name.replace(/\/$/, '');
    if (path !== options.dockerfile.path && path !== '' && (path === IGNORE_FILE || options.keep(path))) {
      take(header.size);
      const lines = header.type === 'file' ? added.get(path) : undefined;
      if (lines !== undefined) {
        added.delete(path);
        const bytes = Buffer.concat([await bytesOf(entry), Buffer.from(`\n${lines}`)]);
        await addFile(pack, { ...header, size: bytes.length }, bytes);
      } else if (header.size > SMALL_FILE) await pipeline(entry, pack.entry(header));
      else await addFile(pack, header, await bytesOf(entry));
    } else entry.resume();
  }
  await fed;
  for (const [path, lines] of added) await addFile(pack, ownHeader(path, options), Buffer.from(lines));
  const dockerfile = Buffer.from(await options.dockerfile.text);
  take(dockerfile.length);
  await addFile(pack, ownHeader(options.dockerfile.path, options), dockerfile);
  pack.finalize();
}

function ownHeader(name: string, { mtime }: ContextOptions): SentHeader {
  return { name, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime };
}

/** Only what git tells of a file: its name, its kind, whether it can be run, and when it was changed. */
function headerOf(given: tar.Header, mtime: Date): SentHeader & { readonly size: number } {
  const name = checkedName(given.name);
  const common = { name, uid: 0, gid: 0, mtime: given.mtime ?? mtime };
  switch (given.type) {
    case 'file':
    case 'contiguous-file': {
      const mode = ((given.mode ?? 0) & EXECUTABLE) === 0 ? 0o644 : 0o755;
      return { ...common, type: 'file', mode, size: given.size ?? 0 };
    }
    case 'directory':
      return { ...common, type: 'directory', mode: 0o755, size: 0 };
    case 'symlink':
      return { ...common, type: 'symlink', mode: 0o777, linkname: given.linkname ?? '', size: 0 };
    default:
      throw unsupported(`The source has something that is no file, folder or symbolic link: ${JSON.stringify(name)}.`);
  }
}

function checkedName(name: string): string {
  const plain = name.replace(/^(?:\.\/+)+/, '');
  if (plain.startsWith('/') || plain.includes('\0') || plain.split('/').includes('..'))
    throw unsupported(`The source has a name that leads out of it: ${JSON.stringify(name)}.`);
  return plain;
}

/** Resolves when the entry is passed on, so that no more is read than the engine takes. */
function addFile(pack: tar.Pack, header: SentHeader, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    pack.entry(header, bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function bytesOf(entry: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of entry) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function tooLarge({ maxBytes }: ContextOptions): ServiceError {
  return unsupported(`The build context is larger than ${maxBytes} bytes (limits.context).`);
}

function unsupported(message: string): ServiceError {
  return new ServiceError('source_unsupported', message, { transient: FAILURES.source_unsupported.transient });
}
