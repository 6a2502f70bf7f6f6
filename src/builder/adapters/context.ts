import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import { FAILURES } from '../../kernel/failure.js';
import { ServiceError } from '../../kernel/service-error.js';

export interface ContextOptions {
  /** Path of the Dockerfile inside the archive. */
  readonly dockerfilePath: string;
  /** What is sent in its place, at the end: the rest goes its way while the parents and the names are asked for. */
  readonly dockerfile: Promise<string>;
  /**
   * Whether a file, link or folder is sent; a folder's path has no slash at its end. Not asked for the Dockerfile and
   * `.dockerignore`: the engine needs both, and leaves them out of `COPY .` itself where the ignore file says so.
   */
  readonly keep: (path: string) => boolean;
  /** Bytes of the files that are sent. */
  readonly maxBytes: number;
  /** Time of every entry. */
  readonly mtime: Date;
}

/** What tar-stream's own types want of a header that is written. */
type SentHeader = Partial<tar.Header> & Pick<tar.Header, 'name'>;

const IGNORE_FILE = '.dockerignore';
/** Files up to this size are passed on in one piece. */
const SMALL_FILE = 262_144;
const EXECUTABLE = 0o111;

/**
 * Turns an archive of the source into the context that the engine gets: the same tree gives the same bytes. Names that
 * lead out of the tree, devices and hard links are refused with `source_unsupported`, as is what is over `maxBytes`.
 * Where a symbolic link points is data. Errors of the archive come out as errors of the context.
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
  options.dockerfile.catch(() => undefined);
  let room = options.maxBytes;
  for await (const entry of extract) {
    const header = headerOf(entry.header, options.mtime);
    const path = header.name.replace(/\/$/, '');
    if (path !== options.dockerfilePath && path !== '' && (path === IGNORE_FILE || options.keep(path))) {
      room -= header.size;
      if (room < 0) throw tooLarge(options);
      if (header.size > SMALL_FILE) await pipeline(entry, pack.entry(header));
      else await addFile(pack, header, await bytesOf(entry));
    } else entry.resume();
  }
  await fed;
  const dockerfile = Buffer.from(await options.dockerfile);
  if (dockerfile.length > room) throw tooLarge(options);
  await addFile(pack, dockerfileHeader(options), dockerfile);
  pack.finalize();
}

function dockerfileHeader({ dockerfilePath, mtime }: ContextOptions): SentHeader {
  return { name: dockerfilePath, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime };
}

/** Only what git keeps of a file: its name, its kind, and whether it can be run. */
function headerOf(given: tar.Header, mtime: Date): SentHeader & { readonly size: number } {
  const name = checkedName(given.name);
  const common = { name, uid: 0, gid: 0, mtime };
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
