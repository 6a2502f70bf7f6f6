import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import tar from 'tar-stream';

/** What an image has under a path. */
export interface ImageFile {
  readonly type: string;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly time: number;
  /** A file's text, a link's target. */
  readonly text: string;
}

/** The layers of an image from the bottom up, each by path without slashes at its ends. */
export async function layersOf(
  docker: Docker,
  reference: string,
): Promise<readonly Readonly<Record<string, ImageFile>>[]> {
  const archive = await buffer(await docker.getImage(reference).get());
  const files = new Map((await unpacked(archive)).map(({ header, bytes }) => [header.name, bytes]));
  const [manifest] = JSON.parse(String(files.get('manifest.json'))) as [{ readonly Layers: readonly string[] }];
  return Promise.all(
    manifest.Layers.map(async (name) => {
      const entries = await unpacked(files.get(name) ?? Buffer.alloc(0));
      return Object.fromEntries(
        entries.map(({ header: { name: path, type, mode, mtime, linkname }, bytes }) => [
          path.replace(/^\.?\/|\/$/g, ''),
          {
            type: String(type),
            mode: (mode ?? 0) & 0o777,
            time: Math.floor((mtime?.getTime() ?? 0) / 1_000),
            text: linkname ?? String(bytes),
          },
        ]),
      );
    }),
  );
}

async function unpacked(archive: Buffer): Promise<readonly { readonly header: tar.Header; readonly bytes: Buffer }[]> {
  const reader = tar.extract();
  reader.end(archive);
  const found: { header: tar.Header; bytes: Buffer }[] = [];
  for await (const entry of reader) found.push({ header: entry.header, bytes: await buffer(entry) });
  return found;
}
