import { Readable } from 'node:stream';
import { ServiceError, toError } from '../kernel/service-error.js';
import { checkCommit, pathParts, shown } from './names.js';
import type { Objects } from './objects.js';
import { TAR_END, tarHeader, tarPadding } from './tar.js';
import type { FileTimes } from './times.js';

/** A link's target is read whole; no file system takes a longer one. */
const MAX_TARGET = 4_096;
/** Small entries leave together in pieces of about this size. */
const PIECE_BYTES = 65_536;

/**
 * A commit's files as a tar stream, made from the objects themselves: the committed bytes, whatever `.gitattributes`
 * says (no `export-ignore`, no `export-subst`, no line-end conversion), the same for the same commit in every process.
 * Each entry's time is that of its last change.
 */
export function archive(
  objects: Objects,
  times: FileTimes,
  commit: string,
  path: string,
  signal?: AbortSignal,
): Readable {
  const stream = Readable.from(packed(entries(objects, times, commit, path)), { objectMode: false });
  const aborted = (): void => void stream.destroy(toError(signal?.reason));
  if (signal?.aborted) aborted();
  signal?.addEventListener('abort', aborted, { once: true });
  stream.once('close', () => signal?.removeEventListener('abort', aborted));
  return stream;
}

async function* entries(objects: Objects, times: FileTimes, commit: string, folder: string): AsyncGenerator<Buffer> {
  checkCommit(commit);
  const parts = pathParts(folder);
  const root = await objects.find(commit, parts);
  if (root?.kind !== 'folder')
    throw new ServiceError('config_invalid', `There is no folder ${shown(folder)} in the commit ${commit}.`);
  const nodes = await objects.below(root.oid);
  const timeOf = await times.at(commit, parts, root.oid, nodes);
  const blobs = objects.blobs(nodes.filter(({ kind }) => kind === 'file' || kind === 'link').map(({ oid }) => oid));
  try {
    for (const { path, kind, executable } of nodes) {
      const time = timeOf(path);
      if (kind === 'folder' || kind === 'submodule') {
        yield tarHeader({ path, kind: 'folder', executable, size: 0, time, target: '' });
        continue;
      }
      const { value: blob } = await blobs.next();
      if (blob === undefined) throw new ServiceError('internal', 'git gave fewer files than its tree has.');
      if (kind === 'link') {
        if (blob.size > MAX_TARGET)
          throw new ServiceError('source_unsupported', `The link ${shown(path)} is too long.`);
        const target = (await whole(blob.pieces)).toString('utf8');
        yield tarHeader({ path, kind, executable, size: 0, time, target });
        continue;
      }
      yield tarHeader({ path, kind, executable, size: blob.size, time, target: '' });
      yield* blob.pieces;
      if (blob.size % 512 !== 0) yield tarPadding(blob.size);
    }
    // Runs the reader's end, so that it can be used again.
    await blobs.next();
    yield TAR_END;
  } finally {
    await blobs.return(undefined);
  }
}

async function whole(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function* packed(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    waiting.push(piece);
    bytes += piece.length;
    if (bytes < PIECE_BYTES) continue;
    yield waiting.length === 1 ? piece : Buffer.concat(waiting);
    [waiting, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}
